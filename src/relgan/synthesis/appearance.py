"""What is painted on a person's chart: skin, lips, make-up, beard, brows, scalp hair, clothes.

Lengths and places are metres on the mean head. Colours are linear reflectances; skin is Beer's law over
melanin and haemoglobin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from relgan.synthesis.chart import Chart, azimuth_degrees, bell, noise, smooth_step
from relgan.synthesis.grooming import Hair
from relgan.synthesis.people import Person
from relgan.synthesis.upload import upload

MELANIN_ABSORBS = (0.84, 1.0, 1.22)
HAEMOGLOBIN_ABSORBS = (0.16, 1.0, 1.05)
BRIGHTEST_SKIN = (0.86, 0.80, 0.71)
# The hairline's height over the azimuth (degrees).
HAIRLINE_AZIMUTH = (0.0, 14.0, 28.0, 42.0, 54.0, 64.0, 74.0, 86.0, 100.0, 122.0, 180.0)
HAIRLINE_Z = (0.797, 0.797, 0.792, 0.777, 0.755, 0.735, 0.714, 0.702, 0.690, 0.662, 0.650)


@dataclass
class _Canvas:
    """The chart's coordinates and the paint so far."""

    x: Tensor
    y: Tensor
    z: Tensor
    across: Tensor  # |x|
    coarse: Tensor  # noise of about 13, 3 and 1 mm
    middle: Tensor
    fine: Tensor
    albedo: Tensor
    gloss: Tensor
    hair: Tensor

    def cover(self, amount: Tensor, colour: Tensor) -> None:
        self.albedo = torch.lerp(self.albedo, colour.expand_as(self.albedo), amount.clamp(0, 1)[..., None])


def paint(person: Person, chart: Chart) -> Tensor:
    """(H, W, 5): albedo, gloss (0 dull to 1 oily, above for lips), and how much of the texel is hair."""
    position = chart.position
    x, y, z = position.unbind(-1)
    offset = upload(person.skin.noise_offset, position.device)
    canvas = _Canvas(
        x=x,
        y=y,
        z=z,
        across=x.abs(),
        coarse=noise(position * 75 + offset),
        middle=noise(position * 330 + offset),
        fine=noise(position * 1000 + offset),
        albedo=torch.zeros_like(position),
        gloss=torch.zeros_like(x),
        hair=torch.zeros_like(x),
    )
    lips = smooth_step(0.2, 0.65, chart.masks["lips"] + 0.06 * canvas.middle[..., 0])
    _paint_skin(canvas, person, chart, lips)
    _paint_makeup(canvas, person, chart, lips)
    _paint_beard(canvas, person, chart, lips, offset)
    _paint_brows(canvas, person, offset)
    _paint_scalp(canvas, person, chart, offset)
    _paint_lids(canvas, person, chart)
    below = (z < person.collar + 0.25 * canvas.across) & (z < 0.62)
    canvas.cover(below.float(), upload(person.clothes, x.device))
    canvas.gloss = torch.where(below, 0.0, canvas.gloss)
    return torch.cat([canvas.albedo, canvas.gloss[..., None], canvas.hair[..., None]], -1)


def _spot(u: Tensor, width_u: float, v: Tensor, width_v: float) -> Tensor:
    return bell(u, width_u) * bell(v, width_v)


