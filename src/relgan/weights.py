"""Weights on disk: safetensors files and a JSON card that says what they are and where they come from.

A folder of weights holds ``card.json``, ``generator.safetensors`` and, as far as they were trained, the
classifier, the baseline and the discriminator. Nothing is unpickled, and a card whose sizes or hashes do not
fit its weights is refused. The weights that come with the package lie in ``relgan/pretrained``.
"""

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from relgan.config import Alignment, Config, Front
from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.files import whole, write_text
from relgan.models import Baseline, Classifier, Discriminator, Generator, baseline_of, generator_of
from relgan.training import digest_of

GENERATOR, CLASSIFIER, BASELINE, DISCRIMINATOR = (
    f"{name}.safetensors" for name in ("generator", "classifier", "baseline", "discriminator")
)
CARD = "card.json"
FORMAT = 3
PACKAGED = Path(__file__).parent / "pretrained"


@dataclass(frozen=True)
class Card:
    """What a set of weights is.

    Attributes:
        size, expression_dim, identity_dim, width, skips, front: what the networks were built with; pictures
            are ``size`` pixels, the centre 96/112 of an aligned face (relgan.faces.align), RGB in [-1, 1].
        align: how the faces were aligned that the networks learnt from.
        expressions: the classes of classifier, baseline and discriminator, in order.
        hidden: width of the classifier; features: of the baseline's layer before the last; people: identities
            the discriminator knows.
        provenance: data set, faces, people, seed, steps, command, settings.
        measured: accuracies and the commands that gave them.
        sha256: of each file.
        versions: of the software that made them.
        format: of this card.
    """

    size: int
    expression_dim: int
    identity_dim: int
    width: float
    expressions: list[str]
    align: Alignment = "similarity"
    skips: bool = False
    front: Front = "picture"
    hidden: int = 64
    features: int = 30
    people: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def fitted(self, config: Config) -> Config:
        """The settings with the sizes of the networks that are described."""
        return replace(
            config,
            align=self.align,
            size=self.size,
            width=self.width,
            expression_dim=self.expression_dim,
            identity_dim=self.identity_dim,
            skips=self.skips,
            front=self.front,
            baseline=replace(config.baseline, features=self.features),
        )


@dataclass(frozen=True)
class Weights:
    """Trained networks in evaluation mode, float32, and their card; None where there is no such file."""

    card: Card
    generator: Generator
    classifier: Classifier | None = None
    baseline: Baseline | None = None
    discriminator: Discriminator | None = None

    def digest(self) -> str:
        """SHA-256 over all weights."""
        return digest_of(*self.networks().values())

    def ancestors(self) -> set[str]:
        """Short digests of the weights that these went on from, and of those they are the mean of."""
        told = self.card.provenance
        before = {*told.get("ancestors", ()), *(part["digest"] for part in told.get("averaged", ()))}
        return before | ({told["start"]} if told.get("start") else set())

    def fitted(self, config: Config) -> Config:
        """The settings with the sizes of these networks."""
        return self.card.fitted(config)

    def looking_at(self, front: Front) -> "Weights":
        """The same weights behind another front, to learn with; codes and answers mean nothing yet."""
        card = replace(self.card, front=front)
        config = card.fitted(Config())
        generator = generator_of(config)
        generator.load_state_dict(self.generator.state_dict())
        baseline = None
        if self.baseline is not None:
            baseline = baseline_of(config, len(card.expressions))
            baseline.load_state_dict(self.baseline.state_dict())
        return replace(
            self,
            card=card,
            generator=generator.eval(),
            baseline=None if baseline is None else baseline.eval(),
        )

    def datasets(self) -> list[str]:
        """The data sets that the card names, those of the weights that these began with included."""
        own = [name for name in (self.card.provenance.get("dataset") or "").split(" + ") if name]
        return list(dict.fromkeys([*self.card.provenance.get("before", ()), *own]))

    def learnt_from(self, dataset: str) -> bool:
        """Whether the card names this data set of photographs, or another of the same people; rendered people
        are others each time."""
        people = _people(dataset)
        return people != "synthetic" and people in map(_people, self.datasets())

    def caution(self, dataset: str, option: str, faces: str) -> str | None:
        """What to tell who measures these weights, named by an option, on a data set they learnt from.

        Args:
            dataset: its name.
            option: as typed.
            faces: the digest of its faces (``FaceTensors.digest``).
        """
        if faces.startswith(self.card.provenance.get("data") or "none"):
            return f"{option}: learnt from these very faces; the figures mean nothing"
        if not self.learnt_from(dataset):
            return None
        return (
            f"{option}: learnt from {dataset} too; where it knows the faces tested here, the figures "
            "mean nothing"
        )

    def networks(self) -> dict[str, nn.Module]:
        """The networks that are there, by file name."""
        parts = {
            GENERATOR: self.generator,
            CLASSIFIER: self.classifier,
            BASELINE: self.baseline,
            DISCRIMINATOR: self.discriminator,
        }
        return {name: network for name, network in parts.items() if network is not None}


def _people(dataset: str) -> str:
    """What data sets of the same people share."""
    from relgan.data.readers import reader_named

    try:
        return reader_named(dataset).people
    except InputError:  # of somebody's own
        return dataset


def packaged() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(path.parent.name for path in PACKAGED.glob(f"*/{CARD}"))


