"""Picture quality against sums by hand."""

import numpy as np
import pytest
import torch

from relgan.quality import closeness, frechet_distance, kernel_distance


def test_closeness_of_known_pictures() -> None:
    truth = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    same = closeness(truth, truth)
    assert same.l1 == 0
    assert same.ssim == pytest.approx(1)
    assert same.psnr == 100  # and so a number that JSON knows
    brighter = closeness(truth + 0.2, truth)
    assert brighter.l1 == pytest.approx(0.2, abs=1e-6)
    assert brighter.psnr == pytest.approx(10 * np.log10(2**2 / 0.2**2), abs=1e-3)
    assert 0.7 < brighter.ssim < 1  # of two mid-greys a tenth apart


def test_psnr_is_the_mean_over_pictures() -> None:
    truth = torch.zeros(2, 3, 16, 16)
    pictures = truth.clone()
    pictures[0] += 0.1
    pictures[1] += 0.4
    by_hand = np.mean([10 * np.log10(4 / 0.01), 10 * np.log10(4 / 0.16)])
    assert closeness(pictures, truth).psnr == pytest.approx(by_hand, abs=1e-3)


def test_frechet_distance_of_gaussians_with_a_known_answer() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(x, x + np.array([3, 0, 4])) == pytest.approx(25)
    # The same cloud grown twofold: the means move too, and the deviations are s and 2 s.
    grown = float((x.mean(0) ** 2).sum() + np.trace(np.cov(x, rowvar=False)))
    assert frechet_distance(x, 2 * x) == pytest.approx(grown)
    assert frechet_distance(x[:5], x) is None


def test_kernel_distance_is_unbiased_and_equals_a_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.normal(1, 1, size=(5, 4))
    k = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    within_x = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    between = np.mean([k(a, b) for a in x for b in y])
    assert kernel_distance(x, y) == pytest.approx(within_x + within_y - 2 * between)
    small = [kernel_distance(rng.normal(size=(20, 4)), rng.normal(size=(20, 4))) for _ in range(200)]
    assert np.mean(small) == pytest.approx(0, abs=0.05)  # of many draws from one crowd
    assert kernel_distance(x[:1], y) is None
