"""Probes on constructed codes whose answer is known."""

import numpy as np
import pytest

from relgan.data.face import Face
from relgan.probes import (
    KINDS,
    Kind,
    Labels,
    expression_probe,
    expression_transfer,
    identity_probe,
    verification_error,
)

from .codes import EXPRESSIONS, codes, people

# What the code is made of, and whether the person and the expression can be read from it.
MADE_OF = {
    "identity only": (2.0, 0.0, True, False),
    "expression only": (0.0, 2.0, False, True),
    "both": (2.0, 2.0, True, True),
    "neither": (0.0, 0.0, False, False),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made_of", MADE_OF)
def test_probes_read_what_the_code_is_made_of_and_nothing_else(made_of: str, kind: Kind) -> None:
    of_person, of_expression, person_is_in, expression_is_in = MADE_OF[made_of]
    labels = people()
    table = codes(labels, of_person, of_expression)
    person = identity_probe(table, labels, kind)
    expression = expression_probe(table, labels, kind)
    assert person.accuracy is not None
    assert expression.accuracy is not None
    assert person.information is not None
    assert expression.information is not None
    assert person.chance == pytest.approx(1 / 12)
    assert expression.chance == pytest.approx(1 / 4)
    assert (person.people, person.faces, expression.faces) == (12, 192, 192)
    if person_is_in:
        assert person.accuracy > 0.9
        assert person.information > 0.85
    else:
        assert person.accuracy == pytest.approx(1 / 12, abs=0.06)
        assert person.information == pytest.approx(0, abs=0.06)
    if expression_is_in:
        assert expression.accuracy > 0.9
        assert expression.information > 0.75
    else:
        assert expression.accuracy == pytest.approx(1 / 4, abs=0.1)
        assert expression.information == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("made_of", MADE_OF)
def test_pairs_are_verified_by_the_person_in_the_code_alone(made_of: str) -> None:
    of_person, of_expression, person_is_in, _ = MADE_OF[made_of]
    labels = people()
    error = verification_error(codes(labels, of_person, of_expression), labels)
    assert error is not None
    if person_is_in:
        assert error < (0.05 if of_expression == 0 else 0.3)
    else:
        assert error == pytest.approx(0.5, abs=0.06)


def test_the_equal_error_rate_is_that_of_hand_made_scores() -> None:
    """On a line cosines are 1 or -1."""
    labels = Labels(np.array(list("aaaabbbb")), np.array(list("efefefef")), np.array(list("12345678")))
    assert verification_error(np.array([[9, 9, 9, 9, -9, -9, -9, -9]]).T * 1.0, labels) == 0
    # Now each has one picture, showing f, on the other's side. Of the 8 pairs of one person's e and f 2 + 2
    # lie apart, of the 8 pairs of two people's e and f 2 + 2 together.
    assert verification_error(np.array([[9, 9, 9, -9, -9, 9, -9, -9]]).T * 1.0, labels) == 0.5


def test_an_expression_code_of_people_with_habits_gives_nobody_away() -> None:
    """Each person favours an expression, so a probe tested on the same expressions would find the person."""
    rng = np.random.default_rng(0)
    subject, expression = [], []
    for s in range(4):
        for k in range(16):
            subject.append(f"s{s}")
            expression.append(EXPRESSIONS[s] if k < 10 else EXPRESSIONS[int(rng.integers(4))])
    labels = Labels(np.array(subject), np.array(expression), np.array([str(k) for k in range(64)]))
    table = codes(labels, 0, 4)
    accuracy = identity_probe(table, labels).accuracy
    assert accuracy is not None
    assert accuracy < 0.35
    blind = Labels(labels.subject, np.full(64, ""), labels.take)  # expressions unknown: takes are held out
    habits = identity_probe(table, blind).accuracy
    assert habits is not None
    assert habits > 0.6


def test_the_identity_probe_never_learns_from_the_take_it_is_tested_on() -> None:
    """Codes that know the take and nothing else must look like chance, whether or not expressions are
    known."""
    rng = np.random.default_rng(0)
    for expressions in ("", "ab"):  # frames of one take change from a to b
        faces = [
            Face(f"{s}{t}{k}", expressions[k % 2] if expressions else None, f"s{s}", f"{s}_{t}")
            for s in range(4)
            for t in range(6)
            for k in range(4)
        ]
        takes = {face.sequence: rng.normal(size=30) * 5 for face in faces}
        if expressions:  # takes that show one expression alone, for the probe to learn from
            faces += [
                Face(f"x{s}{t}", expressions[t % 2], f"s{s}", f"x{s}_{t}") for s in range(4) for t in range(8)
            ]
        table = np.stack([takes.get(face.sequence, rng.normal(size=30) * 5) for face in faces])
        accuracy = identity_probe(table, Labels.of(faces)).accuracy
        assert accuracy is not None
        assert accuracy < 0.5


def test_sequences_are_told_apart_by_person() -> None:
    faces = [Face(f"{person}.png", "anger", person, sequence="1") for person in "ab"]
    assert len(set(Labels.of(faces).take)) == 2


def test_expression_transfer_learns_on_some_people_and_is_tested_on_others() -> None:
    labels = people()
    table = codes(labels, 1, 3)
    others = np.array([int(s[1:]) >= 8 for s in labels.subject])
    probe = expression_transfer(table[~others], labels.rows(~others), table[others], labels.rows(others))
    assert probe.accuracy is not None
    assert probe.accuracy > 0.9
    assert set(probe.by_person) == {"s08", "s09", "s10", "s11"}
    assert sum(right for right, _ in probe.by_person.values()) == round(probe.accuracy * probe.faces)
    one = labels.expression == "fear"
    assert expression_transfer(table[one], labels.rows(one), table, labels).accuracy is None


def test_probes_are_silent_where_nothing_can_be_asked() -> None:
    one = people(count=1)
    assert identity_probe(codes(one, 1, 1), one).accuracy is None
    assert expression_probe(codes(one, 1, 1), one).faces == 0
    assert verification_error(codes(one, 1, 1), one) is None
    nobody = Labels.of([Face(str(k), "fear") for k in range(6)])
    assert identity_probe(np.ones((6, 3)), nobody).faces == 0
    assert expression_probe(np.ones((6, 3)), nobody).accuracy is None


def test_a_person_with_one_expression_is_left_out_of_the_identity_probe() -> None:
    labels = people(count=3)
    lonely = Labels(
        np.append(labels.subject, "lonely"),
        np.append(labels.expression, "fear"),
        np.append(labels.take, "alone"),
    )
    probe = identity_probe(codes(lonely, 5, 0), lonely)
    assert (probe.people, probe.faces) == (3, 48)
