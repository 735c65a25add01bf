"""How good reenacted pictures are: against the truth where it exists, and as a crowd where it does not.

Definitions, good values and traps: docs/measures.md.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvals
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Closeness:
    """Means over pairs of pictures: L1 in the units of [-1, 1], PSNR in decibels, SSIM at most 1."""

    l1: float
    psnr: float
    ssim: float


def closeness(pictures: Tensor, truths: Tensor) -> Closeness:
    """L1, peak signal-to-noise ratio and structural similarity (Wang et al. 2004) of pictures and truths,
    both (B, 3, S, S) in [-1, 1], each averaged over the pictures. Equal pictures have a ratio of 100 dB."""
    # SSIM compares brightness as ratios, which mean something from black = 0 upwards only.
    a, b = (pictures.float() + 1) / 2, (truths.float() + 1) / 2
    likeness = structural_similarity_index_measure(a, b, data_range=1.0)
    assert isinstance(likeness, Tensor)  # a pair only where the map is asked for
    ratios = peak_signal_noise_ratio(a, b, data_range=1.0, dim=(1, 2, 3), reduction="none")
    return Closeness(
        l1=float((pictures - truths).abs().mean()),
        psnr=float(ratios.clamp(max=100).mean()),
        ssim=float(likeness),
    )


def frechet_distance(x: Floats, y: Floats) -> float | None:
    """Squared Fréchet distance of two Gaussians fitted to features (N, D) and (M, D) (Heusel et al. 2017).

    None with fewer than two rows per feature: a covariance of so few is not one, and the distance is mostly
    noise. It is biased upwards all the same; compare only equal N.
    """
    if min(len(x), len(y)) < 2 * x.shape[1]:
        return None
    means = ((x.mean(0) - y.mean(0)) ** 2).sum()
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # The trace of the root of a product is the sum of the roots of its eigenvalues.
    root = np.sqrt(eigvals(np.atleast_2d(first) @ np.atleast_2d(second)).real.clip(min=0)).sum()
    return float(means + np.trace(np.atleast_2d(first)) + np.trace(np.atleast_2d(second)) - 2 * root)


def kernel_distance(x: Floats, y: Floats) -> float | None:
    """Squared maximum mean discrepancy with the cubic kernel (Bińkowski et al. 2018), unbiased: about 0, or a
    little below, for two draws from one crowd. None with fewer than two rows."""
    n, m, d = len(x), len(y), x.shape[1]
    if min(n, m) < 2:
        return None
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    within_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())
