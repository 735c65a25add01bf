"""The light meter and the mean faces."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relgan.benchmark.likeness import (
    brow_height,
    light,
    main,
    mean_faces,
    meters,
    oval,
    proportions,
    set_of,
)
from relgan.data.face import Face
from relgan.data.manifest import write_manifest
from relgan.errors import InputError

SHADES = np.random.default_rng(0).normal(120, 20, (6, 112, 112)).astype(np.float32)


def test_twice_the_contrast_is_measured_as_twice_in_every_band() -> None:
    once, twice = light(SHADES), light(2 * SHADES - 120)
    assert twice["grey level"] == pytest.approx(2 * once["grey level"] - 120, rel=1e-3)
    for name in set(once) - {"grey level"}:
        assert twice[name] == pytest.approx(2 * once[name], rel=1e-3), name


def test_mean_faces_know_nothing_of_exposure_and_are_symmetric() -> None:
    shown = ["anger", "fear"] * 3
    means, brighter = mean_faces(SHADES, shown), mean_faces(1.5 * SHADES + 30, shown)
    assert set(means) == {"anger", "fear"}
    for name, face in means.items():
        np.testing.assert_allclose(face, face[:, ::-1], atol=1e-6)
        np.testing.assert_allclose(face, brighter[name], atol=1e-4)
        assert abs(face[oval(112)].mean()) < 0.05


def test_a_dark_brow_is_found_at_its_place_and_missing_expressions_are_not_invented() -> None:
    face = Face(path="a", expression="neutral")
    pictures = np.full((1, 112, 112, 3), 128, np.uint8)
    pictures[:, 60:] = 140
    dark = pictures.copy()
    dark[:, 31:34, 30:82] = 40
    plain, browed = meters([face], pictures), meters([face], dark)
    assert browed["brow"] < plain["brow"] - 1
    assert np.isnan(browed["mouth's line in anger"])


@pytest.mark.parametrize("height", [8, 13])
def test_brows_are_found_as_far_above_the_eyes_as_they_are_drawn(height: int) -> None:
    picture = np.full((112, 112), 150, np.float32)
    picture[40:43, 30:82] = 60  # the eyes
    picture[41 - height - 1 : 41 - height + 2, 30:82] = 90
    bare = np.full((112, 112), 150, np.float32)
    assert brow_height(np.stack([picture, bare, picture + 20])) == height
    assert np.isnan(brow_height(bare[None]))


def test_proportions_are_in_distances_between_the_eyes_however_a_face_lies() -> None:
    upright = np.array([[30, 40], [70, 40], [51, 64], [34, 82], [66, 86]], np.float32)
    turn, scale = 0.4, 1.7
    way = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    aside = upright + np.array([[0, 0], [0, 0], [9, 0], [0, 9], [0, 9]], np.float32)  # looks away: left out
    found = proportions(np.stack([upright, upright @ way + 5, aside]))
    assert found["eyes to mouth"] == pytest.approx(44 / 40, rel=1e-5)
    assert found["eyes to nose"] == pytest.approx(24 / 40, rel=1e-5)
    assert found["mouth's width"] == pytest.approx(np.hypot(32, 4) / 40, rel=1e-5)


def test_where_no_face_is_found_there_are_no_proportions() -> None:
    face = Face(path="a", expression="neutral")
    assert np.isnan(meters([face], np.full((1, 112, 112, 3), 128, np.uint8))["eyes to mouth"])


def folder_of(place: Path, *faces: tuple[int, dict[str, object]]) -> Path:
    """A prepared folder of even faces: grey levels and what their rows say."""
    rows = []
    for number, (grey, row) in enumerate(faces):
        Image.new("RGB", (112, 112), (grey, grey, grey)).save(place / f"{number}.png")
        rows.append({"path": f"{number}.png", "align": "similarity", "expression": "anger", **row})
    write_manifest(place / "manifest.csv", rows)
    return place


def test_weak_frames_and_test_parts_are_left_out(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        (100, {"split": "train"}),
        (120, {"intensity": 0.9}),
        (10, {"split": "test"}),
        (10, {"intensity": 0.2}),
        (140, {"intensity": 0.0, "expression": "neutral"}),
    )
    assert set_of(folder)["grey level"] == pytest.approx(120)


def test_folders_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").mkdir()
    folder = folder_of(tmp_path / "one", (100, {"expression": "neutral"}))
    main([str(folder), str(folder)])
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split() == ["one", "one"]
    assert rows[0].split() == ["grey", "level", "100.00", "100.00"]


def test_no_folder_another_size_and_no_manifest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give folders"):
        main([])
    with pytest.raises(InputError, match=r"manifest\.csv"):
        set_of(tmp_path)
    Image.new("RGB", (96, 96)).save(tmp_path / "small.png")
    write_manifest(
        tmp_path / "manifest.csv", [{"path": "small.png", "align": "similarity", "expression": "fear"}]
    )
    with pytest.raises(InputError, match="96 pixels"):
        set_of(tmp_path)
