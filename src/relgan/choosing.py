"""Which step of a training run is kept: the choice that both methods make on the validation fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relgan.data.tensors import FaceTensors
from relgan.losses import UNKNOWN

RULE = "latest within one standard error of the accuracy over people"
"""Stands in the fingerprints of runs, so that folds and checkpoints of another rule are not gone on with."""


@dataclass(frozen=True)
class Score:
    """How a network reads the labelled faces of a validation fold.

    Attributes:
        right: (N,) bool, which faces are read rightly.
        people: (N,) int64, whose they are; a face without a name is a person of its own.
    """

    right: NDArray[np.bool_]
    people: NDArray[np.int64]

    @classmethod
    def of(cls, predicted: NDArray[np.int64], data: FaceTensors) -> Score:
        """From the predicted classes (N,) of all faces of a fold; those without a label are left out."""
        labels, people = data.expression.cpu().numpy(), data.identity.cpu().numpy().copy()
        nameless = people == UNKNOWN
        people[nameless] = len(data.people) + np.arange(nameless.sum())
        known = labels != UNKNOWN
        return cls((predicted == labels)[known], people[known])

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if len(self.right) else 0.0

    def deficit(self, other: Score) -> tuple[float, float]:
        """How far this accuracy lies below another's on the same faces, and that difference's standard error.

        The error is that of a mean over people, not over faces, for the faces of a person rise and fall
        together; with one person it is infinite.
        """
        lost = other.right.astype(float) - self.right
        _, person = np.unique(self.people, return_inverse=True)
        count = int(person.max(initial=-1)) + 1
        difference = other.accuracy - self.accuracy
        if count < 2:
            return difference, float("inf")
        # Of a ratio, for people have different numbers of faces.
        apart = np.bincount(person, lost - difference)
        return difference, float(np.sqrt(count * apart.var(ddof=1)) / len(lost))


@dataclass
class Choice:
    """Keeps the latest step that is no worse than the best by more than one standard error over people.

    That is the one-standard-error rule (Breiman et al. 1984, *Classification and Regression Trees*, 3.4.3)
    with the whole schedule as what is preferred: training ends earlier only where several people say so
    together. The one woman of a JAFFE fold cannot.

    Attributes:
        step: of the network to keep so far, None before the first.
        accuracy: of that network.
        best: the highest score so far.
    """

    step: int | None = None
    accuracy: float | None = None
    best: Score | None = None

    def offer(self, score: Score, step: int) -> bool:
        """Whether the network of this step is to be kept in place of the last one kept."""
        if self.best is None or score.accuracy >= self.best.accuracy:
            self.best = score
        difference, error = score.deficit(self.best)
        if difference > error:
            return False
        self.step, self.accuracy = step, score.accuracy
        return True

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        best = [self.best.right.tolist(), self.best.people.tolist()] if self.best else None
        return {"step": self.step, "accuracy": self.accuracy, "best": best}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Choice:
        """The choice whose ``state`` a checkpoint holds."""
        best = state["best"]
        score = Score(np.array(best[0], dtype=bool), np.array(best[1], dtype=np.int64)) if best else None
        return cls(state["step"], state["accuracy"], score)
