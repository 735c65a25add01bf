"""Face detection with five landmarks: MTCNN (Zhang et al. 2016), batched, on one CPU thread or a GPU.

The weights are the authors' (MIT licence), as the wheel ``mtcnn`` 1.0.0 carries them; that package's own code
needs TensorFlow and is never imported. Three networks: P-Net proposes boxes on a pyramid of the picture, R-Net
throws most of them out, O-Net decides and places the landmarks. What makes this faster than the usual ports:

- pictures of one size go through P-Net together, crops of all pictures through R-Net and O-Net together;
- P-Net's first convolution and 2x2 pooling are one stride-2 convolution and a maximum over its four phases;
- a proposal must be the best in its 3x3 neighbourhood, which leaves little to the quadratic suppression;
- crops are cut from the pyramid level whose resolution fits, not from the full picture.
"""

import hashlib
import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
Floats = NDArray[np.float32]

_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
_CELL, _STRIDE = (
    12,
    4,
)  # P-Net sees a window of 12 pixels; its map is read at every second place, 4 pixels apart
_FACTOR = 0.709  # from one pyramid level to the next: half the area
_PROPOSAL, _REFINEMENT = 0.5, 0.6  # scores that P-Net and R-Net must give
_PIXELS, _CROPS = 120_000, 64  # per network call: more would fall out of the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face.

    Attributes:
        box: x and y of the upper left corner, width, height; pixels of the picture, may reach beyond its edge.
        score: O-Net's probability that this is a face.
        landmarks: (5, 2) x and y in pixels of left eye, right eye, nose tip, left and right mouth corner; left and
            right as seen in the picture.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One size of the pyramid: its scale in x and y (2,) and the pictures at that scale."""

    scale: Floats
    pictures: list[Picture]


class Detector:
    """Finds the faces in a batch of pictures.

    Args:
        min_face: smallest face to look for, in pixels of box height. None: 20, or 1/24 of the picture's shorter side
            where that is more, which bounds the time for large photographs.
        threshold: faces that O-Net scores lower are left out.
        device: a torch device. On the CPU a call runs on one thread (the maps are tiny: two threads are many times
            slower than one) and restores torch's setting; use processes for more cores.

    Raises:
        InputError: the package ``mtcnn`` 1.0.0, which holds the weights, is not installed.
    """

    def __init__(self, *, min_face: float | None = None, threshold: float = 0.7, device: str = "cpu") -> None:
        self.min_face, self.threshold, self.device = min_face, threshold, device
        self._pnet, self._rnet, self._onet = (_load(name, device) for name in ("pnet", "rnet", "onet"))

    def __call__(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, best score first; an empty list where there is none.

        Args:
            pictures: (H, W, 3) uint8 RGB, of any sizes; pictures of one size are fastest.
        """
        import torch

        found: list[list[Detection]] = [[] for _ in pictures]
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            by_size[picture.shape].append(index)
        with torch.inference_mode(), _one_thread(self.device):
            for indices in by_size.values():
                for index, faces in zip(indices, self._detect([pictures[i] for i in indices]), strict=True):
                    found[index] = faces
        return found

    def smallest(self, picture: Picture) -> float:
        """Height in pixels of the smallest face that is looked for in a picture."""
        return max(20.0, min(picture.shape[:2]) / 24) if self.min_face is None else self.min_face

    def _detect(self, pictures: list[Picture]) -> list[list[Detection]]:
        """Detection in pictures of one size."""
        found: list[list[Detection]] = [[] for _ in pictures]
        pyramid = self._pyramid(pictures)
        levels = [Level(np.ones(2, np.float32), pictures), *pyramid]  # what crops are cut from
        owner, boxes, scores = self._propose(pyramid)
        owner, boxes, scores = _suppress_each(owner, boxes, scores, 0.6)

        score, offset = self._run(_refine, self._rnet, _crops(levels, owner, boxes, 24))
        keep = score > _REFINEMENT
        owner, boxes, scores = _suppress_each(
            owner[keep], _shift(boxes[keep], offset[keep]), score[keep], 0.7
        )
        boxes = _square(boxes)

        score, offset, points = self._run(_output, self._onet, _crops(levels, owner, boxes, 48))
        keep = score > self.threshold
        owner, boxes, score = owner[keep], boxes[keep], score[keep]
        side = (boxes[:, 2:] - boxes[:, :2])[:, None]  # (n, 1, 2)
        # Boxes count from the picture's edge, landmarks from the centre of its first pixel.
        landmarks = boxes[:, None, :2] + side * points[keep].reshape(-1, 2, 5).transpose(0, 2, 1) - 0.5
        boxes = _shift(boxes, offset[keep])
        for picture in range(len(pictures)):
            mine = np.flatnonzero(owner == picture)
            for i in mine[_suppress(boxes[mine], score[mine], 0.7, of_smaller=True)]:
                x, y, right, bottom = boxes[i].tolist()
                found[picture].append(
                    Detection((x, y, right - x, bottom - y), float(score[i]), landmarks[i].astype(np.float32))
                )
        return found

    def _pyramid(self, pictures: list[Picture]) -> list[Level]:
        """The pictures at each scale, largest first, until the smaller side is below P-Net's window.

        Sizes are rounded up to even numbers, so that P-Net's pooling has no remainder.
        """
        height, width = pictures[0].shape[:2]
        scale = _CELL / self.smallest(pictures[0])
        levels = []
        current = pictures
        while min(height, width) * scale >= _CELL:
            size = (int(np.ceil(width * scale / 2)) * 2, int(np.ceil(height * scale / 2)) * 2)
            # Each level is made from the one before: never more than a halving, except from the picture itself.
            shrink = size[0] < 0.66 * current[0].shape[1]
            method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
            current = [cv2.resize(picture, size, interpolation=method) for picture in current]
            levels.append(Level(np.array([size[0] / width, size[1] / height], np.float32), current))
            scale *= _FACTOR
        return levels

    def _propose(self, levels: list[Level]) -> tuple[NDArray[np.intp], Floats, Floats]:
        """P-Net over all levels: picture index (n,), square boxes (n, 4) as x, y, right, bottom, scores (n,)."""
        owners, boxes, scores = (
            [np.zeros(0, np.intp)],
            [np.zeros((0, 4), np.float32)],
            [np.zeros(0, np.float32)],
        )
        for level in levels:
            height, width = level.pictures[0].shape[:2]
            together = max(1, _PIXELS // (height * width))
            for first in range(0, len(level.pictures), together):
                batch = self._tensor(np.stack(level.pictures[first : first + together]))
                best, where, offset = _proposals(batch, self._pnet)
                owner, row, column = where.T
                corner = np.stack([column, row, column, row], 1).astype(np.float32) * _STRIDE
                corner[:, 2:] += _CELL
                owners.append(owner + first)
                boxes.append(_square(_shift(corner / np.tile(level.scale, 2), offset)))
                scores.append(best)
        return np.concatenate(owners), np.concatenate(boxes), np.concatenate(scores)

    def _run(self, network: Any, weights: "list[Tensor]", crops: Picture) -> tuple[Floats, ...]:
        """A network over (n, s, s, 3) crops, a bounded number at a time."""
        parts = [
            network(self._tensor(crops[i : i + _CROPS]), weights)
            for i in range(0, max(len(crops), 1), _CROPS)
        ]
        return tuple(np.concatenate([part[k].cpu().numpy() for part in parts]) for k in range(len(parts[0])))

    def _tensor(self, pictures: Picture) -> "Tensor":
        """(n, H, W, 3) bytes as (n, 3, H, W) floats in [-1, 1), channels last."""
        import torch

        return (torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() - 127.5) / 128


@contextmanager
def _one_thread(device: str) -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    if not device.startswith("cpu") or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _load(name: str, device: str) -> "list[Tensor]":
    """The weights of one network in the order of its layers, in torch's layout.

    The file is a joblib pickle, which could run code; so it is opened only if it is, byte for byte, the known one.
    """
    import joblib
    import torch

    spec = importlib.util.find_spec("mtcnn")  # finds the package without importing it
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path("mtcnn")
    path = folder / "assets" / "weights" / f"{name}.lz4"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256[name]:
        raise InputError(f"{path}: not the weights of face detection; run: pip install mtcnn==1.0.0 lz4")
    weights = []
    for array in joblib.load(path):
        if array.ndim == 4:  # convolution: (h, w, in, out) -> (out, in, h, w)
            array = array.transpose(3, 2, 0, 1)
        elif array.ndim == 2 and len(array) in (576, 1152):  # after flattening (w, h, channel): (.., out)
            side = 3
            array = array.reshape(side, side, -1, array.shape[1]).transpose(3, 2, 1, 0)
            array = array.reshape(len(array), -1)
        elif array.ndim == 2:
            array = array.T
        else:  # biases and slopes
            array = array.reshape(-1)
        weights.append(torch.from_numpy(np.ascontiguousarray(array)).to(device))
    if name == "pnet":
        kernel, bias, slope = weights[:3]
        # Four copies of the 3x3 kernel inside a 4x4 one: the four positions that 2x2 pooling takes the maximum of.
        phases = [torch.nn.functional.pad(kernel, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
        weights[:3] = [torch.cat(phases), bias.repeat(4), slope.repeat(4)]
    return weights


def _proposals(x: "Tensor", w: "list[Tensor]") -> tuple[Floats, NDArray[np.intp], Floats]:
    """P-Net: scores (n,), places (n, 3) as picture, row, column of the map, box offsets (n, 4)."""
    import torch
    from torch.nn import functional as F

    x = F.prelu(F.conv2d(x, w[0], w[1], stride=2), w[2])
    a, b, c, d = x.chunk(4, 1)
    x = torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
    x = F.prelu(F.conv2d(x, w[3], w[4]), w[5])
    x = F.prelu(F.conv2d(x, w[6], w[7], stride=_STRIDE // 2), w[8])
    x = F.conv2d(x, torch.cat([w[9], w[11]]), torch.cat([w[10], w[12]]))  # 4 offsets, 2 classes
    score = torch.sigmoid(x[:, 5] - x[:, 4])
    peak = F.max_pool2d(score[:, None], 3, 1, 1)[:, 0]
    where = ((score > _PROPOSAL) & (score == peak)).nonzero()
    picture, row, column = where.T
    offset = x[picture, :4, row, column]
    return score[picture, row, column].cpu().numpy(), where.cpu().numpy(), offset.cpu().numpy()


def _refine(x: "Tensor", w: "list[Tensor]") -> "tuple[Tensor, ...]":
    """R-Net over (n, 3, 24, 24): face probability (n,), box offsets (n, 4)."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.prelu(F.conv2d(x, w[0], w[1]), w[2]), 3, 2, ceil_mode=True)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[3], w[4]), w[5]), 3, 2)
    x = F.prelu(F.conv2d(x, w[6], w[7]), w[8])
    x = F.prelu(F.linear(x.flatten(1), w[9], w[10]), w[11])
    return F.linear(x, w[14], w[15]).softmax(1)[:, 1], F.linear(x, w[12], w[13])


def _output(x: "Tensor", w: "list[Tensor]") -> "tuple[Tensor, ...]":
    """O-Net over (n, 3, 48, 48): face probability (n,), box offsets (n, 4), landmarks (n, 10) as 5 x, 5 y in the box."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.prelu(F.conv2d(x, w[0], w[1]), w[2]), 3, 2, ceil_mode=True)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[3], w[4]), w[5]), 3, 2)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[6], w[7]), w[8]), 2, 2, ceil_mode=True)
    x = F.prelu(F.conv2d(x, w[9], w[10]), w[11])
    x = F.prelu(F.linear(x.flatten(1), w[12], w[13]), w[14])
    return F.linear(x, w[19], w[20]).softmax(1)[:, 1], F.linear(x, w[15], w[16]), F.linear(x, w[17], w[18])


def _crops(levels: list[Level], owner: NDArray[np.intp], boxes: Floats, size: int) -> Picture:
    """(n, size, size, 3) crops of square boxes, black beyond the edge of the picture."""
    crops = np.zeros((len(boxes), size, size, 3), np.uint8)
    side = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-3)
    # The smallest level on which the box still has as many pixels as the crop; else the largest level.
    fitting = (side[:, None] * [level.scale.min() for level in levels] >= size).sum(1) - 1
    for i, level in enumerate(np.maximum(fitting, 0).tolist()):
        scale = levels[level].scale
        step = size / (side[i] * scale)  # crop pixels per level pixel, in x and y
        shift = (0.5 - boxes[i, :2] * scale) * step - 0.5  # pixel centres lie at .5
        matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]])
        cv2.warpAffine(
            levels[level].pictures[owner[i]], matrix, (size, size), dst=crops[i], flags=cv2.INTER_LINEAR
        )
    return crops


def _shift(boxes: Floats, offset: Floats) -> Floats:
    """Boxes moved by offsets in units of their width and height."""
    side = boxes[:, 2:] - boxes[:, :2]
    return boxes + np.concatenate([side, side], 1) * offset


def _square(boxes: Floats) -> Floats:
    """The square around each box's centre with the longer of its sides."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], 1)


def _suppress(boxes: Floats, scores: Floats, overlap: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices to keep, best first.

    Overlap is the intersection over the union, or over the smaller box.
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    corner = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[None, :, :2]
    )
    common = np.maximum(corner, 0).prod(2)
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - common
    hides = common > overlap * whole
    alive = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if alive[i]:
            alive[i + 1 :] &= ~hides[i, i + 1 :]
    return order[alive]


def _suppress_each(
    owner: NDArray[np.intp], boxes: Floats, scores: Floats, overlap: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Suppression within each picture."""
    kept = [np.zeros(0, np.intp)]
    for picture in np.unique(owner):
        mine = np.flatnonzero(owner == picture)
        kept.append(mine[_suppress(boxes[mine], scores[mine], overlap)])
    keep = np.concatenate(kept)
    return owner[keep], boxes[keep], scores[keep]
