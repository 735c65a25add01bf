"""How well expressions are recognised: scores, their calibration, and how sure one may be of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

Floats = NDArray[np.floating]

MOST_DRAWN = 4_000_000
"""People drawn at once by the bootstrap, all resamples together."""


@dataclass(frozen=True)
class Recognition:
    """Pooled scores in [0, 1]; the rows of the confusion matrix are the truth."""

    accuracy: float
    macro_f1: float
    confusion: list[list[int]]


def recognition(truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Recognition:
    """Accuracy, macro F1 over the classes that occur, and the confusion matrix in the order ``classes``."""
    right = np.mean(np.asarray(truth) == np.asarray(predicted))
    occurring = [name for name in classes if name in set(truth)]
    return Recognition(
        accuracy=float(right),
        macro_f1=float(f1_score(truth, predicted, labels=occurring, average="macro", zero_division=0)),
        confusion=confusion_matrix(truth, predicted, labels=list(classes)).tolist(),
    )


@dataclass(frozen=True)
class ClassScores:
    """Of one expression; precision is 0 where it was never predicted."""

    expression: str
    precision: float
    recall: float
    f1: float
    faces: int


def per_expression(
    truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> list[ClassScores]:
    """Precision, recall and F1 of each expression, in the order ``classes``."""
    scores = precision_recall_fscore_support(truth, predicted, labels=list(classes), zero_division=0)
    return [
        ClassScores(name, float(p), float(r), float(f), int(n))
        for name, p, r, f, n in zip(classes, *scores, strict=True)
    ]


@dataclass(frozen=True)
class Calibration:
    """Whether a probability of 0.8 is right four times in five.

    Attributes:
        error: expected calibration error in [0, 1], the mean distance between confidence and accuracy.
        confidence, accuracy, faces: of each of the bins that hold faces, in order of confidence.
    """

    error: float
    confidence: list[float]
    accuracy: list[float]
    faces: list[int]


def calibration(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> Calibration:
    """Reliability curve and expected calibration error of the winning class (Guo et al. 2017: On Calibration
    of Modern Neural Networks), in bins of equal width.

    Args:
        confidence: (N,) the probability given to the predicted expression.
        right: (N,) whether the prediction was right.
        bins: how many.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [k for k in range(bins) if (place == k).any()]
    means = [float(confidence[place == k].mean()) for k in filled]
    shares = [float(right[place == k].mean()) for k in filled]
    counts = [int((place == k).sum()) for k in filled]
    error = sum(n * abs(c - a) for n, c, a in zip(counts, means, shares, strict=True)) / len(right)
    return Calibration(float(error), means, shares, counts)


@dataclass(frozen=True)
class Interval:
    """95 % of the resampled values lie between ``low`` and ``high``."""

    low: float
    high: float


def people_interval(values: Floats, weights: Floats, seed: int = 0, resamples: int = 2000) -> Interval | None:
    """A bootstrap over people for a mean over faces (Efron 1979; percentile interval, 95 %).

    Faces of one person rise and fall together, so people are drawn with replacement, not faces.

    Args:
        values: (P,) sum over each person's faces: how many were right, or by how many two methods differ.
        weights: (P,) each person's number of faces.
        seed: of the resampling.
        resamples: how many.

    Returns:
        None where there are fewer than three people.
    """
    if len(values) < 3:
        return None
    generator, means, left = np.random.default_rng(seed), [], resamples
    while left:  # some at a time: a set without names has as many people as faces
        some = min(left, max(1, MOST_DRAWN // len(values)))
        drawn = generator.integers(0, len(values), (some, len(values)))
        means += (values[drawn].sum(1) / weights[drawn].sum(1)).tolist()
        left -= some
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(low), float(high))


def as_list(interval: Interval | None) -> list[float] | None:
    """As JSON holds it."""
    return None if interval is None else [interval.low, interval.high]


def percent(share: float | None) -> str:
    """As tables show it; a dash where there is nothing to show."""
    return "–" if share is None else f"{100 * share:.1f} %"


def interval_text(interval: Sequence[float] | None, form: str = ".1f") -> str:
    """'61.3 to 72.0', in per cent; a dash where there is nothing to show."""
    if interval is None:
        return "–"
    return " to ".join(format(100 * round(end, 6), form) for end in interval)
