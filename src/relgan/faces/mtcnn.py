"""The three networks of MTCNN (Zhang et al. 2016) and their weights.

The weights are the authors' (MIT licence), as the wheel ``mtcnn`` 1.0.0 carries them. That package's own code
needs TensorFlow and is never imported.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relgan.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

CELL = 12  # pixels that one place of P-Net's map sees
STRIDE = 4  # pixels between places: the network's own 2, doubled, for 1.36 times the pictures a second

_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}


def load(name: str, device: str) -> "list[Tensor]":
    """The weights of "pnet", "rnet" or "onet", in the order of its layers and torch's layout.

    The file is a joblib pickle, which can run code: it is opened only if it is, byte for byte, the known one.

    Raises:
        InputError: the package ``mtcnn`` 1.0.0 is not installed.
    """
    import joblib  # type: ignore[import-untyped]
    import torch

    spec = importlib.util.find_spec("mtcnn")  # finds the package without importing it
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path("mtcnn")
    path = folder / "assets" / "weights" / f"{name}.lz4"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256[name]:
        raise InputError(f"{path}: not the face detector's weights; run: pip install mtcnn==1.0.0")
    weights = [torch.from_numpy(np.ascontiguousarray(_torch_layout(a))).to(device) for a in joblib.load(path)]
    if name == "pnet":
        kernel, bias, slope = weights[:3]
        # Four copies of the 3x3 kernel in 4x4 ones: the four places of which 2x2 pooling takes the best.
        phases = [torch.nn.functional.pad(kernel, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
        weights[:3] = [torch.cat(phases), bias.repeat(4), slope.repeat(4)]
        weights[9:] = [torch.cat([weights[9], weights[11]]), torch.cat([weights[10], weights[12]])]
    return weights


def _torch_layout(array: NDArray[np.float32]) -> NDArray[np.float32]:
    if array.ndim == 4:  # convolution: (h, w, in, out) to (out, in, h, w)
        return array.transpose(3, 2, 0, 1)
    if array.ndim == 2 and len(array) in (
        576,
        1152,
    ):  # from a flat 3x3 map: (w h in, out) to (out, in h w)
        return array.reshape(3, 3, -1, array.shape[1]).transpose(3, 2, 1, 0).reshape(array.shape[1], -1)
    return array.T if array.ndim == 2 else array.reshape(-1)


def propose(x: "Tensor", w: "list[Tensor]") -> "tuple[Tensor, Tensor]":
    """P-Net over (n, 3, H, W), H and W even and at least 12: the map it slides over the picture.

    Returns:
        score: (n, h, w), the probability of a face in the ``CELL`` pixels from ``STRIDE`` * place on.
        offset: (n, 4, h, w), where the face's left, top, right and bottom are from that cell's, in cells.
    """
    import torch
    from torch.nn import functional as F

    # Convolution and 2x2 pooling in one: a stride-2 convolution and the maximum over its four phases.
    a, b, c, d = F.prelu(F.conv2d(x, w[0], w[1], stride=2), w[2]).chunk(4, 1)
    x = torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
    x = F.prelu(F.conv2d(x, w[3], w[4]), w[5])
    x = F.prelu(F.conv2d(x, w[6], w[7], stride=STRIDE // 2), w[8])
    x = F.conv2d(x, w[9], w[10])  # (n, 6, h, w): four offsets, two classes
    return torch.sigmoid(x[:, 5] - x[:, 4]), x[:, :4]


def refine(x: "Tensor", w: "list[Tensor]") -> "tuple[Tensor, ...]":
    """R-Net over (n, 3, 24, 24): the probability of a face (n,), the offsets of its box (n, 4)."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.prelu(F.conv2d(x, w[0], w[1]), w[2]), 3, 2, ceil_mode=True)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[3], w[4]), w[5]), 3, 2)
    x = F.prelu(F.conv2d(x, w[6], w[7]), w[8])
    x = F.prelu(F.linear(x.flatten(1), w[9], w[10]), w[11])
    return F.linear(x, w[14], w[15]).softmax(1)[:, 1], F.linear(x, w[12], w[13])


def decide(x: "Tensor", w: "list[Tensor]") -> "tuple[Tensor, ...]":
    """O-Net over (n, 3, 48, 48): as R-Net, and landmarks (n, 10), five x then five y, in sides of a crop."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.prelu(F.conv2d(x, w[0], w[1]), w[2]), 3, 2, ceil_mode=True)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[3], w[4]), w[5]), 3, 2)
    x = F.max_pool2d(F.prelu(F.conv2d(x, w[6], w[7]), w[8]), 2, 2, ceil_mode=True)
    x = F.prelu(F.conv2d(x, w[9], w[10]), w[11])
    x = F.prelu(F.linear(x.flatten(1), w[12], w[13]), w[14])
    return F.linear(x, w[19], w[20]).softmax(1)[:, 1], F.linear(x, w[15], w[16]), F.linear(x, w[17], w[18])
