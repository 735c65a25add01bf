"""Spectacle frames as thin tubes, fitted to a person's neutral head."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from relgan.synthesis.grooming import Glasses
from relgan.synthesis.head import SKIN, Head
from relgan.synthesis.people import Person
from relgan.synthesis.upload import upload

RIM_POINTS, BRIDGE_POINTS, TEMPLE_POINTS = 40, 8, 6
SIDES = 4  # of a tube's cross-section
# (points, closed) of every tube: two rims, the bridge, two temples.
TUBES = (
    (RIM_POINTS, True),
    (RIM_POINTS, True),
    (BRIDGE_POINTS, False),
    (TEMPLE_POINTS, False),
    (TEMPLE_POINTS, False),
)
VERTICES = sum(points for points, _ in TUBES) * SIDES


@lru_cache(maxsize=4)
def glasses_faces(device: str = "cpu") -> Tensor:
    """(F, 3) triangles of all tubes."""
    faces, start = [], 0
    for points, closed in TUBES:
        for k in range(points if closed else points - 1):
            for side in range(SIDES):
                a, b = start + k * SIDES + side, start + k * SIDES + (side + 1) % SIDES
                c, d = (start + (k + 1) % points * SIDES + s for s in (side, (side + 1) % SIDES))
                faces += [(a, c, b), (b, c, d)]
        start += points * SIDES
    return upload(faces, device)


def glasses_mesh(head: Head, person: Person, neutral: Tensor) -> Tensor:
    """(VERTICES, 3) for a neutral head (V, 3); all in one point for someone without glasses."""
    glasses = person.glasses
    if glasses is None:
        return neutral.mean(0).expand(VERTICES, 3).clone()
    eyes = torch.stack([neutral[head.part_vertices(part)].mean(0) for part in (1, 2)])
    template = head.template
    temple = (
        (head.vertex_part == SKIN) & (template[:, 1].abs() < 0.05) & ((template[:, 2] - 0.735).abs() < 0.012)
    )
    half_head = neutral[temple & (head.masks["ears"] < 0.2)][:, 0].abs().max()
    bridge = (
        (head.vertex_part == SKIN) & (template[:, 0].abs() < 0.006) & ((template[:, 2] - 0.728).abs() < 0.006)
    )
    front = torch.minimum(eyes[:, 1].mean() - 0.026, neutral[bridge][:, 1].min() - 0.0015)
    z = eyes[:, 2].mean() - glasses.drop
    tubes = []
    rims = [_rim(glasses, eye[0], front, z) for eye in eyes]
    for rim in rims:
        tubes.append(_tube(rim, glasses.thickness, closed=True))
    inner = [rim[(rim[:, 0].abs() + 0.15 * (rim[:, 2] - z - 0.004).abs()).argmin()] for rim in rims]
    t = torch.linspace(0, 1, BRIDGE_POINTS, device=neutral.device)[:, None]
    arch = 0.003 * torch.sin(math.pi * t)
    between = torch.lerp(inner[0], inner[1], t) + arch * upload([0.0, -0.6, 1.0], neutral.device)
    tubes.append(_tube(between, glasses.thickness, closed=False))
    for rim, sign in zip(rims, (1.0, -1.0), strict=True):
        hinge = rim[(rim[:, 0] * sign + 0.3 * rim[:, 2]).argmax()]
        ear = torch.stack([sign * (half_head + 0.003), front * 0 + 0.0, hinge[2] + 0.004])
        t = torch.linspace(0, 1, TEMPLE_POINTS, device=neutral.device)[:, None]
        out = torch.stack([ear[0], hinge[1] + 0.014, hinge[2] + 0.001])
        arm = torch.where(t < 0.3, torch.lerp(hinge, out, t / 0.3), torch.lerp(out, ear, (t - 0.3) / 0.7))
        tubes.append(_tube(arm, glasses.thickness, closed=False))
    return torch.cat(tubes)


def _rim(glasses: Glasses, eye_x: Tensor, front: Tensor, z: Tensor) -> Tensor:
    """(RIM_POINTS, 3) a superellipse around the eye, bent back towards the temple."""
    angle = torch.arange(RIM_POINTS, device=eye_x.device) / RIM_POINTS * 2 * math.pi
    power = 2 / glasses.roundness
    across = angle.cos().sign() * angle.cos().abs() ** power * glasses.half_width
    up = angle.sin().sign() * angle.sin().abs() ** power * glasses.half_height
    sign = torch.sign(eye_x)
    x = sign * torch.maximum(eye_x.abs() + 0.0015, upload(glasses.half_width + 0.0075, eye_x.device)) + across
    y = front + 0.6 * (x.abs() - 0.012).clamp(min=0) ** 2 / 0.06 - 0.05 * up
    return torch.stack([x, y, z - 0.002 + up], 1)


def _tube(curve: Tensor, thickness: float, closed: bool) -> Tensor:
    """(N, 3) points to (N * SIDES, 3): a square cross-section across the curve."""
    along = torch.roll(curve, -1, 0) - torch.roll(curve, 1, 0)
    if not closed:
        along[0], along[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    along = torch.nn.functional.normalize(along, dim=1)
    view = upload([0.0, 1.0, 0.0], curve.device)
    across = torch.linalg.cross(along, view.expand_as(along))
    across = torch.where(
        across.norm(dim=1, keepdim=True) < 0.3, upload([0.0, 0.0, 1.0], curve.device), across
    )
    across = torch.nn.functional.normalize(across, dim=1)
    depth = torch.nn.functional.normalize(torch.linalg.cross(along, across), dim=1)
    half = thickness / 2
    corners = [(half, half), (-half, half), (-half, -half), (half, -half)]
    return torch.stack([curve + a * across + b * depth for a, b in corners], 1).reshape(-1, 3)
