"""Recognition scores against counts by hand."""

import numpy as np
import pytest

from relgan import metrics
from relgan.metrics import calibration, people_interval, per_expression, recognition


def test_pooled_scores_equal_a_count_by_hand() -> None:
    truth = ["anger", "anger", "fear", "fear", "fear", "surprise"]
    predicted = ["anger", "fear", "fear", "fear", "anger", "surprise"]
    scores = recognition(truth, predicted, ["anger", "fear", "happiness", "surprise"])
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.confusion == [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    f1 = [2 * 1 / (2 * 1 + 1 + 1), 2 * 2 / (2 * 2 + 1 + 1), 1.0]  # happiness never occurs and does not count
    assert scores.macro_f1 == pytest.approx(sum(f1) / 3)


def test_scores_of_each_expression_equal_a_count_by_hand() -> None:
    truth = ["anger", "anger", "fear", "fear", "fear"]
    predicted = ["anger", "fear", "fear", "fear", "anger"]
    anger, fear, happiness = per_expression(truth, predicted, ["anger", "fear", "happiness"])
    assert (anger.precision, anger.recall, anger.faces) == (0.5, 0.5, 2)
    assert fear.precision == fear.recall == fear.f1 == pytest.approx(2 / 3)
    assert (happiness.f1, happiness.faces) == (0, 0)


def test_calibration_equals_a_sum_over_bins_by_hand() -> None:
    confidence = np.array([0.55, 0.59, 0.91, 0.95, 0.99, 1.0])
    right = np.array([True, False, True, True, True, False])
    found = calibration(confidence, right)
    assert found.faces == [2, 4]
    assert found.confidence == pytest.approx([0.57, 0.9625])
    assert found.accuracy == pytest.approx([0.5, 0.75])
    assert found.error == pytest.approx((2 * 0.07 + 4 * 0.2125) / 6)


def test_an_honest_confidence_is_calibrated_and_a_boaster_is_not() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 20_000)
    right = rng.random(20_000) < confidence
    assert calibration(confidence, right).error < 0.02
    assert calibration(np.full(20_000, 0.99), right).error == pytest.approx(0.99 - right.mean(), abs=1e-6)


def test_the_bootstrap_draws_people_and_not_faces() -> None:
    """Five people right always, five never: with 1000 faces each it is still as wide as ten coins."""
    interval = people_interval(np.array([1000.0] * 5 + [0.0] * 5), np.full(10, 1000.0))
    assert interval is not None
    assert interval.low == pytest.approx(0.2, abs=0.05)
    assert interval.high == pytest.approx(0.8, abs=0.05)
    assert people_interval(np.ones(2), np.ones(2)) is None


def test_the_bootstrap_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 5, 301).astype(float)
    whole = people_interval(values, np.full(301, 5.0))
    monkeypatch.setattr(metrics, "MOST_DRAWN", 1000)
    assert people_interval(values, np.full(301, 5.0)) == whole
