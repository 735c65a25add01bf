"""The networks of section 4.1: channels and sizes are the paper's; docs/networks.md says the rest.

Pictures are ``(B, 3, S, S)`` in [-1, 1] with S any multiple of 32; 96 is the paper's size.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relgan.config import Config, Front
from relgan.decoders import Decoder, Painting, SkipDecoder, check_size, widened
from relgan.fronts import front_of

ENCODER_CHANNELS = (64, 128, 256, 512, 512)
DISCRIMINATOR_CHANNELS = (16, 32, 64, 128)
LEAK = 0.2


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """DCGAN's initialisation (Radford et al. 2015): weights N(0, 0.02), batch norm scales N(1, 0.02)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(layer.bias)


def initialise_discriminator(discriminator: "Discriminator", generator: torch.Generator) -> None:
    """DCGAN's initialisation, and He's (2015) for the fully connected layers, which a DCGAN has not.

    N(0, 0.02) supposes a batch norm behind it. Through the layers of 1024, 512 and 256 without one it leaves
    so little signal that D learns no expression in hundreds of steps; docs/networks.md has the figures.
    """
    initialise(discriminator, generator)
    for layer in discriminator.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, LEAK, generator=generator)


def down_block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.MaxPool2d(2),  # the same before a rising function as after it, for a quarter of the pixels
        nn.LeakyReLU(LEAK, inplace=True),
    )


class Encoder(nn.Module):
    """Five downsampling blocks of 3x3 stride-1 convolutions and one fully connected layer.

    G_es with ``code_dim`` 30 gives the expression code f(e), G_et with 50 the identity code f(i). ``width``
    is the share of the paper's channels, ``front`` what lies before the first block.
    """

    def __init__(self, code_dim: int, size: int = 96, width: float = 1.0, front: Front = "picture") -> None:
        super().__init__()
        side = check_size(size)
        self.size, self.code_dim, self.width, self.look = size, code_dim, width, front
        self.front = front_of(front)
        channels = widened(ENCODER_CHANNELS, width)
        self.blocks = nn.Sequential(*(down_block(a, b) for a, b in pairwise((3, *channels))))
        self.code = nn.Linear(channels[-1] * side * side, code_dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, code_dim)."""
        features: Tensor = self.blocks(self.front(pictures))  # (B, 512 * width, S/32, S/32)
        code: Tensor = self.code(features.flatten(1))
        return code

    def maps(self, pictures: Tensor, count: int | None = None) -> list[Tensor]:
        """The output of each of the five blocks, or of the first ``count``, S/2 to S/32 pixels wide; the code
        is a layer on the last."""
        maps, pictures = [], self.front(pictures)
        for block in list(self.blocks)[:count]:
            pictures = block(pictures)
            maps.append(pictures)
        return maps


class ExpressionEncoder(Encoder):
    """G_es: a picture to the expression code f(e), 30 numbers."""

    def __init__(
        self, size: int = 96, code_dim: int = 30, width: float = 1.0, front: Front = "picture"
    ) -> None:
        super().__init__(code_dim, size, width, front)


class IdentityEncoder(Encoder):
    """G_et: a picture to the identity code f(i), 50 numbers."""

    def __init__(self, size: int = 96, code_dim: int = 50, width: float = 1.0) -> None:
        super().__init__(code_dim, size, width)


class Seen(NamedTuple):
    """What the generator takes from targets."""

    target: Tensor  # (B, 3, S, S) in [-1, 1]
    code: Tensor  # (B, 50), f(i)
    maps: tuple[Tensor, ...]  # of the identity encoder's blocks
    shown: Tensor | None = None  # (B, 30), f(e) of the target itself; a decoder with skips is told it


class Reenacted(NamedTuple):
    """What one pass of the generator gives: the picture, the two codes it was made from, and the truth's."""

    picture: Tensor  # (B, 3, S, S) in [-1, 1]
    expression_code: Tensor  # (B, 30), f(e) of the source
    identity_code: Tensor  # (B, 50), f(i) of the target
    truth_code: Tensor | None = None  # (B, 30), f(e) of the truth, where it was given
    drafts: tuple[Tensor, ...] = ()  # pictures that it was blended from


