"""Hair as a sheet of locks over the scalp that falls past the hairline: one grid for every style.

Columns run around the head, rows from the crown to the hairline and on to the tips. The sheet is laid out on
the mean head and carried to a person by the displacement of the nearest scalp vertices.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from relgan.synthesis.appearance import hairline_z
from relgan.synthesis.chart import AXIS_Y, bell, noise, smooth_step
from relgan.synthesis.grooming import Hair
from relgan.synthesis.head import SKIN, Head
from relgan.synthesis.people import Person
from relgan.synthesis.upload import upload

COLUMNS, SCALP_ROWS, FALL_ROWS = 96, 18, 18
ROWS = SCALP_ROWS + FALL_ROWS
CENTRE = (0.0, -0.012, 0.735)
FALLING_STYLES = ("bob", "long")
FRINGE_FORWARD = 0.42  # how the forehead leans: metres forward per metre down
SIDE_AZIMUTH = 72.0  # where falling hair leaves the face free, degrees


@lru_cache(maxsize=4)
def hair_faces(device: str = "cpu", step: int = 1) -> Tensor:
    """(F, 3) triangles of the grid, or of every step-th row and column of it; columns wrap around."""
    rows = torch.tensor([*range(0, ROWS - 1, step), ROWS - 1])
    columns = torch.arange(0, COLUMNS, step)
    upper, lower = rows[:-1, None], rows[1:, None]
    following = (columns + step) % COLUMNS
    a, b = (upper * COLUMNS + columns).flatten(), (upper * COLUMNS + following).flatten()
    c, d = (lower * COLUMNS + columns).flatten(), (lower * COLUMNS + following).flatten()
    return torch.cat([torch.stack([a, c, b], 1), torch.stack([b, c, d], 1)]).to(device)


@lru_cache(maxsize=4)
def grid_coordinates(device: str = "cpu") -> Tensor:
    """(ROWS * COLUMNS, 3): cosine and sine of the column's azimuth, and the row from 0 (crown) to 1
    (tips)."""
    azimuth = _azimuths(torch.device(device))
    rows = torch.linspace(0, 1, ROWS, device=device)
    around = torch.stack([azimuth.cos(), azimuth.sin()], 1)
    return torch.cat([around.repeat(ROWS, 1), rows.repeat_interleave(COLUMNS)[:, None]], 1)


def _azimuths(device: torch.device) -> Tensor:
    """(COLUMNS,) radians, 0 straight ahead, positive to the subject's left; half a step off the middle."""
    return (torch.arange(COLUMNS, device=device) + 0.5) / COLUMNS * 2 * math.pi - math.pi


@lru_cache(maxsize=4)
def _scalp(head: Head) -> tuple[Tensor, Tensor, Tensor]:
    """Vertices of the upper head (indices), their directions from the centre and their distances."""
    template = head.template
    usable = (head.vertex_part == SKIN) & (template[:, 2] > 0.62) & (head.masks["ears"] < 0.3)
    usable &= (head.masks["mouth"] < 0.3) & (
        (template[:, 2] > 0.76) | (template[:, 0].abs() > 0.035) | (template[:, 1] > -0.03)
    )
    index = usable.nonzero()[:, 0]
    offset = template[index] - upload(CENTRE, template.device)
    distance = offset.norm(dim=1)
    return index, offset / distance[:, None], distance


def hair_mesh(head: Head, person: Person, neutral: Tensor) -> Tensor:
    """(ROWS * COLUMNS, 3) for a neutral head (V, 3); all in one point where there is no hair."""
    hair, device = person.hair, head.device
    if hair.style == "bald":
        return neutral.mean(0).expand(ROWS * COLUMNS, 3).clone()
    offset = upload(person.skin.noise_offset, device)
    centre = upload(CENTRE, device)
    azimuth = _azimuths(device)
    directions = _scalp_directions(hair, azimuth, centre)  # (SCALP_ROWS, COLUMNS, 3)
    index, known, distance = _scalp(head)
    flat = directions.reshape(-1, 3)
    nearness, nearest = (flat @ known.T).topk(6, dim=1)
    weight = torch.exp((nearness - 1) * 400)
    weight = weight / weight.sum(1, keepdim=True)
    radius = (distance[nearest] * weight).sum(1, keepdim=True)
    moved = ((neutral - head.template)[index][nearest] * weight[..., None]).sum(1)
    surface = (centre + flat * radius + moved).reshape(SCALP_ROWS, COLUMNS, 3)
    outward = directions
    thickness = _thickness(hair, azimuth, directions, offset)
    scalp = surface + outward * thickness[..., None]
    fall = _fall(hair, azimuth, scalp, surface, offset)
    return torch.cat([scalp, fall]).reshape(-1, 3)


def _scalp_directions(hair: Hair, azimuth: Tensor, centre: Tensor) -> Tensor:
    line = hairline_z(hair, torch.rad2deg(azimuth.abs())) + 0.001
    # The hairline as a direction from the centre: on an ellipsoid about as large as the head.
    height = ((line - centre[2]) / 0.112).clamp(-0.95, 0.95)
    level = (1 - height**2).sqrt()
    edge = torch.stack([azimuth.sin() * level * 0.076, -azimuth.cos() * level * 0.098, line - centre[2]], 1)
    edge = edge / edge.norm(dim=1, keepdim=True)
    crown = torch.nn.functional.normalize(upload([0.0, 0.25, 1.0], azimuth.device), dim=0)
    angle = torch.acos((edge @ crown).clamp(-1, 1))
    t = torch.linspace(0.02, 1, SCALP_ROWS, device=azimuth.device)[:, None]
    sideways = torch.nn.functional.normalize(edge - (edge @ crown)[:, None] * crown, dim=1)
    turn = t * angle
    return crown * turn.cos()[..., None] + sideways * turn.sin()[..., None]


