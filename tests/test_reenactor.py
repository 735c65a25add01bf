"""Reenactment for use: pictures, videos, and the face put back where it was."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from relgan.cli import main
from relgan.cli_use import Reenact
from relgan.data.augment import CENTRE, views
from relgan.errors import InputError
from relgan.reenactor import STRENGTH, Reenactor, _Followed, paste_face, reenact_files
from relgan.shots import Shot, Sighting, whole

from .clips import moving, photograph, random_weights, synthetic_face, write_clip
from .test_cli import fails


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def reenactor(folder: Path) -> Reenactor:
    return Reenactor.load(folder)


def test_the_output_is_the_generators(reenactor: Reenactor) -> None:
    source, target = synthetic_face(0), synthetic_face(1)
    crops = torch.from_numpy(np.stack([source, target]))
    pictures = views(crops, torch.full((2,), CENTRE[0]), 32)
    with torch.no_grad():
        expected = reenactor.weights.generator(pictures[:1], pictures[1:]).picture[0]
    found = torch.from_numpy(np.array(reenactor(source, target, cropped=True, strength=1)))
    assert found.shape == (32, 32, 3)
    assert (found.permute(2, 0, 1).float() / 127.5 - 1 - expected).abs().max() < 0.005
    again = pickle.loads(pickle.dumps(reenactor))(source, target, cropped=True, strength=1)
    assert np.array_equal(np.array(again), found.numpy())


def test_strength_goes_from_the_targets_expression_to_the_sources_and_beyond(reenactor: Reenactor) -> None:
    source, target = synthetic_face(0), synthetic_face(1)

    def shown(expression: np.ndarray, strength: float) -> np.ndarray:
        return np.array(reenactor(expression, target, cropped=True, strength=strength), np.float64)

    own, full, beyond = shown(target, 1), shown(source, 1), shown(source, 2)
    assert abs(shown(source, 0) - own).max() <= 1
    assert abs(beyond - own).mean() > abs(full - own).mean() > 0


def test_a_grey_target_stays_grey(reenactor: Reenactor) -> None:
    target = synthetic_face(1).copy()
    target[:] = target.mean(2, keepdims=True).astype(np.uint8)
    face = np.array(reenactor(synthetic_face(0), target, cropped=True), np.int64)
    assert np.ptp(face, axis=2).max() == 0


def test_pictures_are_searched_for_the_main_face(reenactor: Reenactor) -> None:
    target = photograph((1, 104, 60), (0, 4, 4))
    face = reenactor(photograph((0, 20, 30)), target)
    assert face.size == (32, 32)
    with pytest.raises(InputError, match="no face found"):
        reenactor(np.zeros((90, 90, 3), np.uint8), target)


def test_where_the_generator_changed_nothing_the_picture_stays_as_sharp_as_it_was() -> None:
    picture = photograph((0, 101, 47))
    sighting = whole(picture[47:159, 101:213])
    target = picture[47:159, 101:213].copy()
    before = cv2.resize(target[8:104, 8:104], (32, 32))
    assert np.array_equal(paste_face(before, target, sighting, before), target)
    brighter = paste_face(np.clip(before.astype(int) + 20, 0, 255).astype(np.uint8), target, sighting, before)
    middle = np.s_[50:62, 50:62]
    assert np.abs(brighter[middle].astype(int) - target[middle] - 20).mean() < 3


def test_where_something_else_is_seen_the_targets_finest_lines_go() -> None:
    """The line of closed lips, finer than the generator's pixels, must not stay in a mouth that opens."""
    picture = np.full((320, 320, 3), 128, np.uint8)
    picture[200] = 0
    before = np.full((32, 32, 3), 128, np.uint8)  # the line is too thin to be seen there
    opened, lighter = before.copy(), before.copy()
    opened[12:28, 8:24] = 40
    lighter[12:28, 8:24] = 136
    sighting = whole(picture)
    there = np.s_[199:202, 150:170]
    assert np.ptp(paste_face(opened, picture, sighting, before)[there]) < 20
    assert np.ptp(paste_face(lighter, picture, sighting, before)[there]) > 100


