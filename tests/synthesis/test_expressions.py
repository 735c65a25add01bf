import numpy as np
import pytest
import torch

from relgan.expressions import CANONICAL
from relgan.synthesis.camera import landmarks_of
from relgan.synthesis.emfacs import VARIANTS
from relgan.synthesis.expressions import (
    UNIT_INDEX,
    UNITS,
    draw_take,
    frame_times,
    intensity_at,
    shape_weights,
    unit_columns,
)


def test_every_canonical_expression_has_variants_whose_units_are_known():
    assert sorted(VARIANTS) == sorted(CANONICAL)
    for variants in VARIANTS.values():
        assert sum(variant.share for variant in variants) == pytest.approx(1)
        for variant in variants:
            assert set(variant.units) <= set(UNITS)
            assert set(variant.one_sided) <= set(variant.units)


def test_a_take_is_the_same_for_the_same_seed_and_another_for_another():
    first, again, other = (draw_take("fear", np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.apex, again.apex)
    assert not np.array_equal(first.apex, other.apex)


def test_contempt_is_shown_on_one_side():
    for seed in range(20):
        apex = draw_take("contempt", np.random.default_rng(seed)).apex
        weak, strong = sorted(apex[UNIT_INDEX[14]])
        assert strong > 0.3
        assert weak < 0.25 * strong


@pytest.mark.parametrize(("expression", "mark"), [("sadness", 15), ("fear", 20), ("disgust", 9)])
def test_the_textbooks_mark_of_an_expression_is_often_missing(expression, mark):
    apexes = [draw_take(expression, np.random.default_rng(seed)).apex for seed in range(200)]
    marked = np.mean([apex[UNIT_INDEX[mark]].max() > 0.3 for apex in apexes])
    assert 0.5 < marked < 0.95


@pytest.mark.parametrize("expression", sorted(set(CANONICAL) - {"neutral"}))
def test_something_is_always_shown(expression):
    apexes = [draw_take(expression, np.random.default_rng(seed)).apex for seed in range(200)]
    assert min(apex.max() for apex in apexes) > 0.4


def test_smiles_and_raised_brows_in_sadness_are_of_every_strength():
    for expression, unit in (("happiness", 12), ("sadness", 1)):
        apexes = [draw_take(expression, np.random.default_rng(seed)).apex for seed in range(200)]
        shown = [apex[UNIT_INDEX[unit]].mean() for apex in apexes]
        assert np.quantile(shown, 0.2) < 0.65
        assert np.quantile(shown, 0.8) > 0.8


def test_a_take_rises_to_its_apex_and_falls_again():
    take = draw_take("happiness", np.random.default_rng(1))
    smile = [take.at(time)[UNIT_INDEX[12]].mean() for time in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert smile[0] == 0
    assert smile[0] < smile[1] < smile[2] > smile[3] > smile[4]
    np.testing.assert_allclose(take.at(0.5), take.apex, rtol=1e-6)


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_frames_are_symmetric_about_the_apex_and_intensity_is_largest_there(frames):
    times = frame_times(frames)
    assert len(times) == frames
    assert times[frames // 2] == 0.5
    intensities = [intensity_at(time) for time in times]
    assert max(intensities) == intensity_at(0.5) == pytest.approx(1)


def test_one_column_for_each_unit_and_side():
    assert len(unit_columns()) == 2 * len(UNITS) == len(set(unit_columns()))


def test_units_move_the_face_on_their_own_side(head):
    units = torch.zeros(1, len(UNITS), 2)
    units[0, UNIT_INDEX[12], 0] = 1  # the subject's left, x > 0
    moved = head.displacement(shape_weights(head, units, torch.ones(1, 3)))[0].norm(dim=1)
    left, right = head.template[:, 0] > 0.02, head.template[:, 0] < -0.02
    assert moved[left].max() > 0.005
    assert moved[right].max() < 0.001


def test_raised_brows_go_up_and_lowered_brows_go_down(head):
    brow = (head.template[:, 2] > 0.742) & (head.template[:, 2] < 0.755) & (head.template[:, 1] < -0.12)
    for unit, sign in ((2, 1), (4, -1)):
        units = torch.zeros(1, len(UNITS), 2)
        units[0, UNIT_INDEX[unit]] = 1
        moved = head.displacement(shape_weights(head, units, torch.ones(1, 3)))[0, brow, 2]
        assert sign * moved[moved.abs().argmax()] > 0.001


def test_shape_weights_are_linear_in_small_units_and_respect_the_limits(head):
    units = torch.zeros(3, len(UNITS), 2)
    units[1, UNIT_INDEX[4]] = 0.1
    units[2, UNIT_INDEX[4]] = 0.2
    weights = shape_weights(head, units, torch.ones(3, 3))
    assert weights[0].abs().max() == 0
    torch.testing.assert_close(2 * weights[1], weights[2])
    everything = shape_weights(head, torch.full((1, len(UNITS), 2), 1.3), torch.ones(1, 3))
    assert everything[0, head.names["jawOpen"]] <= 1.05
    assert everything[0, head.names["eyeSquintLeft"]] <= 0.95
    assert everything[0, head.names["browDownLeft"]] <= 1


def test_pressed_lips_are_narrower_and_do_not_smile(head):
    corners = landmarks_of(head, head.template[None])[0, 3:]

    def moved(unit):
        units = torch.zeros(1, len(UNITS), 2)
        units[0, UNIT_INDEX[unit]] = 1
        vertices = head.template + head.displacement(shape_weights(head, units, torch.ones(1, 3)))
        return landmarks_of(head, vertices)[0, 3:] - corners

    outwards = corners[:, 0].sign()
    pressed, smiling = moved(23), moved(12)
    assert (pressed[:, 0] * outwards < 0.001).all()
    assert (pressed[:, 2] < 0.001).all()
    assert (smiling[:, 0] * outwards > 0.003).all()
    assert (smiling[:, 2] > 0.003).all()


def test_stretched_lips_bare_the_teeth_where_they_part(head):
    def bared(*units):
        values = torch.zeros(1, len(UNITS), 2)
        for unit in units:
            values[0, UNIT_INDEX[unit]] = 1
        weights = shape_weights(head, values, torch.ones(1, 3))
        rows = [row for name, row in head.names.items() if "mouth-part-later/" in name]
        return weights[0, rows].sum().item()

    assert bared(20) == bared(25) == 0
    assert bared(20, 25) == pytest.approx(1)  # half on each side, whatever the ancestry
