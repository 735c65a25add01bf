"""What a small classifier, called a probe, reads from a code: the person, and the expression.

Definitions, good values and traps: docs/measures.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, roc_curve
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from relgan.data.face import Face
from relgan.metrics import as_list, people_interval

Floats = NDArray[np.floating]
Strings = NDArray[np.str_]
Rows = NDArray[np.intp]
Kind = Literal["linear", "neighbours"]
KINDS: tuple[Kind, ...] = ("linear", "neighbours")
PARTS = 5
NEIGHBOURS = 5
MOST_VERIFIED = 1500  # faces, whose pairs are a million


@dataclass(frozen=True)
class Labels:
    """Whom and what each row of a table of codes shows; "" where it is unknown.

    Attributes:
        subject: (N,) the person.
        expression: (N,) the expression.
        take: (N,) the performance; frames of one take look almost alike.
    """

    subject: Strings
    expression: Strings
    take: Strings

    @classmethod
    def of(cls, faces: Sequence[Face]) -> "Labels":
        """Labels of face records; a face without a sequence is a take of its own."""
        takes = [f"{face.subject}/{face.sequence}" if face.sequence else face.path for face in faces]
        return cls(
            np.array([face.subject or "" for face in faces], dtype=str),
            np.array([face.expression or "" for face in faces], dtype=str),
            np.array(takes, dtype=str),
        )

    def rows(self, chosen: NDArray[np.bool_] | Rows) -> "Labels":
        return Labels(self.subject[chosen], self.expression[chosen], self.take[chosen])

    def __len__(self) -> int:
        return len(self.subject)


@dataclass(frozen=True)
class Probe:
    """What a probe found. None, and ``faces`` 0, where it could not be run.

    Attributes:
        accuracy: share of the tested faces it got right.
        chance: share it would get right by always giving the answer most frequent among them.
        information: mutual information of the answers and the truth, 1 = all of it, 0 = what shuffled
            answers have (adjusted for chance; Vinh, Epps and Bailey 2010). By the data processing inequality
            the code holds at least as much.
        people: how many people it was tested on.
        faces: how many faces.
        by_person: per person the faces got right, and tested.
    """

    accuracy: float | None = None
    chance: float | None = None
    information: float | None = None
    people: int = 0
    faces: int = 0
    by_person: dict[str, tuple[int, int]] = field(default_factory=dict)


def linear_probe() -> Pipeline:
    """What "linearly readable" means throughout: standardised codes and a logistic regression (Alain and
    Bengio 2016: Understanding intermediate layers using linear classifier probes)."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def neighbour_probe(rows: int) -> Pipeline:
    """The vote of the five nearest of ``rows`` standardised codes: finds what is there but not linear."""
    return make_pipeline(
        StandardScaler(), KNeighborsClassifier(min(NEIGHBOURS, rows), weights="distance", algorithm="brute")
    )


def identity_probe(codes: Floats, labels: Labels, kind: Kind = "linear", seed: int = 0) -> Probe:
    """How well a probe finds the person in a code.

    It learns and is tested on the same people but on different pictures of each that show different
    expressions: what it knows of a person must hold across expressions. One expression after the other is
    held out, and with it every other frame of the takes it stands in. Where fewer than two expressions are
    known, takes are held out instead.

    Args:
        codes: (N, D); the people are to be strangers to the network that made them.
        labels: of the N rows; rows without a subject, and without an expression where others have one, are
            left out.
        kind: linear or nearest neighbours.
        seed: of the split, where takes are held out.
    """
    by_expression = len(set(labels.expression[labels.expression != ""].tolist())) >= 2
    known = labels.subject != ""
    if by_expression:
        known &= labels.expression != ""
    x, who = np.asarray(codes)[known], labels.rows(known)
    parts = _by_expression(who) if by_expression else _by_take(who, seed)
    return _pooled(x, who.subject, who.subject, parts, kind)


def _by_expression(labels: Labels) -> Iterator[tuple[Rows, Rows]]:
    for expression in sorted(set(labels.expression.tolist())):
        held_out = labels.expression == expression
        learnt = ~held_out & ~np.isin(labels.take, labels.take[held_out])
        yield np.flatnonzero(learnt), np.flatnonzero(held_out)


def _by_take(labels: Labels, seed: int) -> Iterator[tuple[Rows, Rows]]:
    people = sorted(set(labels.subject.tolist()))
    takes = [len(set(labels.take[labels.subject == person].tolist())) for person in people]
    parts = min(PARTS, max(takes, default=0))
    if parts >= 2:
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        yield from folds.split(np.zeros(len(labels)), labels.subject, labels.take)


def expression_probe(codes: Floats, labels: Labels, kind: Kind = "linear") -> Probe:
    """How well a probe finds the expression in a code of people other than those it learnt from.

    People are dealt into five parts (fewer where there are fewer people), each held out in turn.
    """
    known = (labels.subject != "") & (labels.expression != "")
    x, who = np.asarray(codes)[known], labels.rows(known)
    people = len(set(who.subject.tolist()))
    if people < 2:
        return Probe()
    parts = GroupKFold(min(PARTS, people)).split(x, who.expression, who.subject)
    return _pooled(x, who.expression, who.subject, parts, kind)


