"""Weights on disk: a safetensors file and a JSON card that says what they are and where they come from.

A folder of weights holds ``generator.safetensors`` and ``card.json``. Nothing is unpickled, and a card whose
sizes or hash do not fit its weights is refused.
"""

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from relgan.errors import InputError
from relgan.models import Generator
from relgan.training import write_text

GENERATOR = "generator.safetensors"
CARD = "card.json"
FORMAT = 1


@dataclass(frozen=True)
class Card:
    """What a set of weights is.

    Attributes:
        size, expression_dim, identity_dim: what the networks were built with.
        expressions: the expressions of the training faces, in alphabetical order.
        provenance: data set, faces, people, seed, steps, command, settings.
        sha256: of the weights' file.
        versions: of the software that made them.
        format: of this card.
    """

    size: int
    expression_dim: int
    identity_dim: int
    expressions: list[str]
    provenance: dict[str, Any]
    sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


def save_generator(
    folder: Path, generator: Generator, expressions: list[str], provenance: dict[str, Any]
) -> Card:
    """Write a generator and its card, each whole or not at all; returns the card."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in generator.state_dict().items()}
    beside = folder / (GENERATOR + ".part")
    save_file(tensors, beside)
    card = Card(
        size=generator.size,
        expression_dim=generator.expression_encoder.code_dim,
        identity_dim=generator.identity_encoder.code_dim,
        expressions=list(expressions),
        provenance=provenance,
        sha256=_hash(beside),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("relgan", "torch")},
        },
    )
    os.replace(beside, folder / GENERATOR)
    write_text(json.dumps(asdict(card), indent=1) + "\n", folder / CARD)
    return card


def load_generator(folder: Path) -> tuple[Generator, Card]:
    """The generator of a folder, in evaluation mode, and its card.

    Raises:
        InputError: a file is missing or damaged, or card and weights do not belong together.
    """
    path = folder / GENERATOR
    try:
        record = json.loads((folder / CARD).read_text(encoding="utf-8"))
        card = Card(**record)
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no {CARD}; give a folder that relgan pretrain made") from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder / CARD}: not a card of relgan weights ({error})") from error
    if card.format != FORMAT:
        raise InputError(f"{folder / CARD}: format {card.format}, this version reads {FORMAT}; update relgan")
    if not path.exists():
        raise InputError(f"{path}: missing; copy the whole folder that relgan pretrain made")
    if _hash(path) != card.sha256:
        raise InputError(
            f"{path}: is not the file its card describes (SHA-256 differs); copy the folder again"
        )
    generator = Generator(card.size, card.expression_dim, card.identity_dim)
    try:
        generator.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"{path}: does not fit its card ({str(error).splitlines()[0]})") from error
    return generator.eval(), card


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
