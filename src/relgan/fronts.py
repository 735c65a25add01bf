"""What an expression encoder looks at: the picture as it is, or its edges in units of the edges around."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relgan.config import Front


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
    """The layer before the first convolution: "picture" changes nothing, "edges" is :class:`Edges`."""
    return Edges() if name == "edges" else nn.Identity()
