"""The networks against section 4.1: shapes, channels, initialisation."""

import pytest
import torch
from torch import nn

from relgan.errors import InputError
from relgan.models import (
    Baseline,
    Classifier,
    Decoder,
    Discriminator,
    ExpressionEncoder,
    Generator,
    GroupedBatchNorm2d,
    IdentityEncoder,
    initialise,
    initialise_discriminator,
    parameter_count,
)


def convolutions(module: nn.Module) -> list[tuple[int, int, int, int]]:
    return [
        (layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d)
    ]


def linears(module: nn.Module) -> list[tuple[int, int]]:
    return [
        (layer.in_features, layer.out_features) for layer in module.modules() if isinstance(layer, nn.Linear)
    ]


def test_encoders_have_the_papers_blocks_and_code_lengths() -> None:
    expected = [(3, 64, 3, 1), (64, 128, 3, 1), (128, 256, 3, 1), (256, 512, 3, 1), (512, 512, 3, 1)]
    assert convolutions(ExpressionEncoder()) == convolutions(IdentityEncoder()) == expected
    assert linears(ExpressionEncoder()) == [(512 * 3 * 3, 30)]
    assert linears(IdentityEncoder()) == [(512 * 3 * 3, 50)]


def test_decoder_has_the_papers_channels() -> None:
    expected = [
        (512, 512, 3, 1),
        (512, 256, 3, 1),
        (256, 128, 3, 1),
        (128, 64, 3, 1),
        (64, 32, 3, 1),
        (32, 3, 3, 1),
    ]
    assert convolutions(Decoder()) == expected


def test_discriminator_shares_four_blocks_and_a_layer_of_1024_and_branches_twice() -> None:
    network = Discriminator(expressions=7, identities=94)
    assert convolutions(network) == [(3, 16, 3, 1), (16, 32, 3, 1), (32, 64, 3, 1), (64, 128, 3, 1)]
    assert linears(network.shared) == [(128 * 6 * 6, 1024)]
    assert linears(network.expression_branch) == [(1024, 512), (512, 256), (256, 8)]
    assert linears(network.identity_branch) == [(1024, 512), (512, 256), (256, 94)]


@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_any_multiple_of_32_works(size: int) -> None:
    pictures = torch.randn(2, 3, size, size).clamp(-1, 1)
    reenacted = Generator(size)(pictures, pictures.flip(0))
    assert reenacted.picture.shape == (2, 3, size, size)
    assert reenacted.expression_code.shape == (2, 30)
    assert reenacted.identity_code.shape == (2, 50)
    assert reenacted.picture.abs().max() <= 1
    judgement = Discriminator(7, 5, size)(reenacted.picture)
    assert judgement.expression.shape == (2, 8)
    assert judgement.identity.shape == (2, 5)
    assert Baseline(7, size)(pictures).shape == (2, 7)


def test_with_skips_the_picture_is_the_target_where_nothing_moves_and_the_mask_is_shut() -> None:
    generator = Generator(32, width=0.25, skips=True).eval()
    initialise(generator, torch.Generator().manual_seed(3))
    source, target = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    decoder = generator.decoder
    reenacted = generator(source, target)
    assert reenacted.picture.shape == target.shape
    assert torch.equal(reenacted.identity_code, generator.identity_encoder(target))
    with torch.no_grad():
        decoder.to_rgb[0].bias[3] = -100  # shut
        assert torch.allclose(generator(source, target).picture, generator(source, target).drafts[1])
        decoder.to_field.weight.zero_()
        assert torch.allclose(generator(source, target).picture, target, atol=1e-5)
        decoder.to_field.bias[0] = 0.5  # all to one side
        moved = 0.5 * torch.tensor(0.5).tanh().item() * 0.25 * 32
        whole, part = int(moved), moved - int(moved)
        inner = target[..., whole:-2] * (1 - part) + target[..., whole + 1 : -1] * part
        found = generator(source, target).picture[..., : inner.shape[-1]]
        assert torch.allclose(found, inner, atol=1e-4)
        decoder.to_rgb[0].bias[3] = 100  # open: the painted picture alone, which follows the target's maps
        painted = generator(source, target).picture
        assert painted.abs().max() <= 1
        for lateral in decoder.laterals:
            lateral.weight.zero_()
        assert not torch.allclose(generator(source, target).picture, painted)
    one = generator.see(target[:1])
    assert generator.paint(reenacted.expression_code, one).picture.shape == target.shape


def test_a_decoder_with_skips_is_told_what_the_target_shows() -> None:
    generator = Generator(32, width=0.25, skips=True).eval()
    initialise(generator, torch.Generator().manual_seed(3))
    source, target = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        seen = generator.see(target)
        assert torch.allclose(seen.shown, generator.expression_encoder(target))
        together = generator(source, target, target)
        assert torch.allclose(together.truth_code, seen.shown, atol=1e-6)
        painted = generator.paint(together.expression_code, seen).picture
        assert torch.allclose(painted, together.picture, atol=1e-5)
        otherwise = generator.paint(together.expression_code, seen._replace(shown=seen.shown + 5)).picture
        assert not torch.allclose(otherwise, painted, atol=1e-4)


@pytest.mark.parametrize("size", [0, 16, 48, 100])
def test_other_sizes_are_refused_with_the_remedy(size: int) -> None:
    with pytest.raises(InputError, match="multiple of 32"):
        Generator(size)


def test_initialisation_is_dcgans_and_follows_the_seed() -> None:
    first, second = Generator(32), Generator(32)
    initialise(first, torch.Generator().manual_seed(3))
    initialise(second, torch.Generator().manual_seed(3))
    weight = first.decoder.blocks[0][1].weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
    norm = first.expression_encoder.blocks[4][1]
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_discriminators_fully_connected_layers_keep_their_signal() -> None:
    network = Discriminator(7, 94)
    initialise_discriminator(network, torch.Generator().manual_seed(3))
    assert network.blocks[3].weight.std().item() == pytest.approx(0.02, rel=0.05)
    for layer in (network.shared[0], network.expression_branch[0], network.identity_branch[2]):
        expected = (2 / (1 + 0.2**2) / layer.in_features) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)


def test_grouped_batch_norm_keeps_statistics_of_each_part_apart() -> None:
    torch.manual_seed(0)
    parts = [torch.randn(4, 3, 5, 5), 7 + 3 * torch.randn(4, 3, 5, 5)]
    grouped, plain = GroupedBatchNorm2d(3), nn.BatchNorm2d(3)
    grouped.groups = 2
    together = grouped(torch.cat(parts))
    apart = torch.cat([plain(part) for part in parts])
    assert torch.allclose(together, apart)
    assert torch.allclose(grouped.running_mean, plain.running_mean)


def test_classifier_takes_codes_of_thirty_numbers() -> None:
    assert Classifier(7)(torch.randn(4, 30)).shape == (4, 7)


def test_parameter_counts_are_those_in_the_docs() -> None:
    counts = {
        "ExpressionEncoder": parameter_count(ExpressionEncoder()),
        "IdentityEncoder": parameter_count(IdentityEncoder()),
        "Decoder": parameter_count(Decoder()),
        "Generator": parameter_count(Generator()),
        "Discriminator": parameter_count(Discriminator(7, 94)),
        "Baseline": parameter_count(Baseline(7)),
        "Classifier": parameter_count(Classifier(7)),
    }
    text = (__import__("pathlib").Path(__file__).parents[1] / "docs" / "networks.md").read_text(
        encoding="utf-8"
    )
    for name, count in counts.items():
        assert f"| `{name}` | {count:,} |" in text, (name, f"{count:,}")
