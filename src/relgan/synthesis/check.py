"""Finds parts that poke through: the mouth's inside beyond the lips, an eyeball through its lid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from relgan.synthesis.head import LEFT_EYE, RIGHT_EYE, SKIN

OTHER, LIP, MOUTH, LEFT_EYEBALL, RIGHT_EYEBALL = range(1, 6)
TOLERATED_POINTS = 5  # of a picture of 224 samples: single points at a lip's edge are not seen
TOLERATED_COLUMNS = 2


@dataclass(frozen=True)
class Kinds:
    """What lies at each sample: (B, H, W) of OTHER, LIP, MOUTH, LEFT_EYEBALL, RIGHT_EYEBALL; 0 is
    background."""

    image: Tensor


def kinds_of(
    part: Tensor, mouth: Tensor, lips: Tensor, at: tuple[Tensor, Tensor, Tensor], shape: torch.Size
) -> Kinds:
    """From the visible points' part and masks (N,) and their item, row, column."""
    inside_skin = (part == SKIN) & (mouth > 0.6)
    inside = inside_skin | ((part > RIGHT_EYE) & (part < 6))
    kind = torch.full_like(part, OTHER)
    kind = torch.where((part == SKIN) & (lips > 0.4) & ~inside_skin, LIP, kind)
    kind = torch.where(inside, MOUTH, kind)
    kind = torch.where(part == LEFT_EYE, LEFT_EYEBALL, kind)
    kind = torch.where(part == RIGHT_EYE, RIGHT_EYEBALL, kind)
    image = torch.zeros(shape, dtype=torch.int64, device=part.device)
    image[at] = kind
    return Kinds(image)


def find_leaks(kinds: Kinds) -> Tensor:
    """(B,) bool: something shows where it must not.

    The mouth's inside must have lip above and below it in its column; lips must not lie within it (two runs
    in one
    column: something came through); an eyeball is one run per column.
    """
    image = kinds.image
    scale = max(image.shape[1] / 224, 0.8)  # in small pictures an edge is as rough as in larger ones
    mouth, lip = image == MOUTH, image == LIP
    above = lip.int().cummax(1).values.bool()
    below = lip.flip(1).int().cummax(1).values.bool().flip(1)
    outside = (mouth & ~(above & below)).sum((1, 2)) > TOLERATED_POINTS * scale**2
    leaks = outside | _broken(mouth, scale)
    for eyeball in (LEFT_EYEBALL, RIGHT_EYEBALL):
        leaks = leaks | _broken(image == eyeball, scale)
    return leaks


def _broken(mask: Tensor, scale: float) -> Tensor:
    """Whether more columns than tolerated hold two separate runs."""
    starts = mask.clone()
    starts[:, 1:] &= ~mask[:, :-1]
    return (starts.sum(1) > 1).sum(1) > TOLERATED_COLUMNS * scale
