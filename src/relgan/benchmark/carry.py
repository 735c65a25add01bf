"""How well photographs are read by what learnt from rendered people alone, in minutes:
``python -m relgan.benchmark.carry PEOPLE PHOTOGRAPHS [PHOTOGRAPHS ...] [--from synthetic] [--seeds 0,1]``.

PEOPLE is made by `relgan synthesize`, PHOTOGRAPHS by `relgan prepare`; of photographs with parts the training
part is taken, for this is for choosing how people are drawn. The CNN baseline of the preset ``fast`` learns
from all people but the last twelfth, from scratch or, with --from, going on from weights, and is asked as it
stands at the end what those left out and the photographs show. Contempt is left out where it is not shown.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd
from lightning.fabric import Fabric

from relgan.baseline import predict_baseline, train_baseline
from relgan.cli_train import numbers
from relgan.config import Config, Front, preset
from relgan.data.augment import SOME_VIEWS
from relgan.data.manifest import load_prepared
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.expressions import classes_of
from relgan.metrics import per_expression
from relgan.models import Baseline
from relgan.normalise import normalised_scores
from relgan.predictions import prediction_table
from relgan.training import make_fabric
from relgan.transfer import of_these
from relgan.weights import load_weights

HELD_OUT = 12
"""One in so many people, the last ones, is left out of the training."""
MOST = 3000
"""Photographs of a set that are asked about, evenly spread."""


class Read(NamedTuple):
    """How the faces of a set are read."""

    accuracy: float
    normalised: float | None
    """Each person's offset taken out (relgan.normalise); None where nobody is named."""
    recalls: pd.Series
    said: pd.Series
    """The share of faces that each expression is found in."""


def load_set(folder: Path, classes: Sequence[str] | None = None) -> FaceTensors:
    """The labelled faces of a prepared folder, of the training part if it has parts.

    Args:
        folder: as `relgan prepare` or `relgan synthesize` makes it.
        classes: keep these expressions; all that are shown where None.

    Raises:
        InputError: the folder is none, or shows none of them.
    """
    faces, pictures = load_prepared(folder)
    wanted = classes_of(face.expression for face in faces) if classes is None else list(classes)
    known = [k for k, face in enumerate(faces) if face.expression in wanted and face.split in (None, "train")]
    if not known:
        raise InputError(f"{folder}: no face shows {', '.join(wanted) or 'an expression'}")
    return FaceTensors.of([faces[k] for k in known], pictures[np.array(known)], wanted)


def evenly(count: int, most: int = MOST) -> list[int]:
    """At most so many of `count` places, evenly spread."""
    return [round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()]


def some(data: FaceTensors, most: int = MOST) -> FaceTensors:
    """At most so many faces, evenly spread over the list."""
    return data if len(data) <= most else data.subset(evenly(len(data), most))


def left_out(people: Sequence[str]) -> set[str]:
    """The last twelfth of the people, one at least."""
    return set(people[-max(1, len(people) // HELD_OUT) :])


def parts(people: FaceTensors) -> tuple[FaceTensors, FaceTensors]:
    """Those to learn from, and the last twelfth of the people.

    Raises:
        InputError: fewer than two people are named.
    """
    if len(people.people) < 2:
        raise InputError("the first folder names fewer than two people; give one made by relgan synthesize")
    out = left_out(people.people)
    strangers = [face.subject in out for face in people.faces]
    return (
        people.subset([k for k, stranger in enumerate(strangers) if not stranger]),
        people.subset([k for k, stranger in enumerate(strangers) if stranger]),
    )


def read(model: Baseline, data: FaceTensors, size: int, fabric: Fabric, views: int = 2) -> Read:
    """What a baseline finds in faces, among the expressions that they show."""
    classes = [name for name in data.classes if name in {face.expression for face in data.faces}]
    columns = [data.classes.index(name) for name in classes]
    answers = of_these(predict_baseline(model, data, size, fabric, SOME_VIEWS[views])[:, columns])
    table = prediction_table(data.faces, classes, {"": answers})
    scores = normalised_scores(table, classes)
    rows = per_expression(table.expression.tolist(), table.predicted.tolist(), classes)
    return Read(
        float((table.predicted == table.expression).mean()),
        None if scores is None else scores["accuracy"],
        pd.Series({row.expression: row.recall for row in rows}),
        table.predicted.value_counts(normalize=True).reindex(classes, fill_value=0.0),
    )


def learnt(
    people: FaceTensors, config: Config, start: Baseline | None, seed: int, fabric: Fabric
) -> Baseline:
    """The baseline after its steps on these people."""
    with TemporaryDirectory() as folder:
        return train_baseline(people, config, seed=seed, out=Path(folder), fabric=fabric, start=start).model


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m relgan.benchmark.carry", description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--from", dest="start", help="weights whose baseline goes on, at 2e-4 falling")
    parser.add_argument("--front", choices=get_args(Front), help="picture, or what --from looks at")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seeds", default="0")
    asked = parser.parse_args(arguments)
    config, begun = preset("fast"), None
    config = replace(config, front=asked.front or config.front)
    if asked.start is not None:
        weights = load_weights(asked.start)
        if weights.baseline is None:
            raise InputError(f"--from {asked.start}: holds no baseline; give weights made by relgan train")
        weights = weights.looking_at(asked.front or weights.card.front)
        config, begun = weights.fitted(config), weights.baseline
    stage = replace(
        config.baseline.lasting(asked.steps),
        batch_size=64,
        learning_rate=6e-4 if begun is None else 2e-4,
        decay=True,
    )
    config = replace(config, baseline=stage)
    fabric = make_fabric(config.precision)
    train, strangers = parts(load_set(asked.people))
    sets = {"strangers": strangers} | {
        str(folder): some(load_set(folder, train.classes)) for folder in asked.photographs
    }
    for seed in numbers(asked.seeds, "--seeds"):
        model = learnt(train, config, begun, seed, fabric)
        for name, data in sets.items():
            found = read(model, data, config.size, fabric)
            offset = "" if found.normalised is None else f", normalised {100 * found.normalised:.1f} %"
            print(f"seed {seed}, {name}: {100 * found.accuracy:.1f} %{offset}")
            each = (
                f"{word} {100 * found.recalls[word]:.0f}/{100 * found.said[word]:.0f}"
                for word in found.said.index
            )
            print("  found / said, %: " + ", ".join(each), flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
