"""Colour of every visible point: skin with a soft red terminator, eyes, teeth, tongue, hair. All values
linear."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.synthesis.chart import bell, noise, smooth_step
from relgan.synthesis.head import LEFT_EYE, LOWER_TEETH, RIGHT_EYE, SKIN, TONGUE, UPPER_TEETH
from relgan.synthesis.lighting import KeyShadow, Lamps, key_visibility
from relgan.synthesis.upload import upload

SKIN_WRAP = (0.30, 0.15, 0.10)  # how far red, green and blue light creep past the terminator
SCLERA = (0.42, 0.385, 0.36)
TEETH = (0.76, 0.72, 0.64)
TONGUE_COLOUR = (0.36, 0.11, 0.10)
MOUTH_COLOUR = (0.26, 0.07, 0.06)


@dataclass
class Surface:
    """The visible points of a batch, N of them; item says whose. Positions and normals in the posed frame."""

    item: Tensor
    part: Tensor
    position: Tensor
    normal: Tensor
    irradiance: Tensor
    towards: Tensor
    openness: Tensor
    mouth: Tensor  # the mask of the mouth's inside
    canonical: Tensor  # place on the mean head
    albedo: Tensor
    gloss: Tensor
    hair: Tensor
    crease: Tensor


@dataclass(frozen=True)
class Eyes:
    """Per person (B, ...): iris colour (3) and angular radius, noise offset (3); centres (2, 3) on the mean
    head."""

    iris_colour: Tensor
    iris_radius: Tensor
    noise_offset: Tensor
    centres: Tensor


def shade(
    surface: Surface, smooth_normal: Tensor, eyes: Eyes, lamps: Lamps, shadow: KeyShadow, eye: Tensor
) -> Tensor:
    """(N, 3) radiance. smooth_normal: the mesh's own, which the sky light was gathered with; eye: (B, 3)
    camera."""
    item, part = surface.item, surface.part
    inside = (surface.mouth > 0.5) | (part == TONGUE) | (part == LOWER_TEETH) | (part == UPPER_TEETH)
    albedo, gloss = surface.albedo, surface.gloss
    power = torch.full_like(gloss, 16.0) + 18 * (gloss > 0.5)
    wrap = upload(SKIN_WRAP, gloss.device).repeat(len(item), 1)
    wrap[surface.hair > 0.5] = 0.1
    albedo = torch.where((surface.mouth > 0.5)[:, None], _colour(MOUTH_COLOUR, gloss), albedo)
    gloss = torch.where(surface.mouth > 0.5, 0.4, gloss)
    albedo = albedo * (1 - 0.30 * surface.crease[:, None] * upload([0.8, 1.0, 1.05], gloss.device))
    _shade_mouth_parts(surface, albedo, gloss, power)
    _shade_eyes(surface, eyes, albedo, gloss, power, wrap)

    key, key_direction = lamps.key[item], lamps.key_direction[item]
    visible = key_visibility(shadow, item, surface.position, smooth_normal, lamps.softness)
    facing = (surface.normal * key_direction).sum(1)
    diffuse = ((facing[:, None] + wrap) / (1 + wrap)).clamp(min=0)
    bent = 1 + ((surface.normal - smooth_normal) * surface.towards).sum(1).clamp(-0.8, 0.8)
    openness = torch.where(inside, surface.openness**1.2, 0.12 + 0.88 * surface.openness**1.4)
    sky = surface.irradiance * (bent * openness)[:, None]
    # Teeth catch light that vertex-wise visibility, too coarse inside the mouth, would deny them.
    teeth = ((part == LOWER_TEETH) | (part == UPPER_TEETH)).float()
    lower = 1 - 0.4 * (part == LOWER_TEETH).float()
    arch = smooth_step(0.044, 0.016, surface.canonical[:, 0].abs())
    front_teeth = teeth * lower * arch * (0.85 + 0.15 * smooth_step(0.0, 0.35, surface.openness))
    sky = sky + (0.8 * front_teeth)[:, None] * lamps.sky[item]
    visible = torch.maximum(visible, 0.85 * front_teeth)
    soft_visible = torch.stack([visible**0.75, visible, visible], 1)  # blood tints a shadow's edge
    reaches = torch.where(inside & (teeth < 0.5), 0.1 + 0.8 * surface.openness, 1.0)
    light = sky + key * diffuse * soft_visible * reaches[:, None]

    towards_eye = F.normalize(eye[item] - surface.position, dim=1)
    half_way = F.normalize(towards_eye + key_direction, dim=1)
    fresnel = 0.35 + 0.65 * (1 - (surface.normal * towards_eye).sum(1).clamp(0, 1)) ** 3
    highlight = (surface.normal * half_way).sum(1).clamp(min=0) ** power * visible * (facing > 0)
    shine = gloss * fresnel * lamps.shine[item]
    sheen = 0.05 * fresnel * gloss.clamp(max=1.5) * surface.openness
    return albedo * light + (0.5 * shine * highlight)[:, None] * key + sheen[:, None] * surface.irradiance


def _colour(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    return upload(colour, like.device)


def _shade_mouth_parts(surface: Surface, albedo: Tensor, gloss: Tensor, power: Tensor) -> None:
    """Teeth with the gaps between them, and the tongue; in place."""
    teeth = ((surface.part == LOWER_TEETH) | (surface.part == UPPER_TEETH)).nonzero()[:, 0]
    if len(teeth):
        across = surface.canonical[teeth, 0].abs()
        gaps = bell(torch.remainder(across, 0.0075) - 0.00375, 0.0008)
        albedo[teeth] = _colour(TEETH, gloss) * (1 - 0.22 * gaps)[:, None]
        gloss[teeth], power[teeth] = 0.5, 60.0
    tongue = (surface.part == TONGUE).nonzero()[:, 0]
    if len(tongue):
        albedo[tongue] = _colour(TONGUE_COLOUR, gloss)
        gloss[tongue], power[tongue] = 0.4, 30.0


def _shade_eyes(
    surface: Surface, eyes: Eyes, albedo: Tensor, gloss: Tensor, power: Tensor, wrap: Tensor
) -> None:
    """Sclera, iris and pupil by the angle from the eye's axis; in place."""
    at = ((surface.part == LEFT_EYE) | (surface.part == RIGHT_EYE)).nonzero()[:, 0]
    if not len(at):
        return
    item, left = surface.item[at], surface.part[at] == LEFT_EYE
    centre = torch.where(left[:, None], eyes.centres[0], eyes.centres[1])
    direction = F.normalize(surface.canonical[at] - centre, dim=1)
    angle = torch.acos((-direction[:, 1]).clamp(-1, 1))
    around = torch.atan2(direction[:, 2], direction[:, 0])
    fibres = noise(torch.stack([around * 5, angle * 4, around * 0], 1) + eyes.noise_offset[item])[:, :1]
    radius = eyes.iris_radius[item]
    iris = 1 - smooth_step(-0.03, 0.03, angle - radius)
    pupil = 1 - smooth_step(0.125, 0.165, angle)
    limbus = smooth_step(-0.13, 0.0, angle - radius)
    iris_colour = eyes.iris_colour[item] * (1 + 0.35 * fibres) * (1 - 0.65 * limbus)[:, None]
    reddening = 0.10 * smooth_step(0.4, 1.2, angle)[:, None] * upload([0.3, 1.0, 1.0], angle.device)
    colour = torch.lerp(_colour(SCLERA, angle) * (1 - reddening), iris_colour, iris[:, None])
    colour = colour * (1 - pupil[:, None]) + 0.004 * pupil[:, None]
    # Lids and lashes keep light from the upper part of an eye and from its corners.
    shaded = (1 - 0.5 * smooth_step(0.0, 0.45, direction[:, 2])) * (1 - 0.4 * smooth_step(0.45, 0.95, angle))
    albedo[at] = colour * shaded[:, None]
    gloss[at], power[at], wrap[at] = 7.0, 350.0, 0.08