class Generator(nn.Module):
    """G = (G_es, G_et, G_de): the source's expression on the target's identity."""

    def __init__(
        self,
        size: int = 96,
        expression_dim: int = 30,
        identity_dim: int = 50,
        width: float = 1.0,
        skips: bool = False,
        front: Front = "picture",
    ) -> None:
        super().__init__()
        self.size, self.width, self.skips = size, width, skips
        self.expression_encoder = ExpressionEncoder(size, expression_dim, width, front)
        self.identity_encoder = IdentityEncoder(size, identity_dim, width)
        told = (2 if skips else 1) * expression_dim + identity_dim
        self.decoder = (SkipDecoder if skips else Decoder)(told, size, width)

    def forward(self, source: Tensor, target: Tensor, truth: Tensor | None = None) -> Reenacted:
        """Batches of pictures (B, 3, S, S) -> the reenacted pictures with the codes.

        With ``truth`` its expression code is given too. All pictures share one pass of G_es.
        """
        pictures = [source, *([target] if self.skips else []), *([] if truth is None else [truth])]
        codes = self.expression_encoder(torch.cat(pictures)).chunk(len(pictures))
        seen = self._seen(target, codes[1] if self.skips else None)
        painting = self.paint(codes[0], seen)
        truth_code = None if truth is None else codes[-1]
        return Reenacted(painting.picture, codes[0], seen.code, truth_code, painting.drafts)

    def see(self, target: Tensor) -> Seen:
        """All that is taken from targets (B, 3, S, S), for any number of expressions to be put on them."""
        return self._seen(target, self.expression_encoder(target))

    def _seen(self, target: Tensor, shown: Tensor | None) -> Seen:
        maps = tuple(self.identity_encoder.maps(target))
        return Seen(target, self.identity_encoder.code(maps[-1].flatten(1)), maps, shown)

    def paint(self, expression_code: Tensor, seen: Seen) -> Painting:
        """Codes (B, 30) on as many targets, or on one."""
        count = len(expression_code)  # expand copies nothing
        target, identity_code, *maps = (
            part.expand(count, *part.shape[1:]) for part in (seen.target, seen.code, *seen.maps)
        )
        if not isinstance(self.decoder, SkipDecoder):
            return Painting(self.decoder(torch.cat([expression_code, identity_code], 1)))
        assert seen.shown is not None
        code = torch.cat([expression_code, seen.shown.expand_as(expression_code), identity_code], 1)
        return self.decoder.paint(code, target, maps)


class GroupedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that keeps separate statistics for each of ``groups`` equal parts of the batch.

    Real and fake pictures go through the discriminator in one pass; DCGAN's advice is that each kind
    is normalised by its own statistics, as it is when the generator's step sends fakes alone.
    """

    groups = 1

    def forward(self, input: Tensor) -> Tensor:
        if self.groups == 1 or not self.training:
            return super().forward(input)
        return torch.cat([super(GroupedBatchNorm2d, self).forward(part) for part in input.chunk(self.groups)])


class Judgement(NamedTuple):
    """The discriminator's logits."""

    expression: Tensor  # (B, N_e + 1), the last class is "fake"
    identity: Tensor  # (B, N_i)


def branch(classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(1024, 512),
        nn.LeakyReLU(LEAK, inplace=True),
        nn.Linear(512, 256),
        nn.LeakyReLU(LEAK, inplace=True),
        nn.Linear(256, classes),
    )


LAST_OF_EXPRESSIONS, LAST_OF_IDENTITIES = "expression_branch.4.", "identity_branch.4."
"""How the names of the discriminator's last layers begin."""


class Discriminator(nn.Module):
    """D = [D^e, D^i]: four shared blocks of 16 to 128 channels and FC 1024, then two branches of 512 and
    256."""

    def __init__(self, expressions: int, identities: int, size: int = 96) -> None:
        super().__init__()
        check_size(size)
        layers: list[nn.Module] = []
        for position, (a, b) in enumerate(pairwise((3, *DISCRIMINATOR_CHANNELS))):
            layers.append(nn.Conv2d(a, b, 3, padding=1, bias=position == 0))
            if position:  # DCGAN: no batch norm on D's input layer
                layers.append(GroupedBatchNorm2d(b))
            layers += [nn.LeakyReLU(LEAK, inplace=True), nn.AvgPool2d(2)]
        self.blocks = nn.Sequential(*layers)
        side = size // 2 ** len(DISCRIMINATOR_CHANNELS)
        self.shared = nn.Sequential(
            nn.Linear(DISCRIMINATOR_CHANNELS[-1] * side**2, 1024), nn.LeakyReLU(LEAK, inplace=True)
        )
        self.expression_branch = branch(expressions + 1)
        self.identity_branch = branch(max(identities, 1))

    def forward(self, pictures: Tensor, groups: int = 1) -> Judgement:
        """(B, 3, S, S) -> logits; ``groups`` equal parts of the batch are normalised apart."""
        for layer in self.blocks:
            if isinstance(layer, GroupedBatchNorm2d):
                layer.groups = groups
        shared = self.shared(self.blocks(pictures).flatten(1))
        return Judgement(self.expression_branch(shared), self.identity_branch(shared))


class Classifier(nn.Module):
    """Stage 2's MLP: the expression code to logits over the expressions."""

    def __init__(self, classes: int, code_dim: int = 30, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(code_dim),  # codes have no fixed scale
            nn.Linear(code_dim, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )

    def forward(self, codes: Tensor) -> Tensor:
        """(B, code_dim) -> (B, classes) logits."""
        logits: Tensor = self.layers(codes)
        return logits


class Baseline(nn.Module):
    """The paper's CNN baseline: the expression encoder with one more fully connected layer."""

    def __init__(
        self,
        classes: int,
        size: int = 96,
        code_dim: int = 30,
        width: float = 1.0,
        front: Front = "picture",
    ) -> None:
        super().__init__()
        self.encoder = ExpressionEncoder(size, code_dim, width, front)
        self.head = nn.Linear(code_dim, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, classes) logits."""
        logits: Tensor = self.head(F.leaky_relu(self.encoder(pictures), LEAK))
        return logits


def generator_of(config: Config) -> Generator:
    """The generator of a run's sizes, with PyTorch's own initialisation."""
    return Generator(
        config.size, config.expression_dim, config.identity_dim, config.width, config.skips, config.front
    )


def baseline_of(config: Config, classes: int) -> Baseline:
    """The baseline of a run's sizes, with PyTorch's own initialisation."""
    return Baseline(classes, config.size, config.baseline.features, config.width, config.front)


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