def _thickness(hair: Hair, azimuth: Tensor, directions: Tensor, offset: Tensor) -> Tensor:
    """(SCALP_ROWS, COLUMNS) metres off the scalp."""
    t = torch.linspace(0, 1, SCALP_ROWS, device=azimuth.device)[:, None]
    front = bell(torch.rad2deg(azimuth), 55.0)[None]
    top = smooth_step(0.1, 0.9, directions[..., 2])
    edge = 1 - smooth_step(0.72, 1.0, t)
    locks = noise(directions * 9 + offset)[..., 0] + 0.6 * noise(directions * 22 + offset)[..., 1]
    if hair.style == "curly":
        around = directions * 34 + offset
        locks = 0.8 * locks + 0.9 * noise(around)[..., 2] + 0.5 * noise(around * 1.9)[..., 3]
    rough = {"curly": 0.26, "short": 0.22, "cropped": 0.10}.get(hair.style, 0.07)
    # Hair that falls over the sides or the forehead keeps its volume at the hairline; cut hair thins out.
    kept = (
        0.85
        if hair.style in FALLING_STYLES
        else (0.35 + 0.35 * front if hair.style in ("short", "curly") else 0.1)
    )
    sides = 0.35 if hair.style == "short" else 0.8
    profile = (sides + (1 - sides) * top) * (edge + (1 - edge) * kept)
    parted = (
        bell(directions[..., 0] * 0.1 - hair.parting, 0.006) * top * (hair.style in (*FALLING_STYLES, "tied"))
    )
    return (hair.thickness * profile * (1 + rough * locks) * (1 - 0.6 * parted)).clamp(min=0.0004)


def _fall(hair: Hair, azimuth: Tensor, scalp: Tensor, surface: Tensor, offset: Tensor) -> Tensor:
    """(FALL_ROWS, COLUMNS, 3) past the hairline."""
    edge = scalp[-1]
    t = (torch.arange(1, FALL_ROWS + 1, device=azimuth.device) / FALL_ROWS)[:, None]
    degrees = torch.rad2deg(azimuth)
    if hair.style in FALLING_STYLES:
        return _curtains(hair, degrees, edge, t, offset)
    # A fringe lies on the forehead; elsewhere the last rows stay on the hairline.
    uneven = 1 + 0.25 * _per_lock(degrees / 6, offset)[:, 0]
    drop = t * (hair.fringe * bell(degrees, 48.0) * uneven).clamp(min=0)[None]
    fringe = edge[None].repeat(FALL_ROWS, 1, 1)
    fringe[..., 2] -= drop
    fringe[..., 1] -= FRINGE_FORWARD * drop + 0.004 * smooth_step(0.0, 0.006, drop)
    return fringe


def _per_lock(place: Tensor, offset: Tensor) -> Tensor:
    """(COLUMNS, 4) noise along one line."""
    return noise(torch.stack([place, place * 0, place * 0], -1) + offset)


def _around(edge: Tensor, degrees: Tensor) -> Tensor:
    """Points of a closed curve with one point per column (COLUMNS, 3) at any azimuths in degrees."""
    place = torch.remainder((degrees + 180) / 360 * COLUMNS - 0.5, COLUMNS)
    before = place.long() % COLUMNS
    return torch.lerp(edge[before], edge[(before + 1) % COLUMNS], (place - place.floor())[..., None])


def _curtains(hair: Hair, degrees: Tensor, edge: Tensor, t: Tensor, offset: Tensor) -> Tensor:
    """Locks run from the parting along the hairline to the temples, then fall."""
    parted = degrees + 400 * hair.parting * bell(degrees, 60.0)
    side = torch.where(parted >= 0, 1.0, -1.0)
    goal = side * torch.maximum(degrees.abs(), SIDE_AZIMUTH + 7 * _per_lock(degrees / 9, offset)[:, 1])
    sweep = smooth_step(0.0, 0.40, t).expand(-1, COLUMNS)
    turned = torch.lerp(degrees.expand_as(sweep), goal.expand_as(sweep), sweep)
    along = _around(edge, turned)
    level = torch.hypot(along[..., 0], along[..., 1] - AXIS_Y) + 0.002 * sweep
    fallen = ((t - 0.2) / 0.8).clamp(min=0)
    beside = 0.091 + 0.35 * hair.thickness + 0.016 * smooth_step(100.0, 160.0, degrees.abs())
    reach = torch.lerp(level, torch.maximum(level, beside.expand_as(level)), smooth_step(0.0, 0.4, fallen))
    waves = noise(
        torch.stack([(degrees / 14).expand_as(sweep), (5 * t).expand_as(sweep), sweep * 0], -1) + offset
    )
    reach = reach + (0.003 + 0.012 * hair.wave) * waves[..., 0] * smooth_step(0.1, 0.5, fallen)
    bottom = 0.700 - hair.length * (1 + 0.06 * _per_lock(degrees / 5, offset)[:, 2])
    z = along[..., 2] - (along[..., 2] - bottom) * fallen
    angle = torch.deg2rad(turned)
    return torch.stack([reach * angle.sin(), AXIS_Y - reach * angle.cos(), z], -1)