def _paint_skin(canvas: _Canvas, person: Person, chart: Chart, lips: Tensor) -> None:
    skin, across, z = person.skin, canvas.across, canvas.z
    ears, lids = chart.masks["ears"], bell(chart.lid_distance, 0.006)
    cheek = _spot(across - 0.043, 0.020, z - 0.692, 0.020)
    nose = _spot(canvas.x, 0.014, z - 0.698, 0.013) * (canvas.y < -0.145)
    under_eye = _spot(across - 0.031, 0.017, z - 0.7165, 0.0065)
    socket = _spot(across - 0.026, 0.018, z - 0.733, 0.012)

    blood = skin.haemoglobin * (1 + 0.14 * canvas.coarse[..., 0] + 0.08 * canvas.middle[..., 0])
    blood = blood + 0.11 * (cheek * (0.5 + skin.blush) + 0.6 * nose + 0.6 * ears)
    blood = blood + 0.10 * under_eye * skin.under_eye + 0.06 * lids
    pigment = skin.melanin * (
        1 + 0.07 * canvas.coarse[..., 1] + 0.05 * canvas.middle[..., 1] + 0.03 * canvas.fine[..., 0]
    )
    pigment = pigment + 0.5 * skin.freckles * smooth_step(0.6, 1.3, canvas.fine[..., 2]) * _spot(
        across, 0.055, z - 0.705, 0.03
    )
    pigment = pigment + 0.35 * smooth_step(2.3, 2.5, canvas.middle[..., 3])  # moles
    pigment = pigment + 0.13 * under_eye * skin.under_eye + 0.05 * lids + 0.08 * socket
    # Lips: thin skin, so less pigment and more blood.
    blood = blood + lips * person.makeup.lip_redness / (1 + 0.35 * skin.melanin)
    pigment = pigment * (1 - 0.25 * lips * float(skin.melanin < 0.8)) + person.makeup.lip_pigment * lips
    seam = smooth_step(0.02, 0.3, chart.masks["mouth"])
    absorbed = pigment[..., None] * _row(MELANIN_ABSORBS, pigment) + blood[..., None] * _row(
        HAEMOGLOBIN_ABSORBS, pigment
    )
    canvas.albedo = _row(BRIGHTEST_SKIN, pigment) * torch.exp(-absorbed) * (1 - 0.75 * seam[..., None])
    upper = lips * smooth_step(0.6605, 0.6635, z)  # the upper lip looks down
    canvas.albedo = canvas.albedo * (1 - 0.16 * upper[..., None])
    shiny = 0.4 + nose + 0.5 * _spot(canvas.x, 0.035, z - 0.775, 0.02) + 0.4 * cheek
    canvas.gloss = (0.12 + 0.30 * skin.oil * shiny) * (1 + 0.3 * canvas.middle[..., 2]) + 0.5 * lips


def _row(values: tuple[float, ...], like: Tensor) -> Tensor:
    return upload(values, like.device)


def _paint_makeup(canvas: _Canvas, person: Person, chart: Chart, lips: Tensor) -> None:
    makeup = person.makeup
    tone = _row(makeup.lip_colour, canvas.x) * (1 - 0.35 * min(person.skin.melanin, 1.5) / 1.5)
    canvas.cover(lips * makeup.lipstick, tone)
    canvas.gloss = canvas.gloss + 0.5 * lips * makeup.lipstick
    lid = chart.above_lid * (1 - smooth_step(0.004, 0.010, chart.lid_distance))
    canvas.cover(lid * makeup.shadow, _row(makeup.shadow_colour, canvas.x))


def _paint_lids(canvas: _Canvas, person: Person, chart: Chart) -> None:
    """The upper lid's fold, and lashes and liner as a dark rim: geometry here smears when the eye is
    screwed up."""
    makeup = person.makeup
    fold = _spot(chart.lid_distance - 0.0045, 0.0011, canvas.across - 0.036, 0.020) * chart.above_lid
    canvas.cover(0.45 * fold * min(1.0, 0.4 + person.skin.under_eye), 0.45 * canvas.albedo)
    rim = chart.above_lid + 0.35 * (1 - chart.above_lid)
    outer = smooth_step(0.022, 0.042, canvas.across)  # where lashes are longest
    width = 0.0018 + 0.0010 * (1 + outer) * makeup.lashes + 0.0009 * makeup.liner
    line = 1 - ((chart.lid_distance - 0.35 * width) / (0.65 * width)).clamp(0, 1)
    grown = 0.15 + 0.85 * smooth_step(0.018, 0.028, canvas.across)  # hardly at the inner corner
    dark = grown * line * rim * min(1.0, 0.55 + 0.4 * makeup.lashes + 0.3 * makeup.liner)
    canvas.cover(dark, torch.full((3,), 0.012, device=canvas.x.device))
    canvas.gloss = canvas.gloss * (1 - dark)


