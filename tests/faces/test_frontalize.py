from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from relgan.data.face import Face
from relgan.data.manifest import read_manifest
from relgan.faces.align import TEMPLATE, align
from relgan.faces.detect import Detection
from relgan.faces.frontalize import MAX_YAW, frontalize, head_pose, source_points
from relgan.faces.prepare import prepare
from relgan.synthesis.mean_head import load_mean_head

Picture = NDArray[np.uint8]
Doubles = NDArray[np.float64]
GREEN = (0, 255, 0)
INNER = np.s_[30:95, 32:80]  # of 112: brows to chin, cheek to cheek


def shoot(points: NDArray[np.float32], yaw: float, roll: float = 0.0, side: int = 240) -> Doubles:
    """Points of the mean head turned to the picture's right: (n, 3) column, row, metres from the camera."""
    turn, tilt = np.radians(yaw), np.radians(roll)
    x, y, z = (points - load_mean_head().landmarks.mean(0)).astype(np.float64).T
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn) + 1.3
    flat = np.array([x, -z]) / y * 900
    flat = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) @ flat
    return np.stack([*(flat + side / 2 - 0.5), y], 1)


def landmarks(yaw: float, roll: float = 0.0) -> Doubles:
    return shoot(load_mean_head().landmarks, yaw, roll)[:, :2]


def paint(yaw: float, side: int = 240, width: float = 1.0) -> Picture:
    """The mean head before a green wall, in reds and blues that differ from place to place.

    Args:
        width: the head's, beside the mean head's.
    """
    head = load_mean_head()
    steps = np.arange(16) / 15
    weights = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-9])
    places = np.einsum("wk,fkc->fwc", weights, head.vertices[head.faces]).reshape(-1, 3)
    placed = (places * (width, 1, 1)).astype(np.float32)
    column, row, distance = shoot(placed, yaw, side=side).T
    pixel = np.round(row).astype(int) * side + np.round(column).astype(int)
    inside = (column > 0) & (column < side - 1) & (row > 0) & (row < side - 1)
    order = np.argsort(-distance[inside], kind="stable")  # the nearest is painted last
    x, z = places[inside][order, 0], places[inside][order, 2]
    red, blue = 128 + 100 * np.sin(z * 250), 128 + 100 * np.cos(np.abs(x) * 180)
    picture = np.full((side * side, 3), GREEN, np.uint8)
    picture[pixel[inside][order]] = np.stack([red, red * 0, blue], 1).astype(np.uint8)
    return picture.reshape(side, side, 3)


@pytest.mark.parametrize("yaw", [-40, -25, 0, 25, 40])
def test_the_pose_of_a_turned_head_is_found(yaw: float) -> None:
    pose = head_pose(landmarks(yaw, roll=12))
    assert pose.yaw == pytest.approx(yaw, abs=5)
    assert pose.pitch == pytest.approx(0, abs=6)
    assert pose.roll == pytest.approx(12, abs=3)
    assert pose.misfit < 0.05


def test_a_face_that_looks_ahead_is_the_aligned_face() -> None:
    picture, points = paint(0), TEMPLATE * 180 + (30, 20)
    assert head_pose(points).misfit < 1e-3
    difference = np.abs(frontalize(picture, points).astype(int) - align(picture, points))  # type: ignore[union-attr]
    assert difference.max() <= 8
    assert difference.mean() < 0.1


@pytest.mark.parametrize("yaw", [-30, -15, 15, 30])
def test_a_turned_head_comes_closer_to_its_front(yaw: float) -> None:
    truth = align(paint(0), landmarks(0))[INNER].astype(int)
    front = frontalize(paint(yaw), landmarks(yaw))
    assert front is not None
    after = np.abs(front[INNER] - truth).mean()
    before = np.abs(align(paint(yaw), landmarks(yaw))[INNER] - truth).mean()
    assert after < 0.7 * before


