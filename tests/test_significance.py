"""Tests of one method against another, against counts by hand."""

import numpy as np
import pytest

from relgan.significance import accuracy_interval, mcnemar, people_difference


def flags(text: str) -> np.ndarray:
    return np.array([c == "1" for c in text])


def test_mcnemar_counts_the_faces_one_method_alone_got_right() -> None:
    found = mcnemar(flags("111100" + "1" * 6), flags("110010" + "0" * 6))
    assert (found.first_only, found.second_only) == (8, 1)
    # Two-sided: 9 or 8 of 9 on either side, out of 2 ** 9.
    assert found.p == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(flags("101"), flags("101")).p == 1


def test_a_difference_carried_by_one_person_is_no_difference() -> None:
    """30 faces of one person make McNemar sure; the bootstrap over people is not."""
    subjects = np.array(["a"] * 30 + [s for s in "bcdefghij" for _ in range(30)])
    first, second = np.ones(300, bool), np.ones(300, bool)
    second[:30] = False
    assert mcnemar(first, second).p < 1e-6
    found = people_difference(first, second, subjects)
    assert found.accuracy == pytest.approx(0.1)
    assert found.interval is not None
    assert found.interval.low == 0
    spread = people_difference(first, ~(np.arange(300) % 10 == 0), subjects)
    assert spread.interval is not None
    assert spread.interval.low > 0.05


def test_the_interval_has_the_width_theory_gives() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.7
    found = accuracy_interval(right, np.arange(400).astype(str))  # a face a person: a plain proportion
    assert found is not None
    share = right.mean()
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 400), rel=0.1)
    assert found.low < share < found.high


def test_two_people_give_no_interval() -> None:
    assert accuracy_interval(flags("1010"), np.array(["a", "a", "b", "b"])) is None
