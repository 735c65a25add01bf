"""What an expression encoder looks at: the picture as it is or its middle alone, or their edges in units of
the edges around."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relgan.config import Front


class Middle(nn.Module):
    """The middle of the picture, enlarged to its size: nothing but face; nothing in it is learnt.

    In the centre view of an aligned face it reaches from above resting brows to below the lips, and lies a
    little lower than the picture's own middle; ears, hair and neck stay outside.
    """

    share = 0.71
    """Its side, of the picture's."""
    lower = 0.5625
    """How much of what is cut off above and below lies above."""

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 3, S, S)."""
        size = pictures.shape[-1]
        left = round(size * (1 - self.share) / 2)
        side = size - 2 * left
        top = round(2 * left * self.lower)
        middle = pictures[..., top : top + side, left : left + side].float()
        larger = F.interpolate(middle, (size, size), mode="bilinear", align_corners=False)
        return larger.contiguous(memory_format=torch.channels_last)


class Edges(nn.Module):
    """The picture's gradient in units of what is usual around each pixel; nothing in it is learnt.

    How bright, how sharp and how contrasted a face was photographed is divided out before the first
    convolution, as in histograms of oriented gradients (Dalal and Triggs 2005); colour is not looked at.
    """

    around = 9
    """Side of the neighbourhood, pixels."""
    floor = 0.02
    """Added to the mean gradient around: where there is none, noise is not blown up."""
    limit = 4.0

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, 3, S, S): the gradient to the right, down, and its length less 1."""
        grey = F.pad(pictures.float().mean(1, keepdim=True), (1, 1, 1, 1), mode="reflect")
        right = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
        down = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
        length = (right.square() + down.square() + 1e-8).sqrt()
        reach = self.around // 2
        padded = F.pad(length, (reach, reach, reach, reach), mode="reflect")
        usual = F.avg_pool2d(padded, self.around, 1) + self.floor
        edges = torch.cat([right / usual, down / usual, length / usual - 1], 1)
        return edges.clamp(-self.limit, self.limit).contiguous(memory_format=torch.channels_last)


def front_of(name: Front) -> nn.Module:
    """The layer before the first convolution; that of "picture" changes nothing."""
    fronts: dict[Front, Callable[[], nn.Module]] = {
        "picture": nn.Identity,
        "edges": Edges,
        "middle": Middle,
        "middle-edges": lambda: nn.Sequential(Middle(), Edges()),
    }
    return fronts[name]()
