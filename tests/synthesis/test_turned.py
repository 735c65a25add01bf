import numpy as np
import pytest

from relgan.faces.align import TEMPLATE
from relgan.synthesis.turned import Turned, landed, likeness, measure, table


def test_landmarks_of_a_face_that_looks_ahead_land_on_themselves() -> None:
    points = (TEMPLATE * 112 - 0.5).astype(np.float32)
    assert np.abs(landed(points, points) - points).max() <= 0.75  # whole pixels


def test_likeness_is_one_for_the_same_and_falls_with_noise() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    assert likeness(picture, picture) == pytest.approx((1, 1))
    changed = picture.copy()
    changed[:10] = 0  # outside the face
    whole, face = likeness(picture, changed)
    assert whole < 0.95
    assert face == pytest.approx(1)


def test_the_table_compares_what_was_done() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    points = np.stack([TEMPLATE * 112 - 0.5] * 4).astype(np.float32)
    person = Turned([picture] * 4, points)
    results = measure([person, person], [[points[0], None, None, None], [points[0], points[1], None, None]])
    assert results[0, 0, 0] == pytest.approx([1, 1, 0], abs=1e-6)
    lines = table(results).splitlines()
    assert lines[2].startswith("| 0° | 2 of 2 | 1.000 → ")
    assert lines[3].startswith("| 15° | 1 of 2 | 1.000 → ")
    assert lines[4].split("|")[2:] == [" 0 of 2 ", "  ", "  ", "  ", ""]