def shade_hair(
    item: Tensor, coordinates: Tensor, position: Tensor, normal: Tensor, along: Tensor, irradiance: Tensor,
    colour: Tensor, look: Tensor, offset: Tensor, lamps: Lamps, eye: Tensor, visible: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Radiance (N, 3) and coverage (N,) of a sheet of hair.

    Args:
        coordinates: (N, 3) cosine and sine of the lock's azimuth, row 0..1; along: (N, 3) the way the lock
        runs.
        colour: (B, 3); look: (B, 4) curliness, row where the scalp ends, and how far tips and hairline fray.
    """
    curl, edge, fray, ragged = look[item].unbind(1)
    around, row = coordinates[:, :2], coordinates[:, 2]
    lock = noise(torch.cat([around * 26, (row * 2)[:, None]], 1) + offset[item])
    hairs = noise(torch.cat([around * 90, (row * 3)[:, None]], 1) + offset[item] * 1.7)
    # Curls have no one direction: their light and dark is a texture in space, not along the lock.
    curls = noise(position * 210 + offset[item])
    lock = torch.lerp(lock, curls, curl[:, None])
    hairs = torch.lerp(hairs, noise(position * 520 + offset[item]), curl[:, None])
    tone = (1 + 0.36 * lock[:, 1] + 0.28 * hairs[:, 0]).clamp(0.3, 1.9)
    root = smooth_step(-0.2, 0.25, edge - row)
    towards_eye = F.normalize(eye[item] - position, dim=1)
    key_direction = lamps.key_direction[item]
    half_way = F.normalize(towards_eye + key_direction, dim=1)
    turned = F.normalize(along + normal * (0.25 * hairs[:, 1:2]), dim=1)
    sine_light = (1 - (turned * key_direction).sum(1) ** 2).clamp(min=0).sqrt()
    sine_half = (1 - (turned * half_way).sum(1) ** 2).clamp(min=0).sqrt()
    facing = ((normal * key_direction).sum(1) * 0.6 + 0.4).clamp(0, 1) * visible
    base = colour[item] * tone[:, None]
    sky = irradiance * 0.75
    key = lamps.key[item] * facing[:, None]
    shine = (1.1 * base + 0.012) * (sine_half**60 * (1 - 0.85 * curl))[:, None] * key
    radiance = base * (sky + 0.85 * key * sine_light[:, None]) + shine * lamps.shine[item][:, None]
    # Locks end at different lengths, and the hairline is not a line.
    past = (row - (1 - fray)) / fray.clamp(min=1e-3) + 0.35 * lock[:, 2] + 0.25 * hairs[:, 2]
    tips = (1 - smooth_step(0.4, 0.8, past)) * (row < 0.99)
    in_front = ragged * smooth_step(0.5, 0.8, around[:, 0])
    at_edge = 1 - smooth_step(-0.10, 0.02, row - edge + 0.05 * hairs[:, 3] + 0.03 * lock[:, 3]) * in_front
    return radiance * (0.85 + 0.15 * root)[:, None], (tips * at_edge).clamp(0, 1)


def is_inside_mouth(surface: Surface) -> Tensor:
    return ((surface.part == SKIN) & (surface.mouth > 0.5)) | (surface.part > RIGHT_EYE)
