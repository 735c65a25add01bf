"""Whether one method is better than another, or was lucky."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from relgan.metrics import Floats, Interval, people_interval

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class McNemar:
    """Faces that one method alone got right, and the p of so uneven a count if neither were better."""

    first_only: int
    second_only: int
    p: float


def mcnemar(first: Flags, second: Flags) -> McNemar:
    """McNemar's exact test (McNemar 1947; for classifiers: Dietterich 1998) on whether two methods were
    right about the same N faces."""
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0
    return McNemar(b, c, p)


@dataclass(frozen=True)
class Difference:
    """Accuracy of the first method less that of the second, and its bootstrap interval over people."""

    accuracy: float
    interval: Interval | None
    people: int


def people_difference(first: Flags, second: Flags, subjects: NDArray[np.str_], seed: int = 0) -> Difference:
    """Paired bootstrap over people: both methods are scored on the same drawn people each time.

    Args:
        first, second: (N,) whether each method was right about each face, or how often over several seeds.
        subjects: (N,) the person.
        seed: of the resampling.
    """
    people, place = np.unique(subjects, return_inverse=True)
    gains: Floats = np.bincount(place, first.astype(float) - second.astype(float)).astype(float)
    faces: Floats = np.bincount(place).astype(float)
    return Difference(
        accuracy=float(gains.sum() / faces.sum()),
        interval=people_interval(gains, faces, seed),
        people=len(people),
    )


def accuracy_interval(right: Flags, subjects: NDArray[np.str_], seed: int = 0) -> Interval | None:
    """Bootstrap interval over people of an accuracy."""
    _, place = np.unique(subjects, return_inverse=True)
    got: Floats = np.bincount(place, right.astype(float)).astype(float)
    faces: Floats = np.bincount(place).astype(float)
    return people_interval(got, faces, seed)
