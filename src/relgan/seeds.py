"""Randomness that depends on a seed, its use and its position alone."""

import numpy as np
import torch

# The streams of one seed; a new use of randomness takes a new number, so that old runs stay as they were.
STREAMS = {
    "initialise": 0,
    "pairs": 1,
    "variants": 2,
    "classifier": 3,
    "baseline": 4,
    "baseline-variants": 5,
    "shift": 6,
    "jitter": 7,
    "baseline-jitter": 8,
}


def seeded(seed: int, stream: str, *position: int) -> torch.Generator:
    """A generator that depends on the seed, the use and the position alone, so that a resumed run draws the
    same."""
    words = np.random.SeedSequence([seed, STREAMS[stream], *position]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
