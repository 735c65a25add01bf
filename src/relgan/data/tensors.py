"""Faces as the training loops see them: all pictures in the device's memory as bytes, labels as integers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relgan.data.augment import PAPER_REACH, Reach, views
from relgan.data.face import Face
from relgan.losses import UNKNOWN


@dataclass(frozen=True)
class FaceTensors:
    """A list of faces with their pictures.

    Attributes:
        faces: N records.
        pictures: (N, 112, 112, 3) uint8, aligned.
        classes: the run's expressions in order; ``expression`` holds positions in it.
        people: the subjects of these faces in order; ``identity`` holds positions in it.
        expression, identity: (N,) int64, -1 where unknown.
        visits: how often an epoch takes each face as a source; once where None.
        reach: how far training views of these faces are shifted and turned.
    """

    faces: list[Face]
    pictures: Tensor
    classes: list[str]
    people: list[str]
    expression: Tensor
    identity: Tensor
    visits: tuple[int, ...] | None = None
    reach: Reach = PAPER_REACH

    @classmethod
    def of(
        cls, faces: Sequence[Face], pictures: NDArray[np.uint8] | Tensor, classes: Sequence[str]
    ) -> "FaceTensors":
        """Number the expressions by ``classes`` and the people by their sorted names."""
        if len(faces) != len(pictures):
            raise ValueError(f"{len(faces)} faces but {len(pictures)} pictures")
        people = sorted({face.subject for face in faces if face.subject is not None})
        class_of = {name: k for k, name in enumerate(classes)}
        person_of = {name: k for k, name in enumerate(people)}
        return cls(
            faces=list(faces),
            pictures=torch.as_tensor(pictures),
            classes=list(classes),
            people=people,
            expression=torch.tensor([class_of.get(face.expression or "", UNKNOWN) for face in faces]),
            identity=torch.tensor([person_of.get(face.subject or "", UNKNOWN) for face in faces]),
        )

    def subset(self, positions: Sequence[int]) -> "FaceTensors":
        """The faces at these positions; the people are numbered anew, the classes stay."""
        faces = [self.faces[i] for i in positions]
        some = FaceTensors.of(faces, self.pictures[torch.tensor(positions, dtype=torch.int64)], self.classes)
        visits = None if self.visits is None else tuple(self.visits[i] for i in positions)
        return replace(some, visits=visits, reach=self.reach)

    def to(self, device: torch.device) -> "FaceTensors":
        moved = ("pictures", "expression", "identity")
        there = replace(self, **{name: getattr(self, name).to(device) for name in moved})
        if "_digest" in self.__dict__:  # gigabytes need not be read again
            there.__dict__["_digest"] = self._digest
        return there

    @cached_property
    def has_strangers(self) -> bool:
        """Whether there are faces whose person is unknown."""
        return any(face.subject is None for face in self.faces)

    def labelled(self) -> Tensor:
        """Positions of the faces with an expression, each as often as it is to be visited."""
        known = (self.expression != UNKNOWN).nonzero()[:, 0].cpu()
        return known if self.visits is None else known.repeat_interleave(torch.tensor(self.visits)[known])

    def views(self, positions: Tensor, variants: Tensor, size: int) -> Tensor:
        """(B, 3, size, size) in [-1, 1]: the given view of the face at each position, both (B,)."""
        device = self.pictures.device
        return views(self.pictures[positions.to(device)], variants.to(device), size, self.reach)

    def digest(self) -> str:
        """SHA-256 of the labels, the visits, the reach and the pictures."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(repr(self.classes).encode())
        for face in self.faces:
            what = face.subject, face.sitting, face.expression, face.take, face.sequence, face.frame
            digest.update(f"{'|'.join(map(str, what))}\n".encode("utf-8", "surrogateescape"))
        if self.visits is not None:
            digest.update(repr(self.visits).encode())
        if self.reach != PAPER_REACH:
            digest.update(repr(self.reach).encode())
        digest.update(np.ascontiguousarray(self.pictures.cpu().numpy()).data)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.faces)
