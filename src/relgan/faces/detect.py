"""Face detection with five landmarks: MTCNN, batched, on one CPU thread or a GPU.

Three networks: P-Net proposes boxes on a pyramid of the picture, R-Net throws most of them out, O-Net decides
and places the landmarks. What makes this faster than the usual ports, with their recall:

- small pyramid levels of many pictures go through P-Net together, crops of many through R-Net and O-Net;
- P-Net's map is read at every second place, with a lower threshold in exchange;
- a proposal must be the best of its 3x3 neighbours, which leaves little to the quadratic suppression;
- crops are cut from the pyramid level whose resolution fits, not from the full picture.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.devices import one_thread, usable_device
from relgan.errors import InputError
from relgan.faces import mtcnn

if TYPE_CHECKING:
    from torch import Tensor

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_FACTOR = 0.709  # from one pyramid level to the next: half the area
_PROPOSED, _REFINED = 0.5, 0.6  # scores that P-Net and R-Net must give
# Pixels and crops in one network call: on the CPU more would not stay in its cache.
_CPU_PIXELS, _CPU_CROPS = 120_000, 64
_GPU_PIXELS, _GPU_CROPS = 20_000_000, 4096


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face.

    Attributes:
        box: x and y of the upper left corner, width, height in pixels; may reach beyond the picture.
        score: the probability that this is a face.
        landmarks: (5, 2) x and y in pixels, counted from the centre of the first pixel: left eye, right eye,
            nose tip, left and right mouth corner; left and right as seen in the picture.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Pictures of one size at one scale; scale is (2,), in x and y, for sizes are whole numbers."""

    scale: Floats
    pictures: list[Picture]


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Candidates: the picture each is in (n,), left, top, right, bottom in pixels (n, 4), score (n,)."""

    owner: Indices
    edges: Floats
    score: Floats

    def __getitem__(self, which: NDArray[np.generic]) -> "_Boxes":
        return _Boxes(self.owner[which], self.edges[which], self.score[which])


class Detector:
    """Finds the faces in a batch of pictures.

    Args:
        min_face: height in pixels of the smallest face to look for. None: 20, or 1/24 of the picture's
            shorter side where that is more, which bounds the time that a large photograph takes.
        threshold: faces with a lower score are left out.
        device: a torch device. On the CPU a call runs on one thread, because the maps are so small that two
            are slower, and restores torch's setting; for more cores use processes.

    Raises:
        InputError: an option cannot be, or the package ``mtcnn`` 1.0.0 (the weights) is not installed.
    """

    def __init__(self, *, min_face: float | None = None, threshold: float = 0.7, device: str = "cpu") -> None:
        if min_face is not None and not min_face >= 4:
            raise InputError(f"min_face {min_face}: must be at least 4 pixels")
        if not 0 <= threshold < 1:
            raise InputError(f"threshold {threshold}: must be from 0 to below 1")
        self.min_face, self.threshold, self.device = min_face, threshold, device
        usable_device(device)
        self._pnet, self._rnet, self._onet = (mtcnn.load(name, device) for name in ("pnet", "rnet", "onet"))
        cpu = device.startswith("cpu")
        self._pixels, self._crops = (_CPU_PIXELS, _CPU_CROPS) if cpu else (_GPU_PIXELS, _GPU_CROPS)

    def __call__(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, best score first; an empty list where there is none.

        Args:
            pictures: (H, W, 3) uint8 RGB each, of any sizes; many of one size are fastest.
        """
        import torch

        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
                what = f"{picture.shape} {picture.dtype}"
                raise InputError(f"picture {index}: is {what}; must be (H, W, 3) uint8 RGB")
            by_size[picture.shape].append(index)
        found: list[list[Detection]] = [[] for _ in pictures]
        on_cpu = self.device.startswith("cpu")
        with torch.inference_mode(), one_thread() if on_cpu else nullcontext():
            for indices in by_size.values():
                for index, faces in zip(indices, self._detect([pictures[i] for i in indices]), strict=True):
                    found[index] = faces
        return found

    def smallest(self, picture: Picture) -> float:
        """Height in pixels of the smallest face that is looked for in a picture."""
        return max(20.0, min(picture.shape[:2]) / 24) if self.min_face is None else self.min_face

    def _detect(self, pictures: list[Picture]) -> list[list[Detection]]:
        """Detection in pictures of one size."""
        levels, first = self._pyramid(pictures)
        boxes = _suppress_each(self._propose(levels[first:]), 0.6)

        score, offset = self._run(mtcnn.refine, self._rnet, _cut(levels, boxes, 24))
        boxes = _Boxes(boxes.owner, _shift(boxes.edges, offset), score)[score > _REFINED]
        boxes = _suppress_each(boxes, 0.7)
        boxes = _Boxes(boxes.owner, _square(boxes.edges), boxes.score)

        score, offset, places = self._run(mtcnn.decide, self._onet, _cut(levels, boxes, 48))
        side = (boxes.edges[:, 2:] - boxes.edges[:, :2])[:, None]  # (n, 1, 2)
        # Boxes count from the picture's edge, landmarks from the centre of its first pixel.
        landmarks = boxes.edges[:, None, :2] + side * places.reshape(-1, 2, 5).transpose(0, 2, 1) - 0.5
        boxes = _Boxes(boxes.owner, _shift(boxes.edges, offset), score)
        found = []
        for picture in range(len(pictures)):
            mine = np.flatnonzero((boxes.owner == picture) & (score > self.threshold))
            mine = mine[_suppress(boxes.edges[mine], score[mine], 0.7, of_smaller=True)]
            found.append([_detection(boxes.edges[i], float(score[i]), landmarks[i]) for i in mine])
        return found

    def _pyramid(self, pictures: list[Picture]) -> tuple[list[_Level], int]:
        """The pictures at falling scales, and the index of the first level that P-Net is to see.

        Above it are the pictures themselves and their halvings, for crops only. P-Net's levels have even
        sides, so that its pooling leaves no remainder, and end where the shorter side is less than its cell.
        """
        height, width = pictures[0].shape[:2]
        levels = [_Level(np.ones(2, np.float32), pictures)]

        def add(scale: float) -> None:
            size = (round(width * scale / 2 + 0.499) * 2, round(height * scale / 2 + 0.499) * 2)
            above = levels[-1].pictures
            method = cv2.INTER_AREA if size[0] < 0.55 * above[0].shape[1] else cv2.INTER_LINEAR
            resized = [
                np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8) for picture in above
            ]
            levels.append(_Level(np.array([size[0] / width, size[1] / height], np.float32), resized))

        scale = mtcnn.CELL / self.smallest(pictures[0])
        while scale < 0.5 * levels[-1].scale.min() and min(height, width) * scale >= mtcnn.CELL:
            add(0.5 ** len(levels))
        first = len(levels)
        while min(height, width) * scale >= mtcnn.CELL:
            add(scale)
            scale *= _FACTOR
        return levels, first

    def _propose(self, levels: list[_Level]) -> _Boxes:
        """P-Net over its levels: square boxes."""
        from torch.nn import functional as F

        owners, edges, scores = (
            [np.zeros(0, np.intp)],
            [np.zeros((0, 4), np.float32)],
            [np.zeros(0, np.float32)],
        )
        for level in levels:
            height, width = level.pictures[0].shape[:2]
            together = max(1, self._pixels // (height * width))
            for begin in range(0, len(level.pictures), together):
                batch = self._tensor(np.stack(level.pictures[begin : begin + together]))
                score, offset = mtcnn.propose(batch, self._pnet)
                peak = F.max_pool2d(score[:, None], 3, 1, 1)[:, 0]
                owner, row, column = ((score > _PROPOSED) & (score == peak)).nonzero().T
                scores.append(score[owner, row, column].cpu().numpy())
                shift = offset[owner, :, row, column].cpu().numpy()
                owner, row, column = owner.cpu().numpy(), row.cpu().numpy(), column.cpu().numpy()
                cell = np.stack([column, row, column, row], 1).astype(np.float32) * np.float32(mtcnn.STRIDE)
                cell[:, 2:] += mtcnn.CELL
                cell = np.asarray(cell / np.tile(level.scale, 2), np.float32)
                edges.append(_square(_shift(cell, shift)))
                owners.append(owner + begin)
        return _Boxes(np.concatenate(owners), np.concatenate(edges), np.concatenate(scores))

    def _run(
        self,
        network: "Callable[[Tensor, list[Tensor]], tuple[Tensor, ...]]",
        weights: "list[Tensor]",
        crops: Picture,
    ) -> tuple[Floats, ...]:
        """A network over (n, s, s, 3) crops, a bounded number at a time."""
        begins = range(0, max(len(crops), 1), self._crops)
        parts = [network(self._tensor(crops[i : i + self._crops]), weights) for i in begins]
        return tuple(
            np.concatenate([tensor.cpu().numpy() for tensor in column]) for column in zip(*parts, strict=True)
        )

    def _tensor(self, pictures: Picture) -> "Tensor":
        """(n, H, W, 3) bytes as (n, 3, H, W) floats in [-1, 1), channels last in memory."""
        import torch

        return (torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() - 127.5) / 128


def _detection(edges: Floats, score: float, landmarks: Floats) -> Detection:
    x, y, right, bottom = edges.tolist()
    return Detection((x, y, right - x, bottom - y), score, landmarks)


def _cut(levels: list[_Level], boxes: _Boxes, size: int) -> Picture:
    """(n, size, size, 3) crops of square boxes; what lies beyond the picture is black."""
    crops = np.zeros((len(boxes.score), size, size, 3), np.uint8)
    side = np.maximum(boxes.edges[:, 2] - boxes.edges[:, 0], 1e-3)
    # The smallest level on which the box still has as many pixels as the crop; else the largest level.
    scales = np.array([level.scale.min() for level in levels])
    chosen = np.maximum((side[:, None] * scales >= size).sum(1) - 1, 0)
    for i, level in enumerate(levels[index] for index in chosen.tolist()):
        step = size / (side[i] * level.scale)  # crop pixels in a level pixel, (2,)
        shift = (0.5 - boxes.edges[i, :2] * level.scale) * step - 0.5  # pixel centres lie half a pixel inside
        matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]])
        cv2.warpAffine(
            level.pictures[boxes.owner[i]], matrix, (size, size), dst=crops[i], flags=cv2.INTER_LINEAR
        )
    return crops