def save_weights(
    folder: Path,
    generator: Generator,
    expressions: list[str],
    provenance: dict[str, Any],
    *,
    classifier: Classifier | None = None,
    baseline: Baseline | None = None,
    discriminator: Discriminator | None = None,
    measured: dict[str, Any] | None = None,
    align: Alignment = "similarity",
    half: bool = False,
) -> Card:
    """Write networks and their card, each file whole or not at all; returns the card.

    Args:
        folder: made if need be.
        generator, classifier, baseline, discriminator: networks for the same pictures and classes.
        expressions: the classes in order.
        provenance: where the weights come from.
        measured: what they reach, and how that was measured.
        align: how the faces were aligned.
        half: store 16-bit floats.
    """
    folder.mkdir(parents=True, exist_ok=True)
    card = Card(
        size=generator.size,
        expression_dim=generator.expression_encoder.code_dim,
        identity_dim=generator.identity_encoder.code_dim,
        width=generator.width,
        expressions=list(expressions),
        align=align,
        skips=generator.skips,
        front=generator.expression_encoder.look,
        hidden=_rows(classifier, "layers.1.bias") if classifier is not None else 64,
        features=baseline.encoder.code_dim if baseline is not None else 30,
        people=_rows(discriminator, "identity_branch.4.bias") if discriminator is not None else 0,
        provenance=provenance,
        measured=measured or {},
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("relgan", "torch")},
        },
    )
    weights = Weights(card, generator, classifier, baseline, discriminator)
    (folder / CARD).unlink(missing_ok=True)  # a folder without a card is no weights; it comes last
    for name, network in weights.networks().items():
        with whole(folder / name) as beside:
            save_file({key: _stored(value, half) for key, value in network.state_dict().items()}, beside)
            beside.chmod(0o644)  # safetensors writes for its owner alone
            card.sha256[name] = _hash(beside)
    write_text(json.dumps(asdict(card), indent=1) + "\n", folder / CARD)
    return card


def load_or_packaged(place: str | os.PathLike[str] | None, default: str) -> Weights:
    """:func:`load_weights`, or where None the packaged ones of a name, whatever folder is called so here."""
    return load_weights(PACKAGED / default if place is None else place)


def load_weights(place: str | os.PathLike[str]) -> Weights:
    """The networks of a folder, or of packaged weights by their name, in evaluation mode.

    Args:
        place: a string may name packaged weights; a Path, or a string such as "./wild", is a folder.

    Raises:
        InputError: there is no such folder or name, or there are both; a file is missing or damaged, or card
        and weights do not belong together.
    """
    folder = Path(place)
    if isinstance(place, str) and place in packaged():
        if (folder / CARD).exists():
            raise InputError(
                f"{place}: names packaged weights and a folder of weights here; write ./{place} for the "
                "folder, or rename it for the packaged ones"
            )
        folder = PACKAGED / place
    card = _read_card(folder)
    if GENERATOR not in card.sha256:
        raise InputError(f"{folder / CARD}: names no {GENERATOR}; copy the whole folder again")
    config, classes = card.fitted(Config()), len(card.expressions)
    built: dict[str, nn.Module] = {
        GENERATOR: generator_of(config),
        CLASSIFIER: Classifier(classes, card.expression_dim, card.hidden),
        BASELINE: baseline_of(config, classes),
        DISCRIMINATOR: Discriminator(classes, card.people, card.size),
    }
    for name, network in built.items():
        if name in card.sha256:
            _load(network, folder / name, card.sha256[name])
    parts: dict[str, Any] = {
        name.removesuffix(".safetensors"): network.eval()
        for name, network in built.items()
        if name in card.sha256
    }
    return Weights(card, **parts)


def _read_card(folder: Path) -> Card:
    path = folder / CARD
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        names = ", ".join(packaged()) or "none in this build"
        raise InputError(
            f"{folder}: no {CARD}; give a folder that relgan pretrain or train made, "
            f"or packaged weights ({names})"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a card of relgan weights ({error})") from error
    if card.format != FORMAT:
        remedy = "update relgan" if card.format > FORMAT else "train it again, or use the relgan that made it"
        raise InputError(f"{path}: format {card.format}, this version reads {FORMAT}; {remedy}")
    strange = sorted(set(card.expressions) - set(CANONICAL))
    if strange or len(set(card.expressions)) < len(card.expressions):
        raise InputError(f"{path}: expressions {', '.join(strange) or 'named twice'}; not a card of relgan")
    for name, value, known in (("align", card.align, Alignment), ("front", card.front, Front)):
        if value not in get_args(known):
            raise InputError(f"{path}: {name} {value}; not a card of relgan")
    return card


def _load(network: nn.Module, path: Path, sha256: str) -> None:
    if not path.exists():
        raise InputError(f"{path}: missing; copy the whole folder that relgan made")
    if _hash(path) != sha256:
        raise InputError(
            f"{path}: is not the file its card describes (SHA-256 differs); copy the folder again"
        )
    try:
        network.load_state_dict({key: _restored(value) for key, value in load_file(path).items()})
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"{path}: does not fit its card ({str(error).splitlines()[0]})") from error


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value


def _restored(value: Tensor) -> Tensor:
    return value.float() if value.dtype == torch.float16 else value


def _rows(network: nn.Module, key: str) -> int:
    return len(network.state_dict()[key])


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
