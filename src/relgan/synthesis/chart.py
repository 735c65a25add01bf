"""The chart on which skin is painted: azimuth and height of the mean head, so paint moves with the mesh.

A texel holds what lies outermost there on the mean head. Everything painted is written in the coordinates of
the mean head (metres), and a map's relief becomes a tilt of the surface normal through `Chart.tilt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.synthesis.head import SKIN, Head, load_head
from relgan.synthesis.rasterize import EMPTY, barycentric, interpolate, rasterize, triangle_of
from relgan.synthesis.upload import upload

AXIS_Y = -0.02  # the vertical axis of the chart stands this far in front of the mesh's own
AZIMUTH_LIMIT = math.radians(115)
BOTTOM_Z, TOP_Z = 0.575, 0.865
RADIUS = 0.1  # azimuth times this is a length on the face


@dataclass(frozen=True)
class Chart:
    """Attributes:
    position: (H, W, 3) the mean head's surface under each texel, metres.
    masks: name to (H, W).
    tilt: (H, W, 3, 2) from a map's derivatives along columns and rows (per texel) to its gradient in space.
    lid_distance: (H, W) distance to the nearest lash line, metres; above_lid: (H, W) 1 above the eye's
    middle.
    """

    position: Tensor
    masks: dict[str, Tensor]
    tilt: Tensor
    lid_distance: Tensor
    above_lid: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.position.shape[0], self.position.shape[1]


def chart_coordinates(points: Tensor) -> Tensor:
    """(..., 3) points of the mean head to (..., 2) column and row as fractions of the chart."""
    azimuth = torch.atan2(points[..., 0], -(points[..., 1] - AXIS_Y))
    column = (azimuth + AZIMUTH_LIMIT) / (2 * AZIMUTH_LIMIT)
    row = (TOP_Z - points[..., 2]) / (TOP_Z - BOTTOM_Z)
    return torch.stack([column, row], -1)


def azimuth_degrees(x: Tensor, y: Tensor) -> Tensor:
    """Angle from straight ahead, 0 to 180 degrees."""
    return torch.rad2deg(torch.atan2(x.abs(), -(y - AXIS_Y)))


@lru_cache(maxsize=8)
def load_chart(texel_mm: float, device: str = "cpu") -> Chart:
    """The chart of the mean head with texels of about this size at the cheeks."""
    head = load_head(device)
    width = round(2 * AZIMUTH_LIMIT * RADIUS * 1000 / texel_mm)
    height = round((TOP_Z - BOTTOM_Z) * 1000 / texel_mm)
    coordinates = chart_coordinates(head.template) * upload([width, height], head.device)
    outward = torch.hypot(head.template[:, 0], head.template[:, 1] - AXIS_Y)
    points = torch.cat([coordinates, (1 - outward)[:, None]], 1)[None]
    inside = head.masks["mouth"][head.faces].amax(1) > 0.5
    columns = coordinates[head.faces][..., 0]
    across_the_back = columns.amax(1) - columns.amin(1) > width / 2
    faces = head.faces[(head.part == SKIN) & ~inside & ~across_the_back]
    buffer = rasterize(points, faces.int().contiguous(), height, width)
    item, row, column = (buffer < EMPTY).nonzero(as_tuple=True)
    corners = faces[triangle_of(buffer[item, row, column])]
    weights = barycentric(points, item, row, column, corners)
    values = torch.cat([head.template, torch.stack(list(head.masks.values()), 1)], 1)
    grid = torch.zeros(height, width, values.shape[1], device=head.device)
    known = torch.zeros(height, width, dtype=torch.bool, device=head.device)
    grid[row, column] = interpolate(values, item, corners, weights)
    known[row, column] = True
    grid = _spread(grid, known)
    position = grid[..., :3].contiguous()
    margin = head.lid_margin.reshape(-1, 3)
    distance = torch.cdist(position.reshape(-1, 3), margin).amin(1).reshape(height, width)
    return Chart(
        position=position,
        masks={name: grid[..., 3 + index].contiguous() for index, name in enumerate(head.masks)},
        tilt=_tilt(position),
        lid_distance=distance,
        above_lid=_above_lid(head, position),
    )


def _above_lid(head: Head, position: Tensor) -> Tensor:
    """1 where the texel lies above the line through its eye's corners, else 0."""
    above = torch.zeros(position.shape[:2], device=position.device)
    for margin, sign in zip(head.lid_margin, (1.0, -1.0), strict=True):
        inner = margin[(margin[:, 0] * sign).argmin()]
        outer = margin[(margin[:, 0] * sign).argmax()]
        along = (position[..., 0] - inner[0]) / (outer[0] - inner[0])
        line = inner[2] + along * (outer[2] - inner[2])
        above = torch.where(position[..., 0] * sign > 0, (position[..., 2] > line).float(), above)
    return above


