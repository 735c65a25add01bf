"""Pictures of what a generator does: source, target, truth and output."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from relgan.data.augment import CENTRE
from relgan.data.batches import PairBatch, make_batch
from relgan.data.pairs import NO_TRUTH, Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.files import whole
from relgan.models import Generator
from relgan.seeds import seeded


def some_pairs(sampler: PairSampler, seed: int, count: int = 8) -> Pairs:
    """A few pairs of the sampler, with a truth where there is any."""
    pairs = sampler.draw(seeded(seed, "pairs", 0))
    rows = [row for row in range(len(pairs)) if pairs.truth[row] != NO_TRUTH][:count] or list(
        range(min(count, len(pairs)))
    )
    return Pairs(pairs.source[rows], pairs.target[rows], pairs.truth[rows])


@torch.no_grad()
def reenact_pairs(
    generator: Generator, data: FaceTensors, pairs: Pairs, size: int
) -> tuple[PairBatch, Tensor]:
    """Centre views of some pairs and the reenacted pictures (B, 3, size, size) in [-1, 1]; evaluation mode,
    float32."""
    variants = torch.full((len(pairs), 2), CENTRE[0])
    batch = make_batch(data, pairs, variants, size)
    return batch, generator.eval()(batch.source, batch.target).picture


def save_grid(generator: Generator, data: FaceTensors, pairs: Pairs, size: int, path: Path) -> None:
    """A picture with a column a pair: source, target, truth (grey where there is none) and output."""
    batch, output = reenact_pairs(generator, data, pairs, size)
    truth = torch.where(batch.has_truth[:, None, None, None], batch.truth, torch.zeros_like(batch.truth))
    rows = [batch.source, batch.target, truth, output]
    columns = torch.stack(rows).cpu().permute(0, 3, 1, 4, 2)  # (4, S, B, S, 3)
    sheet = ((columns.reshape(4 * size, len(pairs) * size, 3) + 1) * 127.5).clamp(0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        Image.fromarray(sheet.numpy().astype(np.uint8)).save(beside, format="PNG")