@pytest.mark.parametrize("yaw", [-40, -30, 15, 30, 40])
def test_no_background_is_on_the_face_though_it_is_narrower_than_the_mean(yaw: float) -> None:
    picture = paint(yaw, width=0.92)
    front = frontalize(picture, landmarks(yaw))
    assert front is not None
    assert front[INNER][..., 1].max() < 60


def test_a_mirrored_picture_gives_the_mirrored_face() -> None:
    picture, points = paint(25), landmarks(25)
    mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (picture.shape[1] - 1, 0)
    one, other = frontalize(picture, points), frontalize(picture[:, ::-1].copy(), mirrored)
    assert one is not None
    assert other is not None
    assert np.abs(one[:, ::-1].astype(int) - other).mean() < 1.5


def test_an_upside_down_picture_gives_the_same_face() -> None:
    picture, points = paint(25), landmarks(25)
    other = frontalize(np.rot90(picture, 2).copy(), picture.shape[0] - 1 - points)
    one = frontalize(picture, points)
    assert one is not None
    assert other is not None
    assert np.abs(one.astype(int) - other).mean() < 0.5


def test_hidden_points_are_on_the_far_side_and_the_landmarks_near_the_template() -> None:
    where, hidden = source_points(landmarks(30))
    assert hidden[20:90, 76:].mean() > 0.5  # the head looks to the picture's right
    assert hidden[20:90, :36].mean() < 0.05
    for point, place in zip(landmarks(30)[[0, 2, 3]], TEMPLATE[[0, 2, 3]] * 112 - 0.5, strict=True):
        row, column = np.unravel_index(
            np.argmin(((where - point) ** 2).sum(2) + 1e6 * (hidden > 0.5)), (112, 112)
        )
        assert np.hypot(column - place[0], row - place[1]) < 4


def test_any_size() -> None:
    small, large = (frontalize(paint(25), landmarks(25), size) for size in (56, 161))
    assert small is not None
    assert large is not None
    assert (small.shape, large.shape) == ((56, 56, 3), (161, 161, 3))
    assert (
        np.abs(np.asarray(Image.fromarray(large).resize((56, 56))).astype(int) - small)[15:48, 16:40].mean()
        < 12
    )


def test_what_cannot_be_turned_to_the_front_is_none() -> None:
    assert head_pose(landmarks(65)).yaw > MAX_YAW
    assert frontalize(paint(65), landmarks(65)) is None
    scattered = np.array([[10, 10], [200, 10], [20, 200], [200, 30], [30, 20]])
    assert frontalize(paint(0), scattered) is None
    assert frontalize(paint(0), np.full((5, 2), 100.0)) is None


class Seer:
    """A detector that knows where the landmarks are, by the picture's first pixel."""

    def __init__(self, **_: object) -> None: ...

    def __call__(self, pictures: list[Picture]) -> list[list[Detection]]:
        return [
            [Detection((20.0, 20.0, 200.0, 200.0), 0.9, landmarks(float(p[0, 0, 2])).astype(np.float32))]
            for p in pictures
        ]


def test_prepare_records_which_faces_were_turned_to_the_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relgan.faces.crops.Detector", Seer)
    faces = []
    for yaw in (0, 30, 70):
        picture = paint(yaw)
        picture[0, 0] = (0, 255, yaw)
        path = tmp_path / f"{yaw}.png"
        Image.fromarray(picture).save(path)
        faces.append(Face(str(path)))
    prepare(faces, tmp_path / "out", cropped=False, align="frontal", progress=False)
    table = read_manifest(tmp_path / "out")
    assert table["align"].tolist() == ["frontal", "frontal", "similarity"]
    written = np.asarray(Image.open(tmp_path / "out" / table["path"][1]))
    source = np.asarray(Image.open(faces[1].path))
    assert (written == frontalize(source, landmarks(30).astype(np.float32))).all()
    prepare(faces, tmp_path / "upright", cropped=False, progress=False)
    assert set(read_manifest(tmp_path / "upright")["align"]) == {"similarity"}
