"""Pairs of source and target, drawn so that the truth exists.

The truth of a pair is the target's person with the source's expression. Many subjects of CK+ show only one to three
expressions, so targets are drawn among the pictures of people who do show the source's expression.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from relgan.data.face import Face
from relgan.errors import InputError

NO_TRUTH = -1


@dataclass(frozen=True)
class Pairs:
    """Positions into the list of faces; row by row a source, a target and the truth (-1 where none can be)."""

    source: Tensor  # (N,) int64
    target: Tensor  # (N,)
    truth: Tensor  # (N,)

    def __len__(self) -> int:
        return len(self.source)


class PairSampler:
    """Draws an epoch of pairs in which every labelled face is the source once.

    For a source of expression e:
    - its target is any picture of another person who shows e (of the same person where nobody else does), each picture
      equally likely, so people with more expressions are targets more often;
    - the truth is a picture of that person showing e: the one of the same frame where sequences align, and
      another one than the target wherever there is one.
    - Where people are unknown, every second source is its own target, whose truth is the picture itself, and the others
      get any picture as their target and no truth: the pixel loss is masked there, never faked.

    Raises:
        InputError: no face has an expression.
    """

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = list(faces)
        self.sources = [i for i, face in enumerate(faces) if face.expression is not None]
        if not self.sources:
            raise InputError("no face has an expression; stage 1 needs labelled sources")
        self._shown: dict[tuple[str, str], list[int]] = defaultdict(list)  # (subject, expression) -> faces
        self._of_subject: dict[str, list[int]] = defaultdict(list)
        for i, face in enumerate(faces):
            if face.subject is not None:
                self._of_subject[face.subject].append(i)
                if face.expression is not None:
                    self._shown[face.subject, face.expression].append(i)
        showing: dict[str, set[str]] = defaultdict(set)
        for subject, expression in self._shown:
            showing[expression].add(subject)
        # expression -> the pictures of everyone who shows it, grouped by subject so that one subject can be cut out
        self._candidates: dict[str, list[int]] = {}
        self._span: dict[tuple[str, str], tuple[int, int]] = {}
        for expression, subjects in showing.items():
            candidates: list[int] = []
            for subject in sorted(subjects):
                start = len(candidates)
                candidates += self._of_subject[subject]
                self._span[expression, subject] = (start, len(candidates))
            self._candidates[expression] = candidates

    def draw(self, generator: torch.Generator) -> Pairs:
        """One epoch in random order."""
        order = [self.sources[i] for i in torch.randperm(len(self.sources), generator=generator).tolist()]
        chance = torch.rand(len(order), 2, generator=generator, dtype=torch.float64).tolist()
        rows = [self._pair(source, *chance[row], row % 2 == 0) for row, source in enumerate(order)]
        source, target, truth = torch.tensor(rows, dtype=torch.int64).T.contiguous()
        return Pairs(source, target, truth)

    def _pair(self, source: int, first: float, second: float, own: bool) -> tuple[int, int, int]:
        face = self.faces[source]
        expression = face.expression
        assert expression is not None
        candidates = self._candidates.get(expression, [])
        if face.subject is None:
            if own:
                return source, source, source
            if not candidates:
                return source, int(first * len(self.faces)), NO_TRUTH
        start, end = (
            self._span.get((expression, face.subject), (0, 0)) if face.subject is not None else (0, 0)
        )
        others = len(candidates) - (end - start)
        if others:
            position = int(first * others)
            target = candidates[position if position < start else position + end - start]
        else:
            target = candidates[int(first * len(candidates))]
        return source, target, self._truth(face, target, second)

    def _truth(self, source: Face, target: int, chance: float) -> int:
        subject, expression = self.faces[target].subject, source.expression
        assert subject is not None
        assert expression is not None
        shown = self._shown[subject, expression]
        aligned = [i for i in shown if source.frame is not None and self.faces[i].frame == source.frame]
        usable = [i for i in aligned or shown if i != target] or aligned or shown
        return usable[int(chance * len(usable))]
