"""What an encoder looks at: pictures or the middle of them, or edges in units of those around."""

from pathlib import Path

import pytest
import torch

from relgan.config import PRESETS, Front
from relgan.errors import InputError
from relgan.export import export
from relgan.folded import folded_encoder
from relgan.fronts import Edges, Middle, front_of
from relgan.models import (
    Baseline,
    Classifier,
    ExpressionEncoder,
    Generator,
    baseline_of,
    generator_of,
)
from relgan.weights import Weights, load_weights, save_weights

from .conftest import EXPRESSIONS
from .test_weights import drawn


def pictures(count: int = 4) -> torch.Tensor:
    coarse = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1) * 2 - 1


def test_edges_do_not_change_with_brightness_and_hardly_with_contrast() -> None:
    given = pictures()
    seen = Edges()(given)
    assert seen.shape == given.shape
    torch.testing.assert_close(Edges()(given - 0.3), seen, atol=1e-4, rtol=1e-4)
    # Not exactly: the floor keeps noise from being blown up where there is nothing.
    difference = (Edges()(0.6 * given) - seen).abs().mean()
    assert difference < 0.15 * seen.abs().mean()


def test_edges_point_where_it_gets_brighter() -> None:
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    right, down, length = Edges()(ramp)[0, :, 8:-8, 8:-8]
    assert (right > 0.5).all()
    assert (down == 0).all()
    torch.testing.assert_close(length + 1, right, atol=1e-3, rtol=1e-3)


def test_an_even_picture_has_no_edges_and_a_finite_gradient() -> None:
    even = torch.zeros(1, 3, 64, 64, requires_grad=True)
    seen = Edges()(even)
    assert seen[:, :2].abs().max() == 0
    seen.square().sum().backward()
    assert even.grad is not None
    assert even.grad.isfinite().all()


@pytest.mark.parametrize("size", [32, 64, 96])
def test_the_middle_is_all_that_is_looked_at(size: int) -> None:
    given = pictures()[..., :size, :size].contiguous() if size <= 64 else torch.zeros(4, 3, 96, 96)
    seen = Middle()(given)
    assert seen.shape == given.shape
    torch.testing.assert_close(Middle()(given.flip(3)), seen.flip(3))
    rim = size // 8
    around = torch.ones(size, size, dtype=torch.bool)
    around[rim:-rim, rim:-rim] = False
    torch.testing.assert_close(Middle()(given.masked_fill(around, 1)), seen)


def test_the_middle_is_enlarged_around_a_place_a_little_lower() -> None:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    seen = Middle()(torch.stack([rows, columns, rows])[None])[0, :2]
    assert seen[:, 31:33, 31:33].mean((1, 2)).tolist() == pytest.approx([32.5, 31.5], abs=0.1)
    assert (seen[0, 40] - seen[0, 39]).mean().item() == pytest.approx(46 / 64)


@pytest.mark.parametrize("name", ["edges", "middle", "middle-edges"])
def test_a_front_has_no_parameters_and_stands_before_every_use_of_the_encoder(name: Front) -> None:
    fronted, plain = (ExpressionEncoder(64, 7, 0.25, front).eval() for front in (name, "picture"))
    fronted.load_state_dict(plain.state_dict())
    given = pictures()
    with torch.no_grad():
        wanted = plain(front_of(name)(given))
        assert not torch.allclose(wanted, plain(given))
        torch.testing.assert_close(fronted(given), wanted)
        torch.testing.assert_close(fronted.code(fronted.maps(given)[-1].flatten(1)), wanted)
        torch.testing.assert_close(folded_encoder(fronted)(given), wanted, atol=1e-5, rtol=1e-4)


def test_only_what_reads_expressions_looks_at_edges() -> None:
    generator = Generator(64, 7, 50, 0.25, skips=True, front="edges")
    assert generator.expression_encoder.look == "edges"
    assert generator.identity_encoder.look == "picture"


def test_the_papers_encoder_looks_at_the_picture() -> None:
    config = PRESETS["paper"]
    assert config.front == "picture"
    assert generator_of(config).expression_encoder.look == baseline_of(config, 7).encoder.look == "picture"


def test_weights_remember_what_they_look_at(tmp_path: Path) -> None:
    generator = drawn(Generator(32, 7, width=0.25, front="edges"))
    baseline = drawn(Baseline(len(EXPRESSIONS), 32, width=0.25, front="edges"))
    save_weights(tmp_path, generator, list(EXPRESSIONS), {}, baseline=baseline)
    loaded = load_weights(tmp_path)
    assert loaded.card.front == "edges"
    assert loaded.fitted(PRESETS["paper"]).front == "edges"
    assert loaded.baseline is not None
    with torch.no_grad():
        given = pictures()[..., :32, :32].contiguous()
        torch.testing.assert_close(loaded.generator.see(given).shown, generator.eval().see(given).shown)
        torch.testing.assert_close(loaded.baseline(given), baseline.eval()(given))


def test_a_front_that_is_not_known_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path, Generator(32, 7, width=0.25), list(EXPRESSIONS), {})
    card = tmp_path / "card.json"
    card.write_text(card.read_text().replace('"front": "picture"', '"front": "smell"'))
    with pytest.raises(InputError, match="front smell"):
        load_weights(tmp_path)


def test_the_front_is_part_of_an_exported_graph(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="relgan[onnx] is not installed")
    generator = drawn(Generator(64, 7, width=0.25, front="middle-edges"))
    classifier = drawn(Classifier(len(EXPRESSIONS), 7))
    card = save_weights(tmp_path / "weights", generator, list(EXPRESSIONS), {}, classifier=classifier)
    weights = Weights(card, generator.eval(), classifier.eval())
    assert export(weights, tmp_path / "recogniser.onnx").difference < 1e-4
    assert export(weights, tmp_path / "generator.onnx", what="generator").difference < 1e-4
    assert export(weights, tmp_path / "int8.onnx", int8=True).agreement is not None
