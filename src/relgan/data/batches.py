"""From pairs to batches of pictures: what stage 1 walks through, epoch by epoch."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
    strangers: bool = False  # whether there may be targets whose person is unknown


def make_batch(
    data: FaceTensors,
    pairs: Pairs,
    variants: Tensor,
    size: int,
    jitter: float = 0.0,
    draws: tuple[Tensor, Tensor] | None = None,
) -> PairBatch:
    """The pictures of some pairs. ``variants`` is (B, 2): the source's view, and the one target and truth
    share, as they share the light where ``jitter`` varies it (with ``draws``, see :func:`draw_lights`)."""
    device = data.pictures.device
    has_truth = pairs.truth != NO_TRUTH
    source = data.views(pairs.source, variants[:, 0], size)
    target = data.views(pairs.target, variants[:, 1], size)
    truth = data.views(torch.where(has_truth, pairs.truth, pairs.target), variants[:, 1], size)
    if jitter:
        assert draws is not None
        of_source, shared = draws
        source = jittered(source, of_source, jitter)
        target, truth = jittered(target, shared, jitter), jittered(truth, shared, jitter)
    return PairBatch(
        source=source,
        target=target,
        truth=truth,
        has_truth=has_truth.to(device),
        expression=data.expression[pairs.source.to(device)],
        identity=data.identity[pairs.target.to(device)],
        strangers=data.has_strangers,
    )


def draw_lights(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """How the light of so many sources varies, and that which target and truth share."""
    return draw_jitter(count, generator), draw_jitter(count, generator)


def batches_from(
    sampler: PairSampler, config: ReenactmentConfig, seed: int, step: int = 0
) -> Iterator[tuple[Pairs, Tensor]]:
    """The pairs and variants of every batch from a step on, epoch after epoch without end.

    The last batch of a walk through the faces is filled from its beginning, so every step sees a full batch.
    The pairs of the next walk are drawn while those of this one are used.
    """
    walks = walks_of(config)
    walk, skip = divmod(step, _batches_of(len(sampler.sources), config))
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_drawn, sampler, seed, *divmod(walk, walks))
        while True:
            epoch, place = divmod(walk, walks)
            pairs = coming.result()
            coming = ahead.submit(_drawn, sampler, seed, *divmod(walk + 1, walks))
            yield from _walk_batches(sampler, config, seed, epoch, place, pairs, skip)
            walk, skip = walk + 1, 0


def walks_of(config: Schedule) -> int:
    """Walks through all faces in an epoch: one a variant, or one alone."""
    return VARIANTS if config.expand else 1


def _batches_of(faces: int, config: Schedule) -> int:
    """Batches in a walk through so many faces."""
    return -(-faces // config.batch_size)


def _drawn(sampler: PairSampler, seed: int, epoch: int, walk: int) -> Pairs:
    return sampler.draw(seeded(seed, "pairs", epoch, walk))


def _walk_batches(
    sampler: PairSampler,
    config: ReenactmentConfig,
    seed: int,
    epoch: int,
    walk: int,
    pairs: Pairs,
    skip: int,
) -> Iterator[tuple[Pairs, Tensor]]:
    batch = config.batch_size
    generator = seeded(seed, "variants", epoch, 0 if config.expand else walk)
    of_face = draw_variants(len(sampler.faces), generator)
    shared = draw_variants(len(pairs), seeded(seed, "variants", epoch, walk, 1))
    # A face that an epoch visits several times is seen from another place each time.
    more = draw_variants(len(pairs), seeded(seed, "variants", epoch, walk, 2)) if sampler.repeats else None
    for start in range(skip * batch, len(pairs), batch):
        rows = torch.arange(start, start + batch) % len(pairs)
        chosen = Pairs(pairs.source[rows], pairs.target[rows], pairs.truth[rows])
        of_source = (of_face[chosen.source] + walk + (0 if more is None else more[rows])) % VARIANTS
        yield chosen, torch.stack([of_source, shared[rows]], 1)


def steps_of(faces: int, config: Schedule) -> tuple[int, int]:
    """Steps an epoch and in all, for so many labelled faces."""
    an_epoch = _batches_of(faces, config) * walks_of(config)
    total = an_epoch * config.epochs
    if config.max_steps is not None:
        total = min(total, max(config.max_steps, round(config.root_steps * math.sqrt(faces))))
    return an_epoch, total
