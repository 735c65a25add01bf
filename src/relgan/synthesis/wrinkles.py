"""Creases of the skin as relief: where they run on the mean head, and which action units and age deepen
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from relgan.synthesis.chart import Chart, bell, central_difference, load_chart, noise, smooth_step


@dataclass(frozen=True)
class Crease:
    """A line of points (|x|, z) in metres on either half of the face, and what deepens it.

    Attributes:
        width: half width, metres; depth: metres at activation 1.
        units: action unit to gain; age: gain of the person's age wrinkles; rest: always there.
    """

    points: tuple[tuple[float, float], ...]
    width: float
    depth: float
    units: Mapping[int, float] = field(default_factory=dict)
    age: float = 0.0
    rest: float = 0.0


def _forehead(k: int) -> Crease:
    z = 0.7655 + 0.0085 * k
    strength = (1.0, 0.85, 0.65, 0.45)[k]
    return Crease(
        ((0.0, z), (0.018, z + 0.0012), (0.036, z - 0.0005), (0.052, z - 0.004)),
        0.0019,
        0.00085 * strength,
        {1: 0.45, 2: 0.6},
        age=0.67,
    )


CREASES: tuple[Crease, ...] = (
    *(_forehead(k) for k in range(4)),
    # Between the brows, and across the root of the nose.
    Crease(((0.0065, 0.737), (0.0092, 0.757)), 0.0018, 0.0011, {4: 0.95, 9: 0.35}, age=0.4),
    Crease(((0.0, 0.7355), (0.012, 0.7325)), 0.0016, 0.0008, {9: 0.8, 4: 0.25}, age=0.16),
    Crease(((0.0, 0.729), (0.010, 0.7265)), 0.0015, 0.0008, {9: 0.75}),
    Crease(((0.0075, 0.721), (0.013, 0.729)), 0.0015, 0.0007, {9: 0.65}),
    # Crow's feet.
    Crease(((0.0515, 0.7285), (0.0655, 0.7365)), 0.0014, 0.0007, {6: 0.6, 9: 0.2}, age=0.72),
    Crease(((0.0520, 0.7250), (0.0670, 0.7255)), 0.0014, 0.0007, {6: 0.75, 9: 0.25}, age=0.72),
    Crease(((0.0510, 0.7220), (0.0640, 0.7145)), 0.0014, 0.0006, {6: 0.6, 9: 0.2}, age=0.56),
    # Below the eye: the lid's own fold, and the bag's edge.
    Crease(
        ((0.018, 0.7200), (0.031, 0.7165), (0.046, 0.7195)),
        0.0017,
        0.0007,
        {6: 0.45, 7: 0.35, 9: 0.3},
        age=0.48,
    ),
    Crease(((0.017, 0.7150), (0.028, 0.7075), (0.042, 0.7095)), 0.0026, 0.0008, {6: 0.35}, age=0.8),
    # From the nose's wing to the mouth's corner, from there to the jaw, the dimple, and below the lip.
    Crease(
        ((0.0180, 0.6950), (0.0265, 0.6825), (0.0345, 0.6640)),
        0.0034,
        0.0017,
        {12: 0.75, 10: 0.65, 9: 0.7, 14: 0.35, 20: 0.25, 6: 0.1},
        age=0.8,
        rest=0.06,
    ),
    Crease(((0.0290, 0.6590), (0.0335, 0.6400)), 0.0026, 0.0011, {15: 0.6, 20: 0.3, 17: 0.2}, age=0.8),
    Crease(((0.0340, 0.6645), (0.0365, 0.6550)), 0.0024, 0.0014, {14: 0.9, 12: 0.25}),
    Crease(
        ((0.0400, 0.6720), (0.0440, 0.6580), (0.0420, 0.6460)), 0.0030, 0.0010, {12: 0.5, 20: 0.2}, age=0.24
    ),
    Crease(((0.0, 0.6405), (0.015, 0.6380)), 0.0030, 0.0012, {17: 0.6}, rest=0.12, age=0.24),
)
CHIN_PEBBLE_DEPTH = 0.0006  # metres, at action unit 17 of 1
AGE_ROUGHNESS = 0.00018


def _distance_to_line(x: Tensor, z: Tensor, points: tuple[tuple[float, float], ...]) -> tuple[Tensor, Tensor]:
    """Distance in metres to a polyline and how far along it (0..1) the nearest point lies."""
    best, where = torch.full_like(x, torch.inf), torch.zeros_like(x)
    pieces = len(points) - 1
    for index, ((x0, z0), (x1, z1)) in enumerate(pairwise(points)):
        dx, dz = x1 - x0, z1 - z0
        t = (((x - x0) * dx + (z - z0) * dz) / (dx * dx + dz * dz)).clamp(0, 1)
        distance = torch.hypot(x - x0 - t * dx, z - z0 - t * dz)
        nearer = distance < best
        best = torch.where(nearer, distance, best)
        where = torch.where(nearer, (index + t) / pieces, where)
    return best, where


@lru_cache(maxsize=8)
def relief_maps(texel_mm: float, device: str = "cpu") -> Tensor:
    """(2 * creases + 2, H, W): the gradient-ready heights of every crease, left then right; chin pebbles;
    rough skin.

    Heights are metres at activation 1: a groove with a slightly raised rim.
    """
    chart = load_chart(texel_mm, device)
    x, y, z = chart.position.unbind(-1)
    front = smooth_step(-0.05, -0.08, y)
    maps = []
    for crease in CREASES:
        distance, along = _distance_to_line(x.abs(), z, crease.points)
        starts_at_middle = crease.points[0][0] == 0.0
        taper = 1 - 0.85 * along**2 if starts_at_middle else (1 - (2 * along - 1).abs() ** 3 * 0.8)
        groove = 0.3 * bell(distance, 2.4 * crease.width) - bell(distance, crease.width)
        height = groove * taper * front * crease.depth
        blend = torch.sigmoid(x / 0.002)
        maps += [height * blend, height * (1 - blend)]
    chin = bell(torch.hypot(x / 1.3, z - 0.630), 0.011) * front
    maps.append(chin * noise(chart.position * 260)[..., 0] * CHIN_PEBBLE_DEPTH)
    maps.append(noise(chart.position * 420)[..., 1] * AGE_ROUGHNESS * front)
    return torch.stack(maps)


def activations(units: Tensor, unit_index: Mapping[int, int], age: Tensor, gain: Tensor) -> Tensor:
    """How deep every relief map is: (B, 2 * creases + 2).

    Args:
        units: (B, A, 2) action units, left and right.
        age: (B,) 0 (smooth) to 1 (old); gain: (B, creases) how readily the skin folds along each.
    """
    columns = []
    for crease, folds in zip(CREASES, gain.unbind(1), strict=True):
        depth = (crease.rest + crease.age * age)[:, None].expand(-1, 2)
        for unit, weight in crease.units.items():
            depth = depth + weight * units[:, unit_index[unit]]
        columns.append((depth * folds[:, None]).clamp(0, 1.3))
    chin = units[:, unit_index[17]].mean(1, keepdim=True).clamp(0, 1.2)
    return torch.cat([*columns, chin, (0.25 + age)[:, None]], 1)


def relief(activation: Tensor, texel_mm: float, chart: Chart) -> Tensor:
    """(B, M) activations to (B, H, W, 4): the height's gradient in space (metres per metre) and the groove's
    shade."""
    maps = relief_maps(texel_mm, str(chart.position.device))
    height = (activation @ maps.reshape(len(maps), -1)).reshape(-1, *chart.shape)
    along_column, along_row = central_difference(height, 2), central_difference(height, 1)
    gradient = chart.tilt[..., 0] * along_column[..., None] + chart.tilt[..., 1] * along_row[..., None]
    shade = (-height / 0.0012).clamp(0, 1)
    return torch.cat([gradient, shade[..., None]], -1)
