"""From pairs to batches of pictures: what stage 1 walks through, epoch by epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from relgan.config import ReenactmentConfig, Schedule
from relgan.data.augment import VARIANTS, draw_jitter, draw_variants, jittered
from relgan.data.pairs import NO_TRUTH, Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.seeds import seeded


@dataclass(frozen=True)
class PairBatch:
    """Pictures (B, 3, S, S) in [-1, 1] and labels (B,), -1 where unknown."""

    source: Tensor
    target: Tensor
    truth: Tensor
    has_truth: Tensor  # (B,) bool
    expression: Tensor  # of the source
    identity: Tensor  # of the target


def make_batch(
    data: FaceTensors,
    pairs: Pairs,
    variants: Tensor,
    size: int,
    jitter: float = 0.0,
    generator: torch.Generator | None = None,
) -> PairBatch:
    """The pictures of some pairs. ``variants`` is (B, 2): the source's view, and the one target and truth
    share, as they share the light where ``jitter`` varies it (with numbers from ``generator``)."""
    device = data.pictures.device
    has_truth = pairs.truth != NO_TRUTH
    source = data.views(pairs.source, variants[:, 0], size)
    target = data.views(pairs.target, variants[:, 1], size)
    truth = data.views(torch.where(has_truth, pairs.truth, pairs.target), variants[:, 1], size)
    if jitter:
        assert generator is not None
        source = jittered(source, draw_jitter(len(pairs), generator), jitter)
        light = draw_jitter(len(pairs), generator)
        target, truth = jittered(target, light, jitter), jittered(truth, light, jitter)
    return PairBatch(
        source=source,
        target=target,
        truth=truth,
        has_truth=has_truth.to(device),
        expression=data.expression[pairs.source.to(device)],
        identity=data.identity[pairs.target.to(device)],
    )


def epoch_batches(
    sampler: PairSampler, config: ReenactmentConfig, seed: int, epoch: int, skip: int = 0
) -> Iterator[tuple[Pairs, Tensor]]:
    """The pairs and variants of one epoch, batch by batch; the first ``skip`` batches are passed over.

    The last batch of an epoch is filled from its beginning, so every step sees a full batch.
    """
    batch, walks = config.batch_size, VARIANTS if config.expand else 1
    for walk in range(walks):
        pairs = sampler.draw(seeded(seed, "pairs", epoch, walk))
        generator = seeded(seed, "variants", epoch, 0 if config.expand else walk)
        of_face = draw_variants(len(sampler.faces), generator)
        shared = draw_variants(len(pairs), seeded(seed, "variants", epoch, walk, 1))
        for start in range(0, len(pairs), batch):
            if skip:
                skip -= 1
                continue
            rows = torch.arange(start, start + batch) % len(pairs)
            chosen = Pairs(pairs.source[rows], pairs.target[rows], pairs.truth[rows])
            of_source = (of_face[chosen.source] + walk) % VARIANTS
            yield chosen, torch.stack([of_source, shared[rows]], 1)


def steps_of(faces: int, config: Schedule) -> tuple[int, int]:
    """Steps an epoch and in all, for so many labelled faces."""
    an_epoch = -(-faces // config.batch_size) * (VARIANTS if config.expand else 1)
    total = an_epoch * config.epochs
    if config.max_steps is not None:
        total = min(total, max(config.max_steps, an_epoch * config.least_epochs))
    return an_epoch, total
