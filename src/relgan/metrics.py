"""How well expressions are recognised: scores, their calibration, and how sure one may be of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from relgan.data.face import Face

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


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
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    means = values[drawn].sum(1) / weights[drawn].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(low), float(high))


def linear_probe() -> Pipeline:
    """What "linearly readable" means throughout: standardised codes and a logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


@dataclass(frozen=True)
class IdentityProbe:
    """Result of :func:`identity_probe`; ``faces`` is 0 where it could not be run."""

    accuracy: float | None
    chance: float | None
    people: int
    faces: int


def identity_probe(codes: Floats, faces: Sequence[Face], seed: int = 0, splits: int = 5) -> IdentityProbe:
    """How well a linear probe finds the person in a code.

    The probe learns and is tested on the same people but on different pictures of each, and never on two
    pictures of one sequence: frames of one take look so alike that finding the take would pass for finding
    the person.

    Args:
        codes: (N, D), one row a face; the people are to be strangers to the network that made them.
        faces: N records with subject and, where there is one, sequence.
        seed: of the split.
        splits: parts of the cross-validation, fewer where a person has fewer pictures.

    Returns:
        Accuracy pooled over the parts, and chance: always naming the person with the most pictures. None for
        both where fewer than two people have two takes.
    """
    subjects = np.array([face.subject or "" for face in faces])
    takes = np.array([face.sequence or face.path for face in faces])
    takes_of = {s: len(set(takes[subjects == s])) for s in set(subjects.tolist()) if s}
    usable = np.array([takes_of.get(s, 0) >= 2 for s in subjects.tolist()], dtype=bool)
    people = sorted(set(subjects[usable].tolist()))
    if len(people) < 2:
        return IdentityProbe(None, None, len(people), 0)
    x, y, groups = np.asarray(codes)[usable], subjects[usable], takes[usable]
    parts = max(2, min(splits, *(takes_of[s] for s in people)))
    right = 0
    tested = 0
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    for train, test in folds.split(x, y, groups):
        known = np.isin(y[test], y[train])
        if len(set(y[train].tolist())) < 2 or not known.any():
            continue
        right += int((linear_probe().fit(x[train], y[train]).predict(x[test][known]) == y[test][known]).sum())
        tested += int(known.sum())
    if not tested:
        return IdentityProbe(None, None, len(people), 0)
    chance = max((y == person).mean() for person in people)
    return IdentityProbe(right / tested, float(chance), len(people), tested)


def expression_probe(
    train_codes: Floats, train_labels: Sequence[str], test_codes: Floats, test_labels: Sequence[str]
) -> float | None:
    """Accuracy of a linear probe for the expression, learnt on some people and tested on others.

    None where the learning people show one expression only, or nobody is left to test on.
    """
    if len(set(train_labels)) < 2 or not len(test_labels):
        return None
    return float(linear_probe().fit(train_codes, list(train_labels)).score(test_codes, list(test_labels)))
