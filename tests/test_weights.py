"""Weights: what is saved is what is loaded, and anything else is refused in one line."""

import json
from pathlib import Path

import pytest
import torch

from relgan.errors import InputError
from relgan.models import Generator, initialise
from relgan.weights import load_generator, save_generator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = Generator(32)
    initialise(generator, torch.Generator().manual_seed(0))
    save_generator(tmp_path, generator, ["anger", "fear"], {"dataset": "drawn"})
    return tmp_path


def test_a_generator_comes_back_as_it_was(folder: Path) -> None:
    original = Generator(32)
    initialise(original, torch.Generator().manual_seed(0))
    loaded, card = load_generator(folder)
    for name, value in original.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name
    assert (card.size, card.expressions, card.provenance) == (32, ["anger", "fear"], {"dataset": "drawn"})
    assert not loaded.training
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "generator.safetensors"]


def test_changed_weights_and_foreign_cards_are_refused(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "size": 64}))
    with pytest.raises(InputError, match="does not fit its card"):
        load_generator(folder)
    (folder / "card.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(InputError, match="update relgan"):
        load_generator(folder)
    (folder / "card.json").write_text("{}")
    with pytest.raises(InputError, match="not a card"):
        load_generator(folder)
    (folder / "card.json").write_text(json.dumps(card))
    data = bytearray((folder / "generator.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "generator.safetensors").write_bytes(bytes(data))
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_generator(folder)
    (folder / "generator.safetensors").unlink()
    with pytest.raises(InputError, match="missing"):
        load_generator(folder)
    with pytest.raises(InputError, match="relgan pretrain"):
        load_generator(folder / "nowhere")