def _spread(grid: Tensor, known: Tensor) -> Tensor:
    """Fill empty texels from their neighbours, ring by ring."""
    values, weight = grid.permute(2, 0, 1)[None], known.float()[None, None]
    values = values * weight
    while bool((weight == 0).any()):
        total = F.avg_pool2d(values, 3, 1, 1, count_include_pad=False)
        count = F.avg_pool2d(weight, 3, 1, 1, count_include_pad=False)
        filled = (weight == 0) & (count > 0)
        values = torch.where(filled, total / count.clamp(min=1e-6), values)
        weight = torch.where(filled, torch.ones_like(weight), weight)
    return values[0].permute(1, 2, 0)


def central_difference(field: Tensor, dim: int) -> Tensor:
    """Half the difference of the two neighbours along a dimension; zero at the ends."""
    length = field.shape[dim]
    inner = (field.narrow(dim, 2, length - 2) - field.narrow(dim, 0, length - 2)) / 2
    edge = torch.zeros_like(field.narrow(dim, 0, 1))
    return torch.cat([edge, inner, edge], dim)


def _tilt(position: Tensor) -> Tensor:
    along_column, along_row = central_difference(position, 1), central_difference(position, 0)
    tangents = torch.stack([along_column, along_row], -1)  # (H, W, 3, 2)
    metric = tangents.transpose(-1, -2) @ tangents
    metric = metric + 1e-8 * torch.eye(2, device=position.device)
    inverse: Tensor = torch.linalg.inv(metric)
    return tangents @ inverse


def smooth_step(low: float, high: float, x: Tensor) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def bell(distance: Tensor, width: float | Tensor) -> Tensor:
    return torch.exp(-((distance / width) ** 2))


@lru_cache(maxsize=4)
def _lattice(device: str) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    volume = torch.randn(1, 4, 32, 32, 32, generator=generator)
    for dim in (2, 3, 4):
        volume = torch.cat([volume, volume.narrow(dim, 0, 1)], dim)
    return volume.to(device)


def noise(points: Tensor) -> Tensor:
    """(..., 3) points in lattice units to (..., 4) smooth noise of unit variance at the lattice's nodes."""
    wrapped = torch.remainder(points.reshape(1, 1, 1, -1, 3), 32.0) / 16 - 1
    values = F.grid_sample(_lattice(str(points.device)), wrapped, align_corners=True, padding_mode="border")
    return values[0, :, 0, 0].T.reshape(*points.shape[:-1], 4)


def sample_maps(maps: Tensor, index: Tensor, coordinates: Tensor) -> Tensor:
    """Bilinear samples (N, C) of maps (M, H, W, C) at fractions (N, 2); index (N,) says which map."""
    count, height, width, channels = maps.shape
    column = (coordinates[:, 0] * width - 0.5).clamp(0, width - 1.001)
    row = (coordinates[:, 1] * height - 0.5).clamp(0, height - 1.001)
    left, top = column.long(), row.long()
    across, down = (column - left)[:, None], (row - top)[:, None]
    flat = maps.reshape(count * height * width, channels)
    first = (index * height + top) * width + left
    upper = torch.lerp(flat[first], flat[first + 1], across)
    lower = torch.lerp(flat[first + width], flat[first + width + 1], across)
    return torch.lerp(upper, lower, down)
