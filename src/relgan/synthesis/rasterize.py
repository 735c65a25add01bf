"""A z-buffer rasteriser in warp (CPU and CUDA) and the attribute interpolation that goes with it."""

# The kernel is written in warp's dialect of Python, whose types mypy does not know.
# mypy: disable-error-code="operator, no-untyped-call, valid-type, index"

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from relgan.synthesis.head import import_anny

EMPTY = 2**62
TRIANGLE_BITS = 20
DEPTH_STEP = 1e-8  # metres per unit of the depth stored in the upper bits


@contextmanager
def _without_driver_warning() -> Iterator[None]:
    """Where there is no GPU, warp's native part says so on standard error, whatever its log level."""
    if torch.cuda.is_available():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@cache
def _kernel() -> Any:
    import_anny()
    import warp as wp

    with _without_driver_warning():
        wp.init()

    def fill_triangles(
        points: wp.array2d(dtype=wp.vec3),
        faces: wp.array(dtype=wp.vec3i),
        face_count: int,
        height: int,
        width: int,
        cull: int,
        longest: float,
        buffer: wp.array(dtype=wp.int64),
    ) -> None:
        thread = wp.tid()
        item = thread // face_count
        index = thread - item * face_count
        face = faces[index]
        p0 = points[item, face[0]]
        p1 = points[item, face[1]]
        p2 = points[item, face[2]]
        area = (p1[0] - p0[0]) * (p2[1] - p0[1]) - (p2[0] - p0[0]) * (p1[1] - p0[1])
        if wp.abs(area) < 1.0e-9:
            return
        if cull == 1 and area > 0.0:
            return
        wide = wp.max(p0[0], wp.max(p1[0], p2[0])) - wp.min(p0[0], wp.min(p1[0], p2[0]))
        high = wp.max(p0[1], wp.max(p1[1], p2[1])) - wp.min(p0[1], wp.min(p1[1], p2[1]))
        if wp.max(wide, high) > longest:
            return
        if p0[2] <= 0.0 or p1[2] <= 0.0 or p2[2] <= 0.0:
            return
        left = wp.max(0, int(wp.ceil(wp.min(p0[0], wp.min(p1[0], p2[0])) - 0.5)))
        right = wp.min(width - 1, int(wp.floor(wp.max(p0[0], wp.max(p1[0], p2[0])) - 0.5)))
        top = wp.max(0, int(wp.ceil(wp.min(p0[1], wp.min(p1[1], p2[1])) - 0.5)))
        bottom = wp.min(height - 1, int(wp.floor(wp.max(p0[1], wp.max(p1[1], p2[1])) - 0.5)))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x = float(column) + 0.5
                y = float(row) + 0.5
                w0 = ((p1[0] - x) * (p2[1] - y) - (p2[0] - x) * (p1[1] - y)) / area
                w1 = ((p2[0] - x) * (p0[1] - y) - (p0[0] - x) * (p2[1] - y)) / area
                w2 = 1.0 - w0 - w1
                if w0 >= -1.0e-6 and w1 >= -1.0e-6 and w2 >= -1.0e-6:
                    depth = 1.0 / (w0 / p0[2] + w1 / p1[2] + w2 / p2[2])
                    key = (wp.int64(depth * 1.0e8) << wp.int64(20)) | wp.int64(index)
                    wp.atomic_min(buffer, (item * height + row) * width + column, key)

    return wp.kernel(fill_triangles, module="unique")


def rasterize(
    points: Tensor, faces: Tensor, height: int, width: int, cull: bool = False, longest: float = 1e9
) -> Tensor:
    """The nearest triangle of every pixel.

    Args:
        points: (B, V, 3) column, row (pixels) and depth (positive, metres).
        faces: (F, 3) int32.
        cull: leave out triangles seen from behind (their corners run clockwise in the picture).
        longest: triangles wider or higher than this many pixels are left out.

    Returns:
        (B, height, width) int64: EMPTY, or the depth in the upper bits and the triangle in the lower 20.
    """
    kernel = _kernel()
    import warp as wp

    batch, count = points.shape[0], faces.shape[0]
    buffer = torch.full((batch * height * width,), EMPTY, dtype=torch.int64, device=points.device)
    # On a GPU warp must queue its work behind torch's.
    stream = wp.stream_from_torch(points.device) if points.is_cuda else None
    wp.launch(
        kernel,
        batch * count,
        inputs=[
            wp.from_torch(points.contiguous(), dtype=wp.vec3),
            wp.from_torch(faces, dtype=wp.vec3i),
            count,
            height,
            width,
            int(cull),
            longest,
            wp.from_torch(buffer),
        ],
        device=wp.device_from_torch(points.device),
        stream=stream,
    )
    return buffer.reshape(batch, height, width)


def depth_of(buffer: Tensor) -> Tensor:
    """Depth in metres; infinite where nothing was drawn."""
    return torch.where(buffer < EMPTY, (buffer >> TRIANGLE_BITS).float() * DEPTH_STEP, torch.inf)


def triangle_of(buffer: Tensor) -> Tensor:
    return buffer & ((1 << TRIANGLE_BITS) - 1)


def barycentric(points: Tensor, item: Tensor, row: Tensor, column: Tensor, corners: Tensor) -> Tensor:
    """Perspective-correct weights (N, 3) of the pixel centres within their triangles' corners (N, 3)."""
    p = points[item[:, None], corners]
    x, y = column + 0.5, row + 0.5
    (x0, x1, x2), (y0, y1, y2) = p[..., 0].unbind(1), p[..., 1].unbind(1)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
    w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
    weights = torch.stack([w0, w1, 1 - w0 - w1], -1) / p[..., 2]
    return weights / weights.sum(-1, keepdim=True)


def interpolate(values: Tensor, item: Tensor, corners: Tensor, weights: Tensor) -> Tensor:
    """Per-vertex values (B, V, C) or (V, C) at pixels: (N, C)."""
    if values.dim() == 2:
        gathered = values[corners.reshape(-1)]
    else:
        flat = values.reshape(-1, values.shape[-1])
        gathered = flat[(item[:, None] * values.shape[1] + corners).reshape(-1)]
    return (gathered.view(len(corners), 3, -1) * weights[..., None]).sum(1)
