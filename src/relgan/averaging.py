"""The mean of weights that went on from the same ones (Wortsman et al. 2022): as fast as one of them, and at
times better on faces that are unlike those they learnt from (docs/experiments.md#averages)."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from relgan.errors import InputError
from relgan.weights import CARD, DISCRIMINATOR, Card, Weights, load_weights, save_weights

Module = TypeVar("Module", bound=nn.Module)

SAME = (
    "size",
    "expression_dim",
    "identity_dim",
    "width",
    "expressions",
    "align",
    "skips",
    "front",
    "hidden",
    "features",
)
"""What the cards must agree on."""


def average(
    names: Sequence[str],
    out: Path,
    *,
    half: bool = False,
    command: str = "",
    warn: Callable[[str], None] = print,
) -> Card:
    """Write the mean of several weights; returns its card.

    The discriminator, which knows the people of its own training alone, is the last one's, and so is all
    that the card tells but the data sets, which are those of all.

    Args:
        names: packaged weights or folders, two at least, in the order of training.
        out: folder to make.
        half: store 16-bit floats.
        command: for the card.
        warn: is told of weights that began apart from the others.

    Raises:
        InputError: fewer than two; they are no weights, or not of the same networks; ``out`` holds weights.
    """
    if len(names) < 2:
        raise InputError("average: give two weights or more, such as synthetic my-run")
    if (out / CARD).exists():
        raise InputError(f"--out {out}: holds weights already; choose another folder")
    found = [load_weights(name) for name in names]
    last = found[-1]
    for name, weights in zip(names[:-1], found[:-1], strict=True):
        _check_alike(name, weights, names[-1], last)
    digests = [weights.digest()[:16] for weights in found]
    kin = [{digest, *weights.ancestors()} for digest, weights in zip(digests, found, strict=True)]
    for k, name in enumerate(names):
        if not kin[k] & set().union(*kin[:k], *kin[k + 1 :]):
            warn(
                f"{name}: did not go on from the others, nor from what they went on from; "
                "the mean of trainings that began apart reads nothing: test it"
            )
    provenance = last.card.provenance | {
        "dataset": " + ".join(dict.fromkeys(name for weights in found for name in weights.datasets())),
        "half": half,
        "averaged": [
            {"digest": digest, "command": weights.card.provenance.get("command")}
            for digest, weights in zip(digests, found, strict=True)
        ],
        "ancestors": sorted(set().union(*kin)),
        "command": command,
    }
    for name, network in last.networks().items():
        if name != DISCRIMINATOR:
            network.load_state_dict(_mean([weights.networks()[name] for weights in found]))
    return save_weights(
        out,
        last.generator,
        last.card.expressions,
        provenance,
        classifier=last.classifier,
        baseline=last.baseline,
        discriminator=last.discriminator,
        align=last.card.align,
        half=half,
    )


def _check_alike(name: str, weights: Weights, other_name: str, other: Weights) -> None:
    """Raises InputError where two weights are not of the same networks."""
    if weights.networks().keys() - {DISCRIMINATOR} != other.networks().keys() - {DISCRIMINATOR}:
        raise InputError(f"{name}: holds other networks than {other_name}; average weights of one kind")
    for key in SAME:
        one, two = getattr(weights.card, key), getattr(other.card, key)
        if one != two:
            raise InputError(
                f"{name}: {key} {one}, but {other_name} has {two}; "
                "average weights that went on from the same ones"
            )


def mean_network(networks: Sequence[Module]) -> Module:
    """A network whose weights are the mean of those of some, on the last one's device."""
    made = copy.deepcopy(networks[-1])
    made.load_state_dict(_mean(networks))
    return made


def _mean(networks: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The mean of each float, where the last one's lies; what counts is the last one's."""
    states = [network.state_dict() for network in networks]
    return {
        key: torch.stack([state[key].to(value.device).double() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in states[-1].items()
    }
