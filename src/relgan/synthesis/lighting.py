"""Light on the head: how much sky each vertex sees, and the shadow map of the key light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.synthesis.rasterize import depth_of, rasterize
from relgan.synthesis.upload import upload

SKY_DIRECTIONS = 12
SKY_MAP, KEY_MAP = 72, 208  # pixels
MAP_CENTRE = (0.0, -0.06, 0.70)
MAP_REACH = 0.155  # metres from the centre to a map's edge


@dataclass(frozen=True)
class Lamps:
    """A batch's light, (B, 3) each; softness and shine (B,)."""

    sky: Tensor
    gradient: Tensor
    key: Tensor
    key_direction: Tensor
    softness: Tensor
    shine: Tensor


@dataclass(frozen=True)
class SkyLight:
    """Per vertex (B, V, ...): irradiance of the sky (3), its change with the normal (3, relative), openness
    (1)."""

    irradiance: Tensor
    towards: Tensor
    openness: Tensor


@lru_cache(maxsize=4)
def sky_directions(device: str) -> Tensor:
    """Evenly spread directions, without those from straight behind: (K, 3)."""
    k = torch.arange(SKY_DIRECTIONS) + 0.5
    z = 1 - 2 * k / SKY_DIRECTIONS
    around = k * math.pi * (3 - 5**0.5)
    level = (1 - z**2).sqrt()
    directions = torch.stack([level * around.cos(), level * around.sin(), z], 1)
    return directions[directions[:, 1] < 0.75].to(device)


def _frames(directions: Tensor) -> Tensor:
    """(N, 3, 3): columns across, up and away from the light."""
    steep = directions[:, 2].abs() > 0.9
    helper = torch.where(
        steep[:, None], upload([0.0, 1.0, 0.0], directions.device), upload([0.0, 0.0, 1.0], directions.device)
    )
    across = F.normalize(torch.linalg.cross(directions, helper), dim=1)
    return torch.stack([across, torch.linalg.cross(directions, across), -directions], 2)


def _map_points(points: Tensor, frames: Tensor, size: int) -> Tensor:
    """(N, V, 3) as seen along the frames' light: column, row, depth."""
    seen = (points - upload(MAP_CENTRE, points.device)) @ frames
    return torch.cat([(seen[..., :2] / MAP_REACH + 1) * (size / 2), seen[..., 2:] + 2], -1)


def sky_light(
    points: Tensor, normals: Tensor, casters: Tensor, caster_faces: Tensor, lamps: Lamps
) -> SkyLight:
    """Each vertex's share of the sky, tested against one small shadow map per direction.

    Args:
        points, normals: (B, V, 3); casters: (B, V', 3) with caster_faces (F, 3) int32.
    """
    batch, count = points.shape[:2]
    directions = sky_directions(str(points.device))
    frames = _frames(directions)
    rays = len(directions)
    every_frame = frames[None].expand(batch, -1, -1, -1).reshape(-1, 3, 3)
    flat = _map_points(casters.repeat_interleave(rays, 0), every_frame, SKY_MAP)
    nearest = depth_of(rasterize(flat, caster_faces, SKY_MAP, SKY_MAP)).reshape(batch * rays, -1)
    lifted = (points + 0.003 * normals).repeat_interleave(rays, 0)
    tested = _map_points(lifted, every_frame, SKY_MAP)
    column, row = (tested[..., k].long().clamp(0, SKY_MAP - 1) for k in (0, 1))
    clear = ((nearest.gather(1, row * SKY_MAP + column) - tested[..., 2]) / 0.004 + 1.25).clamp(0, 1)
    clear = clear.reshape(batch, rays, count)
    cosine = (normals @ directions.T).permute(0, 2, 1)  # (B, K, V)
    facing = cosine.clamp(min=0)
    share = (1 + lamps.gradient @ directions.T).clamp(min=0.12)  # (B, K)
    arriving = clear * facing * share[..., None]
    total = arriving.sum(1)
    towards = (clear * (cosine > 0) * share[..., None]).transpose(1, 2) @ directions
    return SkyLight(
        irradiance=total[..., None] * lamps.sky[:, None] * (4 / rays),
        towards=towards / total.clamp(min=0.05)[..., None],
        openness=(clear * facing).sum(1) / facing.sum(1).clamp(min=0.1),
    )


@dataclass(frozen=True)
class KeyShadow:
    depth: Tensor  # (B, KEY_MAP * KEY_MAP)
    frames: Tensor  # (B, 3, 3)


def key_shadow(casters: Tensor, caster_faces: Tensor, lamps: Lamps) -> KeyShadow:
    frames = _frames(lamps.key_direction)
    depth = depth_of(rasterize(_map_points(casters, frames, KEY_MAP), caster_faces, KEY_MAP, KEY_MAP))
    return KeyShadow(depth.reshape(len(casters), -1), frames)


def key_visibility(
    shadow: KeyShadow, item: Tensor, points: Tensor, normals: Tensor, softness: Tensor
) -> Tensor:
    """How much of the key light reaches each point (N,): five taps, further apart for a larger lamp."""
    lifted = points + 0.0016 * normals - upload(MAP_CENTRE, points.device)
    frames = shadow.frames[item]
    seen = (lifted[:, None] @ frames)[:, 0]
    place = (seen[:, :2] / MAP_REACH + 1) * (KEY_MAP / 2)
    depth = seen[:, 2] + 2
    flat, base = shadow.depth.reshape(-1), item * KEY_MAP * KEY_MAP
    spread = 0.6 + 2.2 * softness[item]
    visible = torch.zeros_like(depth)
    for dx, dy in ((0.0, 0.0), (1.3, 0.5), (-0.5, 1.3), (-1.3, -0.5), (0.5, -1.3)):
        column = (place[:, 0] + dx * spread).long().clamp(0, KEY_MAP - 1)
        row = (place[:, 1] + dy * spread).long().clamp(0, KEY_MAP - 1)
        visible += (depth - flat[base + row * KEY_MAP + column] < 0.0030).float()
    return visible / 5
