"""The paper's crops, rotations and flips (section 4.1), as one affine warp of a batch of aligned faces.

The aligned face is 112x112; a view of it is a square of 96/112 of its side, taken at the centre or at one of
the four corners, turned by -6, -3, 3 or 6 degrees, mirrored or not: 5 x 4 x 2 = 40 variants. Crop, rotation,
flip and scaling to the network's size are one bilinear lookup, so nothing is resampled twice; what a turned
corner crop would take from outside the face repeats its edge, so no black corners.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

CROP = 96 / 112
"""Side of the crop as a share of the aligned face."""
PLACES = ((0.0, 0.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0))
"""Centre and four corners, in units of the largest shift that keeps the crop inside the face."""
ANGLES = (-6.0, -3.0, 3.0, 6.0)
"""Degrees."""
VARIANTS = len(PLACES) * len(ANGLES) * 2

# Test-time views: unturned; the centre alone, or the five places mirrored and not.
CENTRE = (VARIANTS,)
TEST_VIEWS = tuple(range(VARIANTS, VARIANTS + 2 * len(PLACES)))
SOME_VIEWS = {
    1: CENTRE,
    2: tuple(VARIANTS + k for k in (0, 5)),  # and mirrored
    6: tuple(VARIANTS + k for k in (0, 1, 4, 5, 6, 9)),  # and two opposite corners
    10: TEST_VIEWS,
}
"""Choices of test-time views, by their number."""


@dataclass(frozen=True)
class Reach:
    """How far training crops lie from the centre and how far they are turned, in units of the paper's."""

    shift: float = 1.0
    turn: float = 1.0


PAPER_REACH = Reach()


def _thetas(reach: Reach) -> Tensor:
    """(50, 2, 3): the sampling matrices of the training variants, then of the ten test-time views."""
    rows = [
        ((reach.shift * dx, reach.shift * dy), reach.turn * angle, flip)
        for flip in (False, True)
        for dx, dy in PLACES
        for angle in ANGLES
    ]
    rows += [(place, 0.0, flip) for flip in (False, True) for place in PLACES]
    matrices = []
    for (dx, dy), degrees, flip in rows:
        cos, sin = CROP * math.cos(math.radians(degrees)), CROP * math.sin(math.radians(degrees))
        mirror = -1.0 if flip else 1.0
        matrices.append([[mirror * cos, -sin, dx * (1 - CROP)], [mirror * sin, cos, dy * (1 - CROP)]])
    return torch.tensor(matrices)


THETAS = _thetas(PAPER_REACH)


@lru_cache(maxsize=8)
def _thetas_on(device: torch.device, reach: Reach) -> Tensor:
    return _thetas(reach).to(device)


def to_float(faces: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32 in [-1, 1], channels last in memory."""
    return faces.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def views(faces: Tensor, variants: Tensor, size: int, reach: Reach = PAPER_REACH) -> Tensor:
    """One view of each face.

    Args:
        faces: (B, H, H, 3) uint8, aligned.
        variants: (B,) which view: 0 to 39 the paper's training variants, 40 to 49 the unturned test-time
        views.
        size: side of the result in pixels.
        reach: of the training variants; test-time views are always the paper's.

    Returns:
        (B, 3, size, size) float32 in [-1, 1], channels last in memory.
    """
    theta = _thetas_on(faces.device, reach)[variants]
    grid = F.affine_grid(theta, [len(faces), 3, size, size], align_corners=False)
    warped = F.grid_sample(to_float(faces), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return warped.contiguous(memory_format=torch.channels_last)


def draw_variants(count: int, generator: torch.Generator) -> Tensor:
    """(count,) training variants, each of the 40 equally likely."""
    return torch.randint(VARIANTS, (count,), generator=generator)


def draw_jitter(count: int, generator: torch.Generator) -> Tensor:
    """(count, 7): chances of turning grey and soft in [0, 1), then five standard normal numbers."""
    chances = torch.rand(count, 2, generator=generator)
    return torch.cat([chances, torch.randn(count, 5, generator=generator)], 1)


def jittered(pictures: Tensor, draws: Tensor, strength: float) -> Tensor:
    """Pictures as other cameras and lamps would have taken them; the crops of the paper change places only.

    Args:
        pictures: (B, 3, S, S) in [-1, 1].
        draws: (B, 7) from :func:`draw_jitter`; equal rows change pictures alike.
        strength: 0 leaves them as they are; at 1 three in ten turn grey, as many lose half their resolution,
            contrast varies by a factor of 1.35, brightness by a fifth of the range, channels by 6 %, a
            standard deviation each.
    """
    if not strength:
        return pictures
    draws = draws.to(pictures.device)
    column = draws[:, :, None, None, None].unbind(1)
    grey, soft = column[0] < 0.3 * strength, column[1] < 0.3 * strength
    small = F.avg_pool2d(pictures, 2)
    blurred = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    result = torch.where(soft, blurred, pictures)
    gain = torch.exp(0.06 * strength * torch.cat(column[4:7], 1)) * torch.exp(0.3 * strength * column[2])
    result = result * gain + 0.2 * strength * column[3]
    result = torch.where(grey, result.mean(1, keepdim=True), result)
    return result.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