def expression_transfer(
    train_codes: Floats, train: Labels, test_codes: Floats, test: Labels, kind: Kind = "linear"
) -> Probe:
    """As :func:`expression_probe`, learnt on the codes of some people and tested on those of others."""
    learnt, tested = train.expression != "", test.expression != ""
    x = np.concatenate([np.asarray(train_codes)[learnt], np.asarray(test_codes)[tested]])
    truth = np.concatenate([train.expression[learnt], test.expression[tested]])
    subjects = np.concatenate([train.subject[learnt], test.subject[tested]])
    border = int(learnt.sum())
    part = np.arange(border), np.arange(border, len(x))
    return _pooled(x, truth, subjects, [part], kind)


def _pooled(
    x: Floats, truth: Strings, subjects: Strings, parts: Iterable[tuple[Rows, Rows]], kind: Kind
) -> Probe:
    """Scores over all parts: a probe is learnt on the first rows of each and tested on the second, as far as
    the answer is one it has seen."""
    rows, answers = [], []
    for learn, test in parts:
        known = test[np.isin(truth[test], truth[learn])]
        if len(set(truth[learn].tolist())) < 2 or not len(known):
            continue
        probe = linear_probe() if kind == "linear" else neighbour_probe(len(learn))
        answers.append(probe.fit(x[learn], truth[learn]).predict(x[known]))
        rows.append(known)
    if not rows:
        return Probe()
    tested, answer = np.concatenate(rows), np.concatenate(answers)
    right = answer == truth[tested]
    shown, counts = np.unique(truth[tested], return_counts=True)
    of_person = {
        person: (int(right[theirs].sum()), int(theirs.sum()))
        for person in sorted(set(subjects[tested].tolist()))
        for theirs in [subjects[tested] == person]
    }
    information = float(adjusted_mutual_info_score(truth[tested], answer)) if len(shown) > 1 else None
    return Probe(
        accuracy=float(right.mean()),
        chance=float(counts.max() / len(tested)),
        information=information,
        people=len(of_person),
        faces=len(tested),
        by_person=of_person,
    )


def verification_error(codes: Floats, labels: Labels, seed: int = 0) -> float | None:
    """Equal error rate of telling by a code whether two pictures show one person: 0 = always right, 0.5 =
    the code does not say (ISO/IEC 19795-1 defines the rate; score: cosine of standardised codes).

    Only pairs of different takes and, where at least two expressions are known, of different expressions
    count, so that neither the take nor the expression gives the answer.

    Args:
        codes: (N, D); of more than 1500 rows as many are drawn.
        labels: of the rows.
        seed: of the drawing.

    Returns:
        None where there is no pair of one person, or none of two.
    """
    by_expression = len(set(labels.expression[labels.expression != ""].tolist())) >= 2
    known = labels.subject != ""
    if by_expression:
        known &= labels.expression != ""
    rows = np.flatnonzero(known)
    if len(rows) > MOST_VERIFIED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_VERIFIED, replace=False))
    if len(rows) < 2:
        return None
    who, x = labels.rows(rows), StandardScaler().fit_transform(np.asarray(codes)[rows])
    x /= np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
    first, second = np.triu_indices(len(rows), 1)
    valid = who.take[first] != who.take[second]
    if by_expression:
        valid &= who.expression[first] != who.expression[second]
    first, second = first[valid], second[valid]
    same = who.subject[first] == who.subject[second]
    if not same.any() or same.all():
        return None
    falsely_accepted, accepted, _ = roc_curve(same, (x @ x.T)[first, second], drop_intermediate=False)
    missed = 1 - accepted
    place = int(np.argmin(np.abs(missed - falsely_accepted)))
    return float((missed[place] + falsely_accepted[place]) / 2)


def pool_probes(probes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Probes of several folds (as dicts) as one: weighted by faces, without ``by_person``, and with the
    interval of the accuracy by a bootstrap over the people of all folds."""
    run = [probe for probe in probes if probe["faces"]]
    people: dict[str, Any] = {}
    for probe in run:
        for person, counts in probe["by_person"].items():
            people[person] = np.add(people.get(person, (0, 0)), counts)
    table = np.array(list(people.values()), dtype=float).reshape(-1, 2)
    interval = people_interval(table[:, 0], table[:, 1])
    return {
        **{
            key: weighted_mean((probe[key], probe["faces"]) for probe in run)
            for key in ("accuracy", "chance", "information")
        },
        "interval": as_list(interval),
        "people": len(people),
        "faces": sum(probe["faces"] for probe in run),
    }


def weighted_mean(values: Iterable[tuple[float | None, float]]) -> float | None:
    """Weighted mean of the values there are; None where there are none."""
    there = [(value, weight) for value, weight in values if value is not None]
    total = sum(weight for _, weight in there)
    return float(sum(value * weight for value, weight in there) / total) if total else None