def test_a_face_is_pasted_where_it_came_from() -> None:
    """The target's own view, put back, must give the target again."""
    picture = photograph((0, 101, 47))
    sighting = whole(picture[47:159, 101:213])
    inner = picture[47 + 8 : 159 - 8, 101 + 8 : 213 - 8]
    pasted = paste_face(np.ascontiguousarray(inner), picture[47:159, 101:213].copy(), sighting)
    assert np.abs(pasted.astype(int) - picture[47:159, 101:213]).max() <= 3


def test_pasting_changes_the_face_and_nothing_else(reenactor: Reenactor) -> None:
    target = photograph((1, 104, 60))
    pasted = np.array(reenactor(photograph((0, 20, 30)), target, paste=True))
    assert pasted.shape == target.shape
    changed = (pasted != target).any(2)
    assert changed[100:130, 140:180].mean() > 0.9
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 60
    assert rows.max() < 172
    assert columns.min() >= 104
    assert columns.max() < 216


def test_a_driving_video_gives_a_video_with_its_times(reenactor: Reenactor, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    times = [k / 25 if k < 10 else 1 + k / 10 for k in range(20)]
    clip = write_clip(tmp_path / "drive.mp4", moving(20), times=lambda k: times[k])
    Image.fromarray(photograph((1, 104, 60))).save(tmp_path / "target.png")
    for paste, size in ((False, (32, 32)), (True, (320, 240))):
        out = tmp_path / f"out{paste}.mp4"
        written = reenact_files(str(clip), str(tmp_path / "target.png"), out, reenactor, paste=paste, every=3)
        assert written >= 18
        with av.open(str(out)) as container:
            frames = list(container.decode(video=0))
        assert (frames[0].width, frames[0].height) == size
        assert frames[-1].time == pytest.approx(times[-1], abs=1e-3)


def test_bad_strengths_and_videos_are_refused_in_python_too(reenactor: Reenactor) -> None:
    face = photograph((0, 60, 60))
    with pytest.raises(InputError, match="strength 4: take a number from 0 to 3"):
        reenactor(face, face, strength=4)
    with pytest.raises(InputError, match=r"clip\.mp4: is a video; .*relgan reenact --source"):
        reenactor("clip.mp4", face)


def test_the_command_line_has_the_defaults_of_python() -> None:
    assert (Reenact.weights, Reenact.strength) == (None, STRENGTH)


def test_reenact_on_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, person in (("a", 0), ("b", 1)):
        Image.fromarray(photograph((person, 60, 60))).save(tmp_path / f"{name}.png")
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    common = ["--weights", folder, "--source", a, "--target", b]
    main(["reenact", *map(str, common), "--out", str(tmp_path / "c.png"), "--paste"])
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == (320, 240)
    assert "c.png" in capsys.readouterr().out
    before = sorted(tmp_path.iterdir())
    assert "take .png or .jpg" in fails(capsys, "reenact", *common, "--out", tmp_path / "c.xyz")
    assert "take a number from 0 to 3" in fails(
        capsys, "reenact", *common, "--strength", "-1", "--out", tmp_path / "d.png"
    )
    assert "is one of the inputs" in fails(capsys, "reenact", *common, "--out", b)
    assert "cannot be written" in fails(capsys, "reenact", *common, "--out", a / "c.png")
    Image.new("RGB", (99, 99)).save(tmp_path / "grey.png")
    common[-1] = tmp_path / "grey.png"
    line = fails(capsys, "reenact", *common, "--out", tmp_path / "d.png")
    assert "grey.png: no face found" in line
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "grey.png"]


def test_the_face_of_a_video_is_followed_though_it_is_missed_for_a_moment() -> None:
    followed, nothing = _Followed(), np.zeros((4, 4, 3), np.uint8)

    def seen(time: float, *faces: int) -> int | None:
        boxes = [Sighting(k, (0, 0, 10 - k, 10), 0.9, None, nothing) for k in faces]
        found = followed.find(Shot("a.mp4", 0, time, nothing, 1.0, boxes))
        return None if found is None else found.face

    assert [seen(k / 10, *faces) for k, faces in enumerate([(0, 1), (1,), (), (0, 1)])] == [0, None, None, 0]
    assert [seen(t, 1) for t in (1.0, 1.5)] == [None, 1]  # away for longer than a second
    assert seen(1.6, 2, 3) == 2  # all new: another scene
