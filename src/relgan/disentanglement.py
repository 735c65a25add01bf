"""How far f(e) holds the expression alone and f(i) the person alone, as two blocks and against each other.

Definitions, good values and traps: docs/measures.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.floating]
BLOCKS = ("expression_code", "identity_code")
FACTORS = ("expression", "identity")
MOST_COMPARED = 1000  # rows whose kernels are built


@dataclass(frozen=True)
class BlockScores:
    """DCI and MIG for two blocks of code instead of single numbers; None where nothing is readable at all.

    Attributes:
        disentanglement: per block 1 where it holds one factor alone, 0 where both alike.
        completeness: per factor 1 where one block alone holds it, 0 where both alike.
        gap: per factor its own block's information less the other block's, -1 to 1.
        overall: disentanglement of the blocks, weighted by what they hold.
    """

    disentanglement: dict[str, float | None]
    completeness: dict[str, float | None]
    gap: dict[str, float]
    overall: float | None


def block_scores(information: Mapping[str, Mapping[str, float]]) -> BlockScores:
    """Disentanglement and completeness (Eastwood and Williams 2018: A Framework for the Quantitative
    Evaluation of Disentangled Representations) and the gap of mutual information (Chen et al. 2018: Isolating
    Sources of Disentanglement), with the blocks f(e) and f(i) in the place of single numbers.

    Args:
        information: ``information[block][factor]``, 0 to 1: how much of a factor a probe reads from a block
            (:attr:`relgan.probes.Probe.information`); less than nothing counts as nothing.
    """
    table = np.array([[max(0.0, information[block][factor]) for factor in FACTORS] for block in BLOCKS])
    rows, columns = [_focus(row) for row in table], [_focus(column) for column in table.T]
    total = table.sum()
    weighted = sum((row or 0.0) * held for row, held in zip(rows, table.sum(1), strict=True))
    return BlockScores(
        disentanglement=dict(zip(BLOCKS, rows, strict=True)),
        completeness=dict(zip(FACTORS, columns, strict=True)),
        gap={"expression": float(table[0, 0] - table[1, 0]), "identity": float(table[1, 1] - table[0, 1])},
        overall=float(weighted / total) if total > 0 else None,
    )


def _focus(shares: Floats) -> float | None:
    """1 less the entropy of the shares: 1 where one holds everything."""
    if shares.sum() <= 0:
        return None
    p = shares / shares.sum()
    p = p[p > 0]
    return float(1 + (p * np.log(p)).sum() / np.log(len(shares)))


@dataclass(frozen=True)
class Dependence:
    """HSIC of two codes.

    Attributes:
        value: HSIC over that of each code with itself, about 0 where they are independent (below it by
            chance), 1 where one is a turned copy of the other.
        p: share of shuffles that reach ``value``.
        faces: rows compared.
    """

    value: float
    p: float
    faces: int


def hsic(x: Floats, y: Floats, seed: int = 0, shuffles: int = 200) -> Dependence | None:
    """The Hilbert-Schmidt independence criterion (Gretton et al. 2005) of two codes of the same faces.

    The unbiased estimate of Song et al. (2012: Feature Selection via Dependence Maximization, equation 4),
    normalised as in Kornblith et al. (2019); the biased one calls any two long codes of few faces dependent.
    Gaussian kernels whose width is the median distance of standardised codes.

    Args:
        x: (N, D) and
        y: (N, E); of more than 1000 rows as many are drawn.
        seed: of the drawing and of the shuffles.
        shuffles: rows of ``y`` are shuffled so often to see what independence looks like.

    Returns:
        None with fewer than six rows, or where a code does not vary.
    """
    rng = np.random.default_rng(seed)
    if len(x) > MOST_COMPARED:
        rows = rng.choice(len(x), MOST_COMPARED, replace=False)
        x, y = x[rows], y[rows]
    if len(x) < 6:
        return None
    first, second = _kernel(x), _kernel(y)
    scale = _unbiased(first, first) * _unbiased(second, second)
    if scale <= 0:
        return None
    value = _unbiased(first, second) / np.sqrt(scale)
    shuffled = []
    for _ in range(shuffles):
        order = rng.permutation(len(x))
        shuffled.append(_unbiased(first, second[np.ix_(order, order)]) / np.sqrt(scale))
    reached = int((np.array(shuffled) >= value).sum())
    return Dependence(float(value), (1 + reached) / (1 + shuffles), len(x))


def _kernel(x: Floats) -> Floats:
    distances = squareform(pdist(StandardScaler().fit_transform(x)))
    width = np.median(distances[np.triu_indices(len(x), 1)])
    kernel: Floats = np.exp(-(distances**2) / (2 * max(width, 1e-12) ** 2))
    np.fill_diagonal(kernel, 0)  # the unbiased estimate leaves a face's likeness to itself out
    return kernel


def _unbiased(k: Floats, m: Floats) -> float:
    n = len(k)
    both = (k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ m.sum(0)) / (n - 2)
    return float(both / (n * (n - 3)))


@dataclass(frozen=True)
class Swap:
    """Whether a code comes back from a reenacted picture.

    Attributes:
        cosine: mean cosine of the code read from the output and the code it was painted from, both less the
            mean code; 1 is perfect.
        others: the same with the codes other outputs were painted from: what is not worth anything.
        closest: how often the own code is closer than another's, 0.5 by chance.
        pairs: how many outputs.
    """

    cosine: float
    others: float
    closest: float
    pairs: int


def swap_consistency(painted_from: Floats, read_again: Floats) -> Swap | None:
    """Compare the codes (N, D) that N outputs were painted from with those the same encoder reads from the
    outputs (Lee et al. 2018, DRIT, train on this consistency; here it is only measured).

    Rows painted from the same code are not each other's rivals. None where all are.
    """
    mean = painted_from.mean(0)
    a, b = _unit(painted_from - mean), _unit(read_again - mean)
    cosines = b @ a.T  # (N outputs, N codes)
    rival = squareform(pdist(painted_from)) > 1e-9
    if not rival.any():
        return None
    own = np.diag(cosines)
    distances = np.linalg.norm(read_again[:, None] - painted_from[None], axis=-1)
    closer = (np.diag(distances)[:, None] < distances)[rival]
    return Swap(float(own.mean()), float(cosines[rival].mean()), float(closer.mean()), len(own))


def _unit(x: Floats) -> Floats:
    unit: Floats = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
    return unit