def _shift(edges: Floats, offset: Floats) -> Floats:
    """Boxes with their edges moved by offsets, which count in widths and heights."""
    side = edges[:, 2:] - edges[:, :2]
    return np.asarray(edges + np.concatenate([side, side], 1) * offset, np.float32)


def _square(edges: Floats) -> Floats:
    """The square around each box's centre with the longer of its sides."""
    centre = (edges[:, :2] + edges[:, 2:]) * np.float32(0.5)
    half = (edges[:, 2:] - edges[:, :2]).max(1, keepdims=True) * np.float32(0.5)
    return np.asarray(np.concatenate([centre - half, centre + half], 1), np.float32)


def _suppress(edges: Floats, scores: Floats, overlap: float, *, of_smaller: bool = False) -> Indices:
    """Greedy non-maximum suppression: the indices to keep, best first.

    Overlap is the intersection over the union, or over the smaller of the two boxes.
    """
    order = np.argsort(-scores, kind="stable")
    low, high = edges[order, :2], edges[order, 2:]
    area = (high - low).prod(1)
    common = np.maximum(np.minimum(high[:, None], high) - np.maximum(low[:, None], low), 0).prod(2)
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - common
    hides = common > overlap * whole
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~hides[i, i + 1 :]
    return order[alive]


def _suppress_each(boxes: _Boxes, overlap: float) -> _Boxes:
    """Suppression within each picture."""
    kept = [np.zeros(0, np.intp)]
    for picture in np.unique(boxes.owner):
        mine = np.flatnonzero(boxes.owner == picture)
        kept.append(mine[_suppress(boxes.edges[mine], boxes.score[mine], overlap)])
    return boxes[np.concatenate(kept)]
