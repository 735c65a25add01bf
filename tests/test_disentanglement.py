"""Block scores, HSIC and swap consistency on codes whose answer is known."""

import math
from itertools import permutations

import numpy as np
import pytest

from relgan.disentanglement import _unbiased, block_scores, hsic, swap_consistency
from relgan.probes import expression_probe, identity_probe

from .codes import codes, people


def information(
    in_expression_code: tuple[float, float], in_identity_code: tuple[float, float]
) -> dict[str, dict[str, float]]:
    """What probes read, from the lengths of (expression, person) in each block."""
    labels = people()
    blocks = {
        name: codes(labels, of_person, of_expression, seed)
        for seed, (name, (of_expression, of_person)) in enumerate(
            (("expression_code", in_expression_code), ("identity_code", in_identity_code))
        )
    }
    return {
        name: {
            "expression": expression_probe(table, labels).information or 0.0,
            "identity": identity_probe(table, labels).information or 0.0,
        }
        for name, table in blocks.items()
    }


def test_separate_blocks_score_one_and_mixed_blocks_zero() -> None:
    separate = block_scores(information((3, 0), (0, 3)))
    assert separate.overall is not None
    assert separate.overall > 0.8
    assert separate.gap["expression"] > 0.85
    assert separate.gap["identity"] > 0.85
    mixed = block_scores(information((3, 3), (3, 3)))
    assert mixed.overall == pytest.approx(0, abs=0.05)
    assert mixed.gap["expression"] == pytest.approx(0, abs=0.1)
    crossed = block_scores(information((0, 3), (3, 0)))
    assert crossed.overall is not None
    assert crossed.overall > 0.8  # one factor a block, but the wrong one: the gap says so
    assert crossed.gap["expression"] < -0.85


def test_block_scores_equal_a_calculation_by_hand() -> None:
    scores = block_scores(
        {
            "expression_code": {"expression": 0.6, "identity": 0.2},
            "identity_code": {"expression": -0.01, "identity": 0.5},
        }
    )
    first = 1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)
    assert scores.disentanglement["expression_code"] == pytest.approx(first)
    assert scores.disentanglement["identity_code"] == pytest.approx(1)
    assert scores.completeness["expression"] == pytest.approx(1)
    assert scores.gap == pytest.approx({"expression": 0.6, "identity": 0.3})
    assert scores.overall == pytest.approx((0.8 * first + 0.5) / 1.3)
    nothing = {"expression": 0.0, "identity": 0.0}
    assert block_scores({"expression_code": nothing, "identity_code": nothing}).overall is None


def test_hsic_tells_independent_codes_from_dependent_ones() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 30))
    turned = hsic(x, x @ np.linalg.qr(rng.normal(size=(30, 30)))[0])
    assert turned is not None
    assert turned.value > 0.8  # standardising after the turn changes distances a little
    assert turned.p < 0.01
    apart = hsic(x, rng.normal(size=(80, 50)))
    assert apart is not None
    assert abs(apart.value) < 0.1
    assert apart.p > 0.05
    bent = hsic(x[:, :1], x[:, :1] ** 2)  # no correlation, and yet one follows from the other
    assert bent is not None
    assert bent.value > 0.2
    assert bent.p < 0.01
    assert hsic(x[:5], x[:5]) is None


def test_hsic_sees_the_person_in_both_codes_and_nothing_in_clean_ones() -> None:
    labels = people()
    clean = hsic(codes(labels, 0, 3, 1), codes(labels, 3, 0, 2))
    leaky = hsic(codes(labels, 3, 3, 1), codes(labels, 3, 0, 2))
    assert clean is not None
    assert leaky is not None
    assert abs(clean.value) < 0.05
    assert leaky.value > 0.2


def test_the_unbiased_hsic_equals_its_definition_as_a_sum_over_four_different_rows() -> None:
    rng = np.random.default_rng(2)
    k, m = (np.abs(table + table.T) for table in rng.normal(size=(2, 7, 7)))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    terms = [
        k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c]) for a, b, c, d in permutations(range(7), 4)
    ]  # Song et al. 2012, equation 3
    assert _unbiased(k, m) == pytest.approx(np.mean(terms))


def test_codes_that_come_back_are_consistent_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    painted = rng.normal(size=(40, 30))
    perfect = swap_consistency(painted, painted)
    assert perfect is not None
    assert (perfect.cosine, perfect.closest) == (pytest.approx(1), 1)
    lost = swap_consistency(painted, rng.normal(size=(40, 30)))
    assert lost is not None
    assert lost.cosine == pytest.approx(0, abs=0.1)
    assert lost.closest == pytest.approx(0.5, abs=0.1)
    assert swap_consistency(np.ones((4, 3)), np.ones((4, 3))) is None
    doubled = swap_consistency(np.repeat(painted, 2, 0), np.repeat(painted, 2, 0))
    assert doubled is not None
    assert doubled.closest == 1  # the same code painted twice is no rival
