from collections.abc import Callable

import numpy as np
import pytest

from relgan.choosing import Choice, Score
from relgan.data.tensors import FaceTensors

Drawn = Callable[..., FaceTensors]


def score(right: str, people: str) -> Score:
    return Score(np.array([c == "1" for c in right]), np.array([ord(c) for c in people]))


def test_one_person_cannot_end_training_early() -> None:
    choice = Choice()
    assert [choice.offer(score(r, "aaaa"), k) for k, r in enumerate(["1111", "0111", "0000"])] == [True] * 3
    assert (choice.step, choice.accuracy) == (2, 0.0)


def test_several_people_together_can() -> None:
    people = "aabbccdd"
    choice = Choice()
    assert choice.offer(score("11111111", people), 10)
    assert not choice.offer(score("10101010", people), 20)  # each loses one of two
    assert choice.offer(score("11111100", people), 30)  # one person loses both: within the error
    assert (choice.step, choice.accuracy) == (30, 0.75)


def test_the_error_is_over_people_not_faces() -> None:
    best, later = score("111111", "aabbcc"), score("001111", "aabbcc")
    difference, error = later.deficit(best)
    # Sums over people are 2, 0, 0: their deviation is sqrt(4/3), that of their total sqrt(3) times as much.
    assert (difference, error) == (pytest.approx(1 / 3), pytest.approx(2 / 6))


def test_of_steps_as_good_the_latest_is_kept() -> None:
    choice = Choice()
    assert all(choice.offer(score("1010", "abcd"), step) for step in (0, 5, 10))
    assert choice.step == 10


def test_nameless_faces_are_people_of_their_own_and_unlabelled_ones_are_left_out(drawn: Drawn) -> None:
    data = drawn(people=2)
    data.identity[:2] = -1
    data.expression[-1] = -1
    scored = Score.of(data.expression.numpy(), data)
    assert scored.accuracy == 1
    assert len(scored.right) == len(data) - 1
    assert len(set(scored.people.tolist())) == 4


def test_a_choice_survives_a_checkpoint() -> None:
    choice = Choice()
    choice.offer(score("1100", "abab"), 3)
    again = Choice.restored(choice.state())
    assert again.state() == choice.state()
    assert Choice.restored(Choice().state()).step is None


def test_people_with_more_faces_do_not_make_the_error_larger() -> None:
    """Everyone loses half of their faces, however many they have."""
    people = "a" * 20 + "bbccdd"
    best, later = score("1" * 26, people), score("10" * 13, people)
    assert later.deficit(best) == (pytest.approx(0.5), pytest.approx(0))
