import dataclasses

import numpy as np
import pytest
import torch

pytest.importorskip("anny", reason="needs anny: pip install 'relgan[synthesis]'")

from relgan.synthesis.camera import landmarks_of
from relgan.synthesis.people import draw_person, shape_pairs
from relgan.synthesis.wrinkles import CREASES


def test_a_person_depends_on_seed_and_number_alone(head):
    first, again = draw_person(head, 5, 3), draw_person(head, 5, 3)
    assert first.name == "P00003"
    for field in dataclasses.fields(first):
        one, two = getattr(first, field.name), getattr(again, field.name)
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, two)
        elif field.name != "skin":
            assert one == two
    assert not np.array_equal(first.shape, draw_person(head, 6, 3).shape)
    assert not np.array_equal(first.shape, draw_person(head, 5, 4).shape)


def test_people_are_women_and_men_of_all_ages_and_ancestries(head):
    people = [draw_person(head, 0, number) for number in range(300)]
    women = [person for person in people if person.female]
    assert 0.4 < len(women) / len(people) < 0.6
    assert all(person.beard.stubble == person.beard.full == 0 for person in women)
    assert all(18 <= person.years <= 77 for person in people)
    assert sum(person.years > 50 for person in people) > 20
    assert 0.1 < sum(person.glasses is not None for person in people) / len(people) < 0.3
    assert {int(person.ancestry.argmax()) for person in people} == {0, 1, 2}


def test_shape_pairs_are_opposites_that_exist(head):
    pairs = shape_pairs(head)
    assert ("nose-hump-incr", "nose-hump-decr") in pairs
    for first, second in pairs:
        assert {first, second} <= set(head.names)
        assert not first.startswith("r-")


def test_opposite_shapes_are_never_mixed(head):
    for number in range(10):
        shape = draw_person(head, 1, number).shape
        for first, second in shape_pairs(head):
            assert shape[head.names[first]] * shape[head.names[second]] == 0


def test_faces_are_as_long_and_as_wide_as_those_of_people(head):
    """In distances between the pupils; of photographs and bodies they are 1.03 to 1.1, 0.55 to 0.65, 2.15."""
    people = [draw_person(head, 5, number) for number in range(80)]
    cheeks = (head.vertex_part == 0) & (head.masks["ears"] < 0.05) & (head.template[:, 1] < -0.04)
    for female in (True, False):
        some = [person for person in people if person.female is female]
        phenotypes, shapes = (
            torch.from_numpy(np.stack([getattr(person, name) for person in some]))
            for name in ("phenotype", "shape")
        )
        vertices = head.neutral(phenotypes, shapes)
        left, right, nose, *corners = landmarks_of(head, vertices).unbind(1)
        apart, level = (right - left)[:, 0], (left + right)[:, 2] / 2
        mouth = (level - (corners[0] + corners[1])[:, 2] / 2) / apart
        assert 1.0 < mouth.mean() < 1.15
        assert 0.5 < ((level - nose[:, 2]) / apart).mean() < 0.68
        below = (vertices[:, :, 2] - level[:, None] + 0.025).abs() < 0.01
        across = torch.where(below & cheeks, vertices[:, :, 0].abs(), 0.0).amax(1) * 2
        assert 2.05 < (across / apart).mean() < 2.35
        assert 0.03 < mouth.std() < 0.09


def test_everyones_skin_folds_in_places_of_its_own(head):
    gain = np.stack([draw_person(head, 0, number).wrinkle_gain for number in range(200)])
    assert gain.shape[1] == len(CREASES)
    assert gain.mean(1).min() < 0.2
    assert gain.mean(1).max() > 0.9
    relative = gain / gain.mean(1, keepdims=True)
    assert relative.std(0).min() > 0.25


def test_faces_at_rest_have_a_look_of_their_own_and_show_no_expression(head):
    rest = np.stack([draw_person(head, 0, number).rest for number in range(200)])
    assert len(np.unique(rest.sum((1, 2)))) == 200
    assert rest.max() < 0.6
    assert rest.mean() < 0.05
