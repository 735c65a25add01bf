"""Pairs of source and target, drawn so that the truth exists.

The truth of a pair is the target's person with the source's expression. Many subjects of CK+ show only one
to three expressions, so targets are drawn among the pictures of people who do show the source's expression.
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
    """Positions into the list of faces: row by row a source, a target and the truth (-1: there is none)."""

    source: Tensor  # (N,) int64
    target: Tensor  # (N,)
    truth: Tensor  # (N,)

    def __len__(self) -> int:
        return len(self.source)


# What a picture shows: the expression, and where it is known the performance of it (see Face.take).
Performance = tuple[str, str | None]


class PairSampler:
    """Draws an epoch of pairs in which every labelled face is the source once, or ``visits`` (N,) times.

    For a source of expression e:
    - its target is any picture of another person who shows e in the same sitting (of the same person where
      nobody else does), each picture equally likely, so people with more expressions are targets more often;
      where takes are known, of people who give the same take, if there are any;
    - the truth is a picture of that person and sitting showing e: the one of the same frame where sequences
      align, and another one than the target wherever there is one.
    - Where people are unknown, every second source is its own target, whose truth is the picture itself. The
      others get any picture as their target and no truth: the pixel loss is masked there, never faked. Where
      some people are known (real faces beside synthetic ones), the others are sources alone, with a known
      person who shows their expression as the target, and so a truth: a generator whose photographs are
      only ever asked to stay as they are learns to leave photographs as they are (docs/experiments.md).

    Raises:
        InputError: no face has an expression.
    """

    def __init__(self, faces: Sequence[Face], visits: Sequence[int] | None = None) -> None:
        self.faces = list(faces)
        times = visits if visits is not None else [1] * len(faces)
        self.repeats = max(times, default=1) > 1
        self.sources = [
            i for i, face in enumerate(faces) if face.expression is not None for _ in range(times[i])
        ]
        if not self.sources:
            raise InputError("no face has an expression; stage 1 needs labelled sources")
        pictures: dict[tuple[str, str | None], list[int]] = defaultdict(list)  # (subject, sitting) -> faces
        self._shown: dict[tuple[str, str | None, Performance], list[int]] = defaultdict(list)
        showing: dict[Performance, set[tuple[str, str | None]]] = defaultdict(set)
        for i, face in enumerate(faces):
            if face.subject is None:
                continue
            pictures[face.subject, face.sitting].append(i)
            for performance in _performances(face):
                self._shown[face.subject, face.sitting, performance].append(i)
                showing[performance].add((face.subject, face.sitting))
        # Per performance the pictures of all who show it, person by person, so that one can be cut out.
        self._strangers = [i for i, face in enumerate(faces) if face.subject is None]
        self._candidates: dict[Performance, list[int]] = {}
        self._span: dict[tuple[Performance, str], tuple[int, int]] = {}
        for performance, sittings in showing.items():
            candidates: list[int] = []
            for subject, sitting in sorted(sittings, key=lambda pair: (pair[0], pair[1] or "")):
                start, _ = self._span.get((performance, subject), (len(candidates), 0))
                candidates += pictures[subject, sitting]
                self._span[performance, subject] = (start, len(candidates))
            self._candidates[performance] = candidates

    def draw(self, generator: torch.Generator) -> Pairs:
        """One epoch in random order."""
        order = [self.sources[i] for i in torch.randperm(len(self.sources), generator=generator).tolist()]
        chance = torch.rand(len(order), 2, generator=generator, dtype=torch.float64)
        rows = [
            self._pair(face, float(chance[row, 0]), float(chance[row, 1]), row % 4)
            for row, face in enumerate(order)
        ]
        source, target, truth = torch.tensor(rows, dtype=torch.int64).T.contiguous()
        return Pairs(source, target, truth)

    def _pair(self, source: int, first: float, second: float, turn: int) -> tuple[int, int, int]:
        face = self.faces[source]
        wanted = _performances(face)
        if face.subject is None and turn % 2 == 0 and not self._candidates:
            return source, source, source
        for performance in wanted:
            candidates = self._candidates.get(performance, [])
            start, end = self._span.get((performance, face.subject or ""), (0, 0))
            others = len(candidates) - (end - start)
            if others:
                position = int(first * others)
                target = candidates[position if position < start else position + end - start]
                return source, target, self._truth(face, target, performance, second)
        if face.subject is None:
            return source, self._strangers[int(first * len(self._strangers))], NO_TRUTH
        candidates = self._candidates[wanted[-1]]
        target = candidates[int(first * len(candidates))]
        return source, target, self._truth(face, target, wanted[-1], second)

    def _truth(self, source: Face, target: int, performance: Performance, chance: float) -> int:
        face = self.faces[target]
        assert face.subject is not None
        shown = self._shown[face.subject, face.sitting, performance]
        aligned = [i for i in shown if source.frame is not None and self.faces[i].frame == source.frame]
        usable = [i for i in aligned or shown if i != target] or aligned or shown
        return usable[int(chance * len(usable))]


def _performances(face: Face) -> list[Performance]:
    """From the exact performance, where it is known, to the expression as such; nothing where unlabelled."""
    if face.expression is None:
        return []
    return [(face.expression, take) for take in dict.fromkeys((face.take, None))]
