"""When person-specific normalisation pays: ``python -m relgan.benchmark.personal PREDICTIONS.csv``.

From the predictions of `relgan test` or `relgan evaluate` some pictures of every person are drawn again and
again, and read as they are and with the person's own offset taken out. One table varies how many pictures of
a person there are, the next how evenly they show the expressions: shares of a Dirichlet distribution, of
which 100 is even and 0.3 leaves most people two expressions. Two more do the same with all faces together,
as where nobody is named. The last takes the offset from some pictures at rest, and reads those that show
something.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relgan.errors import InputError
from relgan.normalise import columns_of, person_normalised, rest_normalised
from relgan.predictions import METHODS, read_predictions

COUNTS = (2, 3, 5, 7, 10, 15)
TOGETHER = (10, 20, 50, 100, 200)
NEUTRAL, RESTING = "neutral", (1, 2, 3)
EVENNESS = (100.0, 3.0, 1.0, 0.3)
DRAWS = 100

Floats = NDArray[np.floating]


def accuracies(
    rows: pd.DataFrame, classes: list[str], count: int, evenness: float | None, seed: int = 0
) -> tuple[float, float]:
    """Accuracy of predictions as they are and normalised, on average over drawings of pictures.

    Args:
        rows: of one method and seed.
        classes: the columns of probabilities.
        count: pictures drawn of every person, with replacement only where expressions are drawn first.
        evenness: of the expressions of each person, which are drawn anew each time; None draws pictures
            whatever they show.
        seed: of the drawings.
    """
    generator = np.random.default_rng(seed)
    probabilities, shown = rows[classes].to_numpy(dtype=float), rows.expression.to_numpy(dtype=str)
    own = [np.flatnonzero(rows.subject == person) for person in sorted(set(rows.subject))]
    own = [places for places in own if len(places) >= count]
    if not own:
        raise InputError(f"nobody has {count} pictures")
    plain: list[float] = []
    without: list[float] = []
    for _ in range(DRAWS):
        drawn = [_draw(places, shown, count, evenness, generator) for places in own]
        chosen, people = np.concatenate(drawn), np.repeat(np.arange(len(own)), count)
        for right, table in (
            (plain, probabilities[chosen]),
            (without, person_normalised(probabilities[chosen], people)),
        ):
            right.append(float((np.array(classes)[table.argmax(1)] == shown[chosen]).mean()))
    return float(np.mean(plain)), float(np.mean(without))


def accuracies_at_rest(
    rows: pd.DataFrame, classes: list[str], count: int, seed: int = 0
) -> tuple[float, float]:
    """Accuracy on faces that show something, as they are and with people compared at rest, on average over
    drawings of the pictures at rest.

    Args:
        rows: of one method and seed.
        classes: the columns of probabilities.
        count: pictures at rest drawn of every person; who has fewer is left out.
        seed: of the drawings.

    Raises:
        InputError: nobody has so many.
    """
    generator = np.random.default_rng(seed)
    neutral = rows.expression == NEUTRAL
    enough = rows.subject.map(rows[neutral].subject.value_counts()).fillna(0) >= count
    rows, neutral = rows[enough].reset_index(drop=True), neutral[enough].reset_index(drop=True)
    if rows.empty:
        raise InputError(f"nobody has {count} pictures at rest")
    probabilities, shown = rows[classes].to_numpy(dtype=float), rows.expression.to_numpy(dtype=str)
    people, showing = rows.subject.to_numpy(dtype=str), np.flatnonzero(~neutral)
    own = [np.flatnonzero(neutral & (people == person)) for person in sorted(set(people))]
    without: list[float] = []
    for _ in range(DRAWS):
        chosen = np.concatenate([*(generator.permutation(places)[:count] for places in own), showing])
        at_rest = np.arange(len(chosen)) < len(own) * count
        table = rest_normalised(probabilities[chosen], people[chosen], at_rest)[~at_rest]
        without.append(float((np.array(classes)[table.argmax(1)] == shown[showing]).mean()))
    plain = float((np.array(classes)[probabilities[showing].argmax(1)] == shown[showing]).mean())
    return plain, float(np.mean(without))


def _draw(
    places: NDArray[np.intp],
    shown: NDArray[np.str_],
    count: int,
    evenness: float | None,
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """``count`` of a person's pictures."""
    if evenness is None:
        return generator.permutation(places)[:count]
    names, place, frequency = np.unique(shown[places], return_inverse=True, return_counts=True)
    share = generator.dirichlet(np.full(len(names), evenness))[place] / frequency[place]
    return generator.choice(places, count, p=share / share.sum())


def main(path: str) -> None:
    table = read_predictions(Path(path))
    classes, _ = columns_of(table.drop(columns="expression"))
    for method in METHODS:
        rows = table[table.method == method]
        for heading, faces, ways in (
            ("pictures of a person", rows, [(count, None) for count in COUNTS]),
            ("evenness, 12 pictures of a person", rows, [(12, evenness) for evenness in EVENNESS]),
            ("faces together", rows.assign(subject=""), [(count, None) for count in TOGETHER]),
            (
                "evenness, 100 faces together",
                rows.assign(subject=""),
                [(100, evenness) for evenness in EVENNESS],
            ),
        ):
            most = faces.subject.value_counts().max() if faces.subject.notna().any() else 0
            possible = [(count, evenness) for count, evenness in ways if count <= most]
            if possible:
                print(f"{method}, {heading}: as they are, normalised")
            for count, evenness in possible:
                plain, without = accuracies(faces, classes, count, evenness)
                name = count if evenness is None else evenness
                print(f"  {name:5g}: {100 * plain:.1f} %, {100 * without:.1f} %", flush=True)
        resting = rows[rows.expression == NEUTRAL].subject.value_counts()
        if resting.empty:
            continue
        print(f"{method}, pictures of a person at rest; of the others: as they are, compared at rest")
        for count in (count for count in RESTING if count <= resting.max()):
            plain, without = accuracies_at_rest(rows, classes, count)
            print(f"  {count:5g}: {100 * plain:.1f} %, {100 * without:.1f} %", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m relgan.benchmark.personal PREDICTIONS.csv")
    try:
        main(sys.argv[1])
    except InputError as error:
        sys.exit(str(error))
