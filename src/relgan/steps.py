"""One evaluation of D's and of G's losses on a batch of pairs."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.config import ReenactmentConfig
from relgan.data.batches import PairBatch
from relgan.losses import (
    UNKNOWN,
    agreement_loss,
    code_loss,
    discriminator_loss,
    edge_loss,
    feature_loss,
    focus,
    generator_loss,
    keep_identity_loss,
    pixel_loss,
)
from relgan.models import Discriminator, ExpressionEncoder, Generator, Reenacted
from relgan.seeds import seeded

FEATURE_BLOCKS = 4
"""Blocks of the encoder that ``lambda_features`` looks at."""


Shift = tuple[int, int] | tuple[Tensor, Tensor]
"""Pixels to the right and down; tensors () where the numbers must stay on a GPU."""


class Told(NamedTuple):
    """All that a step of stage 1 is told besides the faces: pairs, views, light and some numbers."""

    source: Tensor  # (B,) int64, positions of faces
    target: Tensor
    truth: Tensor  # -1 where there is none
    variants: Tensor  # (B, 2) int64, see make_batch
    lights: tuple[Tensor, Tensor]  # (B, 7) each, see draw_lights
    shift: Shift
    warmth: float | Tensor
    freshness: float | Tensor


def shifted(pictures: Tensor, shift: Shift) -> Tensor:
    """Pictures (B, 3, S, S) moved right and down by so many pixels, their edges mirrored.

    D's 2x2 pooling gives all pixels of a block one gradient. Where the blocks never move, the generator
    learns their grid: stripes of 2, 4 and 8 pixels. Moving what D sees at every step, real and reenacted
    alike, breaks the grid; it is the translation of DiffAugment (Zhao et al. 2020), which helps where faces
    are few.
    """
    right, down = shift
    if isinstance(right, Tensor) or isinstance(down, Tensor):
        last = pictures.shape[-1] - 1
        places = torch.arange(last + 1, device=pictures.device)
        columns, rows = (last - (last - (places - move).abs()).abs() for move in shift)
        moved = pictures.index_select(2, rows).index_select(3, columns)
        return moved.contiguous(memory_format=torch.channels_last)
    if not right and not down:
        return pictures
    size, reach = pictures.shape[-1], max(abs(right), abs(down))
    padded = F.pad(pictures, (reach, reach, reach, reach), mode="reflect")
    return padded[..., reach - down : reach - down + size, reach - right : reach - right + size].contiguous(
        memory_format=torch.channels_last
    )


def draw_shift(reach: int, seed: int, step: int) -> tuple[int, int]:
    """How far this step moves what D sees: pixels to the right and down, each in [-reach, reach]."""
    if not reach:
        return 0, 0
    right, down = torch.randint(-reach, reach + 1, (2,), generator=seeded(seed, "shift", step)).tolist()
    return right, down


def discriminator_step(
    discriminator: Any, batch: PairBatch, reenacted: Reenacted | None, shift: Shift = (0, 0)
) -> dict[str, Tensor]:
    """One evaluation of equation 1: real source's expression, real target's identity, and the fake class,
    which is left out where nothing was reenacted."""
    # Real and fake go through D together: one pass, one set of batch statistics each.
    pictures = [batch.source, batch.target]
    if reenacted is not None:
        pictures.append(reenacted.picture.detach().to(batch.source.dtype))
    judgement = discriminator(shifted(torch.cat(pictures), shift), groups=len(pictures))
    source_expression, _, *fake_expression = judgement.expression.chunk(len(pictures))
    target_identity = judgement.identity.chunk(len(pictures))[1]
    return discriminator_loss(
        source_expression, batch.expression, target_identity, batch.identity, *fake_expression
    )


def generator_step(
    discriminator: Discriminator | None,
    judge: Generator,
    batch: PairBatch,
    reenacted: Reenacted,
    config: ReenactmentConfig,
    warmth: float | Tensor = 1.0,
    shift: Shift = (0, 0),
    reference: ExpressionEncoder | None = None,
) -> dict[str, Tensor]:
    """One evaluation of equation 4 (which holds 2 and 3); of 3 alone where no discriminator is given.

    ``judge`` is the averaged generator: where a target's person is unknown its identity encoder, which this
    step does not train, tells whether the output still is the target. ``reference`` is the encoder behind
    ``lambda_features``.
    """
    weight = focus(batch.target, batch.truth, config.pixel_focus) if config.pixel_focus else None
    pixel = pixel_loss(reenacted.picture, batch.truth, batch.has_truth, weight)
    if discriminator is None:
        losses = {"generator": config.lambda_pixel * pixel, "pixel": pixel}
    else:
        judgement = discriminator(shifted(reenacted.picture, shift))
        losses = generator_loss(
            judgement.expression, batch.expression, judgement.identity, batch.identity, pixel, config, warmth
        )

    def add(name: str, weight: float, loss: Tensor) -> None:
        losses[name] = loss
        losses["generator"] = losses["generator"] + weight * loss

    has_truth, code, truth_code = batch.has_truth, reenacted.expression_code, reenacted.truth_code
    if config.lambda_code and truth_code is not None:
        add("code", config.lambda_code, code_loss(code, truth_code, has_truth, batch.expression))
    if config.lambda_agreement and truth_code is not None:
        add("agreement", config.lambda_agreement, agreement_loss(code, truth_code, has_truth))
    if reenacted.drafts:  # each by itself, or the mask would stay shut before one that has not learnt yet
        drafts = [pixel_loss(draft, batch.truth, has_truth, weight) for draft in reenacted.drafts]
        add("drafts", config.lambda_pixel, torch.stack(drafts).sum())
    if config.lambda_features and reference is not None:
        with torch.no_grad():
            wanted_maps = reference.maps(batch.truth, FEATURE_BLOCKS)
        picture = reenacted.picture.contiguous(memory_format=torch.channels_last)
        maps = reference.maps(picture, FEATURE_BLOCKS)
        add("features", config.lambda_features, feature_loss(maps, wanted_maps, has_truth))
    if config.lambda_edges:
        add("edges", config.lambda_edges, edge_loss(reenacted.picture, batch.truth, has_truth))
    if batch.strangers and config.lambda_keep:
        nobody = batch.identity == UNKNOWN
        with torch.no_grad():
            wanted = judge.identity_encoder(batch.target)
        kept = keep_identity_loss(judge.identity_encoder(reenacted.picture), wanted, nobody)
        add("keep", config.lambda_keep, kept)
    return losses