def _paint_beard(canvas: _Canvas, person: Person, chart: Chart, lips: Tensor, offset: Tensor) -> None:
    beard, across, y, z = person.beard, canvas.across, canvas.y, canvas.z
    if beard.stubble == 0:
        return
    moustache = (
        bell(z - 0.676, 0.0062) * (1 - smooth_step(0.026, 0.034, across)) * (1 - 0.45 * bell(canvas.x, 0.004))
    )
    goatee = bell(z - 0.640, 0.016) * (1 - smooth_step(0.016, 0.026, across)) * (z < 0.654)
    goatee = goatee + _spot(across - 0.031, 0.006, z - 0.658, 0.014)
    jaw = smooth_step(0.0, 0.02, 0.700 - z + 0.62 * (across - 0.05)) * smooth_step(0.030, 0.05, across)
    # Up to the moustache beside the mouth, lower beneath the lip.
    rim = z - 0.648 - 0.022 * smooth_step(0.014, 0.028, across)
    jaw = (jaw + (1 - smooth_step(-0.006, 0.006, rim)) * (across < 0.05)).clamp(0, 1)
    jaw = jaw * (1 - smooth_step(0.715, 0.735, z)) * (1 - chart.masks["ears"]) * smooth_step(-0.02, -0.035, y)
    grows = (z > 0.603).float() * (1 - lips)
    everywhere = torch.stack([moustache, goatee, jaw]).amax(0).clamp(0, 1) * grows
    dense = (beard.moustache * moustache + beard.goatee * goatee).clamp(0, 1)
    dense = torch.maximum(dense, beard.full * torch.maximum(jaw, goatee)) * grows
    hairs = noise(torch.stack([canvas.x * 1500, y * 500, z * 500], -1) + offset)[..., 0]
    colour = _row(person.hair.colour, canvas.x)
    canvas.cover(beard.stubble * everywhere * (0.75 + 0.12 * hairs), 0.5 * canvas.albedo + 0.3 * colour)
    covered = smooth_step(0.12, 0.8, dense + 0.12 * hairs + 0.08 * canvas.middle[..., 2]) * (dense > 0.02)
    canvas.cover(0.9 * covered, colour * (1 + 0.35 * hairs[..., None]).clamp(min=0.2))
    canvas.gloss = canvas.gloss * (1 - covered)
    canvas.hair = torch.maximum(canvas.hair, covered)


def _paint_brows(canvas: _Canvas, person: Person, offset: Tensor) -> None:
    brows, x, z = person.brows, canvas.x, canvas.z
    along = (canvas.across - brows.inner) / (brows.outer - brows.inner)
    t = along.clamp(0, 1)
    centre = brows.height + brows.arch * 1.05 * torch.sin(2.2 * t) - 0.0055 * t**3
    half = brows.thickness * (1 - 0.45 * t**1.8) * (1 - 0.25 * (1 - smooth_step(0.0, 0.15, along)))
    # Hairs lean outwards: noise stretched along their direction.
    lean = torch.stack([x * 1500 + z * 900 * torch.sign(x), canvas.y * 0, z * 700 - canvas.across * 500], -1)
    hairs = noise(lean + offset)
    covered = 1 - smooth_step(0.35, 1.15, (z - centre).abs() / half + 0.22 * hairs[..., 0])
    covered = (
        covered
        * smooth_step(-0.08, 0.10, along + 0.04 * hairs[..., 1])
        * (1 - smooth_step(0.85, 1.08, along))
    )
    covered = covered * (canvas.y < -0.08) * brows.density * (0.84 + 0.16 * hairs[..., 2]).clamp(0, 1)
    canvas.cover(0.94 * covered, _row(brows.colour, x))
    canvas.gloss = canvas.gloss * (1 - covered)


def hairline_z(hair: Hair, azimuth: Tensor) -> Tensor:
    """The hairline's height in metres at azimuths in degrees (0 to 180)."""
    knots = upload(HAIRLINE_AZIMUTH, azimuth.device)
    heights = upload(HAIRLINE_Z, azimuth.device)
    upper = torch.searchsorted(knots, azimuth.contiguous()).clamp(1, len(knots) - 1)
    t = ((azimuth - knots[upper - 1]) / (knots[upper] - knots[upper - 1])).clamp(0, 1)
    line = torch.lerp(heights[upper - 1], heights[upper], t)
    front = 1 - smooth_step(45.0, 70.0, azimuth)
    return line + hair.hairline * front + hair.recess * bell(azimuth - 30, 14.0)


def _paint_scalp(canvas: _Canvas, person: Person, chart: Chart, offset: Tensor) -> None:
    """Hair seen through to the scalp: the hairline's transition, sideburns, the shadow of a shaven head."""
    hair, x, y, z = person.hair, canvas.x, canvas.y, canvas.z
    azimuth = azimuth_degrees(x, y)
    line = hairline_z(hair, azimuth)
    locks = noise(torch.stack([x * 900, y * 500, z * 90], -1) + offset)
    covered = smooth_step(-0.004, 0.006, z - line + 0.0025 * locks[..., 0] + 0.002 * canvas.middle[..., 0])
    covered = covered * (1 - smooth_step(0.2, 0.5, chart.masks["ears"])) * (z > 0.63)
    if hair.style == "bald":
        covered = covered * (0.22 if person.skin.melanin < 0.8 else 0.1)
    colour = _row(hair.colour, x) * (1 + 0.3 * locks[..., 1:2]).clamp(0.3, 2.0)
    canvas.cover(covered, colour)
    canvas.gloss = canvas.gloss * (1 - 0.8 * covered)
    canvas.hair = torch.maximum(canvas.hair, covered)
