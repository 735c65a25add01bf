"""Measures on constructed predictions and codes whose answer is known."""

import numpy as np
import pytest

from relgan.data.face import Face
from relgan.metrics import expression_probe, identity_probe, recognition


def test_pooled_scores_equal_a_count_by_hand() -> None:
    truth = ["anger", "anger", "fear", "fear", "fear", "surprise"]
    predicted = ["anger", "fear", "fear", "fear", "anger", "surprise"]
    scores = recognition(truth, predicted, ["anger", "fear", "happiness", "surprise"])
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.confusion == [[1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    f1 = [2 * 1 / (2 * 1 + 1 + 1), 2 * 2 / (2 * 2 + 1 + 1), 1.0]  # happiness never occurs and does not count
    assert scores.macro_f1 == pytest.approx(sum(f1) / 3)


def people(count: int = 6, pictures: int = 10) -> list[Face]:
    return [
        Face(f"{s}_{k}", "fear" if k % 2 else "anger", f"s{s}") for s in range(count) for k in range(pictures)
    ]


def codes(faces: list[Face], of_person: float, of_expression: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = {face.subject: rng.normal(size=30) for face in faces}
    moods = {face.expression: rng.normal(size=30) for face in faces}
    return np.stack(
        [
            of_person * centres[f.subject] + of_expression * moods[f.expression] + rng.normal(size=30)
            for f in faces
        ]
    )


def test_the_identity_probe_finds_people_in_identity_codes_and_not_in_expression_codes() -> None:
    faces = people()
    only_identity = identity_probe(codes(faces, 5, 0), faces)
    only_expression = identity_probe(codes(faces, 0, 5), faces)
    assert only_identity.accuracy == pytest.approx(1)
    assert only_expression.accuracy == pytest.approx(1 / 6, abs=0.12)
    assert only_identity.chance == only_expression.chance == pytest.approx(1 / 6)
    assert only_identity.people == 6
    assert only_identity.faces == 60


def test_the_identity_probe_never_learns_from_the_take_it_is_tested_on() -> None:
    """Codes that know the take and nothing else must look like chance."""
    rng = np.random.default_rng(0)
    faces = [
        Face(f"{s}{t}{k}", "fear", f"s{s}", f"{s}_{t}") for s in range(4) for t in range(4) for k in range(3)
    ]
    takes = {face.sequence: rng.normal(size=30) * 5 for face in faces}
    probe = identity_probe(np.stack([takes[face.sequence] for face in faces]), faces)
    assert probe.accuracy is not None
    assert probe.accuracy < 0.5


def test_the_identity_probe_is_silent_about_a_single_person() -> None:
    faces = people(count=1)
    probe = identity_probe(codes(faces, 1, 1), faces)
    assert (probe.accuracy, probe.chance, probe.faces) == (None, None, 0)


def test_people_with_one_picture_are_left_out_of_the_probe() -> None:
    faces = [*people(count=3), Face("lonely", "fear", "lonely")]
    assert identity_probe(codes(faces, 5, 0), faces).faces == 30


def test_the_expression_probe_crosses_people() -> None:
    faces = people(8)
    labels = [face.expression or "" for face in faces]
    for strength, expected in ((5.0, 1.0), (0.0, 0.5)):
        table = codes(faces, 0, strength)
        accuracy = expression_probe(table[:40], labels[:40], table[40:], labels[40:])
        assert accuracy == pytest.approx(expected, abs=0.2)
    assert expression_probe(table[:2], ["fear", "fear"], table[2:], labels[2:]) is None
