"""Weights: what is saved is what is loaded, and anything else is refused in one line."""

import json
import shutil
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import nn

from relgan.config import PRESETS
from relgan.errors import InputError
from relgan.models import Baseline, Classifier, Discriminator, Generator, initialise
from relgan.weights import load_weights, packaged, save_weights

Network = TypeVar("Network", bound=nn.Module)


def drawn(network: Network) -> Network:
    initialise(network, torch.Generator().manual_seed(0))
    return network


def parts() -> dict[str, nn.Module]:
    networks = {
        "generator": Generator(32, width=0.25),
        "classifier": Classifier(2, hidden=16),
        "baseline": Baseline(2, 32, 12, width=0.25),
        "discriminator": Discriminator(2, 5, 32),
    }
    return {name: drawn(network) for name, network in networks.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    provenance = {"dataset": "drawn"}
    save_weights(tmp_path, expressions=["anger", "fear"], provenance=provenance, **parts())  # type: ignore[arg-type]
    return tmp_path


def test_all_networks_come_back_as_they_were(folder: Path) -> None:
    loaded = load_weights(folder)
    for name, original in parts().items():
        network = getattr(loaded, name)
        assert not network.training
        for key, value in original.state_dict().items():
            assert torch.equal(value, network.state_dict()[key]), key
    card = loaded.card
    assert (card.size, card.width, card.hidden, card.people) == (32, 0.25, 16, 5)
    assert (card.expression_dim, card.features) == (30, 12)
    assert (card.expressions, card.provenance) == (["anger", "fear"], {"dataset": "drawn"})
    assert sorted(card.sha256) == [f"{name}.safetensors" for name in sorted(parts())]
    assert len(list(folder.iterdir())) == 5


def test_a_generator_with_skips_comes_back_with_them(tmp_path: Path) -> None:
    generator = drawn(Generator(32, width=0.25, skips=True))
    assert isinstance(generator, Generator)
    save_weights(tmp_path, generator, ["anger", "fear"], {})
    loaded = load_weights(tmp_path)
    assert loaded.card.skips
    assert loaded.fitted(PRESETS["paper"]).skips
    assert torch.equal(
        loaded.generator.decoder.to_rgb[0].weight, generator.decoder.state_dict()["to_rgb.0.weight"]
    )


def test_half_precision_halves_the_file_and_moves_a_weight_by_a_thousandth(
    folder: Path, tmp_path: Path
) -> None:
    generator = drawn(Generator(32, width=0.25))
    assert isinstance(generator, Generator)
    other = tmp_path / "half"
    save_weights(other, generator, ["anger", "fear"], {}, half=True)
    file = "generator.safetensors"
    assert (other / file).stat().st_size < 0.55 * (folder / file).stat().st_size
    loaded = load_weights(other)
    assert loaded.classifier is None
    for a, b in zip(generator.parameters(), loaded.generator.parameters(), strict=True):
        assert b.dtype == torch.float32
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)


def test_a_run_takes_the_sizes_of_the_weights_it_begins_with(folder: Path) -> None:
    config = load_weights(folder).fitted(PRESETS["paper"])
    assert (config.size, config.width, config.expression_dim) == (32, 0.25, 30)
    assert config.reenactment == PRESETS["paper"].reenactment


def test_the_digest_follows_every_weight(folder: Path) -> None:
    first, second = load_weights(folder), load_weights(folder)
    assert first.digest() == second.digest()
    with torch.no_grad():
        second.generator.decoder.to_rgb[0].bias[0] += 1  # type: ignore[index, union-attr]
    assert first.digest() != second.digest()


def test_changed_weights_and_foreign_cards_are_refused(folder: Path) -> None:
    path = folder / "card.json"
    card = json.loads(path.read_text())
    for change, message in (
        ({"size": 64}, "does not fit its card"),
        ({"expressions": ["anger"]}, "does not fit its card"),
        ({"expressions": ["anger", "glee"]}, "glee"),
        ({"expressions": ["anger", "anger"]}, "named twice"),
        ({"align": "sideways"}, "align sideways"),
        ({"format": 99}, "update relgan"),
        ({"strange": 1}, "not a card"),
        ({"sha256": {}}, "names no generator"),
    ):
        path.write_text(json.dumps({**card, **change}))
        with pytest.raises(InputError, match=message):
            load_weights(folder)
    path.write_text("{}")
    with pytest.raises(InputError, match="not a card"):
        load_weights(folder)
    path.write_text(json.dumps(card))
    data = bytearray((folder / "generator.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "generator.safetensors").write_bytes(bytes(data))
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_weights(folder)
    (folder / "generator.safetensors").unlink()
    with pytest.raises(InputError, match="missing"):
        load_weights(folder)
    with pytest.raises(InputError, match="relgan pretrain"):
        load_weights(folder / "nowhere")


def test_a_folder_named_like_packaged_weights_is_never_taken_for_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = packaged()[0]
    here = tmp_path / "here"
    (here / name).mkdir(parents=True)
    monkeypatch.chdir(here)
    assert len(load_weights(name).card.expressions) == 8  # an empty folder is no weights
    shutil.copytree(folder, here / name, dirs_exist_ok=True, ignore=lambda *_: {"here"})
    with pytest.raises(InputError, match=rf"write \./{name} for the folder"):
        load_weights(name)
    for place in (f"./{name}", Path(name)):
        assert load_weights(place).card.expressions == ["anger", "fear"]


@pytest.mark.parametrize("name", packaged())
def test_packaged_weights_load_by_name(name: str) -> None:
    weights = load_weights(name)
    assert weights.classifier is not None
    assert weights.baseline is not None
