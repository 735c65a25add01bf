"""The generator's decoder: the paper's, and one that has the target at hand."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relgan.errors import InputError

DECODER_CHANNELS = (512, 256, 128, 64, 32)
BLOCKS = len(DECODER_CHANNELS)


def check_size(size: int) -> int:
    """The side of the feature map under a picture of ``size`` pixels after five halvings."""
    if size < 32 or size % 32:
        raise InputError(
            f"size {size}: the networks halve the picture five times, so take a multiple of 32, such as 96"
        )
    return int(size // 2**BLOCKS)


def widened(channels: tuple[int, ...], width: float) -> tuple[int, ...]:
    """The paper's channels times ``width``, in multiples of 8."""
    return tuple(max(8, 8 * round(count * width / 8)) for count in channels)


def up_block(channels_in: int, channels_out: int) -> nn.Sequential:
    # Not nearest: it repeats the blocks of the coarse maps, which show as stripes for thousands of steps.
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class Decoder(nn.Module):
    """G_de: f(x) = [f(e), f(i)] to a picture, by five upsampling blocks and a 3x3 convolution to RGB."""

    channels_out = 3

    def __init__(self, code_dim: int = 80, size: int = 96, width: float = 1.0) -> None:
        super().__init__()
        self.side = check_size(size)
        channels = widened((DECODER_CHANNELS[0], *DECODER_CHANNELS), width)
        self.project = nn.Sequential(
            nn.Linear(code_dim, channels[0] * self.side**2, bias=False),
            nn.Unflatten(1, (channels[0], self.side, self.side)),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(up_block(a, b) for a, b in pairwise(channels)))
        self.to_rgb = nn.Sequential(nn.Conv2d(channels[-1], self.channels_out, 3, padding=1), nn.Tanh())

    def forward(self, code: Tensor) -> Tensor:
        """(B, code_dim) -> (B, 3, S, S) in [-1, 1]."""
        features = self.project(code).contiguous(memory_format=torch.channels_last)
        picture: Tensor = self.to_rgb(self.blocks(features))
        return picture


class Painting(NamedTuple):
    """A picture (B, 3, S, S) in [-1, 1], and the drafts of it that it was blended from."""

    picture: Tensor
    drafts: tuple[Tensor, ...] = ()


class SkipDecoder(Decoder):
    """The decoder with the target at hand, which the paper's does not have.

    Fifty numbers need not hold the target's hair, light and background then. The blocks are given the maps
    of the identity encoder as well (the skip connections of U-Net, Ronneberger et al. 2015), which the codes
    turn up and down (FiLM, Perez et al. 2018). Among the codes is f(e) of the target too: what has to change
    is the difference between the two expressions, which is slow to be learnt from the maps alone. What comes
    out is a field that moves the target's pixels (first-order motion, Siarohin et al. 2019), a painted
    picture, and a mask that says where the one replaces the other (GANimation, Pumarola et al. 2018).
    """

    channels_out = 4  # RGB and the mask
    reach = 0.25
    """How far a pixel may move, in half sides of the picture."""

    def __init__(self, code_dim: int = 80, size: int = 96, width: float = 1.0) -> None:
        super().__init__(code_dim, size, width)
        channels = widened(DECODER_CHANNELS, width)[:-1]
        self.laterals = nn.ModuleList(nn.Conv2d(count, count, 1) for count in channels)
        self.films = nn.ModuleList(nn.Linear(code_dim, 2 * count) for count in channels)
        self.to_field = nn.Conv2d(channels[-1], 2, 3, padding=1)

    def paint(self, code: Tensor, target: Tensor, maps: Sequence[Tensor]) -> Painting:
        """Codes (B, code_dim), targets (B, 3, S, S) and their maps (:meth:`Encoder.maps`) to pictures."""
        features: Tensor = self.project(code).contiguous(memory_format=torch.channels_last)
        *blocks, last = self.blocks
        steps = zip(blocks, self.laterals, self.films, maps[-2::-1], strict=True)
        for block, lateral, film, skipped in steps:
            gain, shift = film(code)[:, :, None, None].chunk(2, 1)
            features = block(features) + lateral(skipped) * (1 + gain) + shift
        painted, mask = self.to_rgb[0](last(features)).float().split([3, 1], 1)
        painted = painted.tanh()
        warped = self._warped(target.float(), self.to_field(features).float())
        return Painting(torch.lerp(warped, painted, mask.sigmoid()), (painted, warped))

    def _warped(self, target: Tensor, field: Tensor) -> Tensor:
        field = F.interpolate(field, size=target.shape[-2:], mode="bilinear", align_corners=False)
        still = torch.eye(2, 3, device=target.device).expand(len(target), 2, 3)
        grid = F.affine_grid(still, list(target.shape), align_corners=False)
        grid = grid + self.reach * field.tanh().permute(0, 2, 3, 1)
        return F.grid_sample(target, grid, mode="bilinear", padding_mode="border", align_corners=False)
