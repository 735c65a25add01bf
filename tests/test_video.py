"""Videos: times, turns, damage, tracks; memory that does not grow."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from relgan.errors import InputError
from relgan.faces.detect import Detector
from relgan.pictures import read_picture
from relgan.tracks import Scene
from relgan.video import Video, VideoWriter, video_shots

from .clips import moving, photograph, write_clip, write_sound

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_frames_carry_the_times_of_the_container(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.54, 2.0]  # a variable frame rate
    path = write_clip(tmp_path / "clip.mp4", moving(5), times=lambda k: times[k])
    with Video(str(path)) as video:
        frames = list(video.frames())
        assert video.broken == 0
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-3)
    assert frames[0].picture.shape == (240, 320, 3)


def test_times_count_from_the_beginning_of_the_container(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.ts", moving(3), times=lambda k: 7 + k / 25)
    with Video(str(path)) as video:
        assert [frame.time_s for frame in video.frames()] == pytest.approx([0, 0.04, 0.08], abs=2e-3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_marked_rotation_is_undone(tmp_path: Path, degrees: int) -> None:
    upright = photograph((0, 40, 60))
    # A camera that was turned stores the picture turned, with a mark of how it is to be shown.
    stored = np.rot90(upright, -degrees // 90)
    path = write_clip(tmp_path / "turned.mp4", iter([stored] * 3), rotate=degrees)
    with Video(str(path)) as video:
        frame = next(video.frames())
    assert frame.picture.shape == upright.shape
    assert np.abs(frame.picture.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_frame_named_by_its_place_is_upright_too(tmp_path: Path, degrees: int) -> None:
    upright = photograph((0, 40, 60))
    stored = np.rot90(upright, -degrees // 90)
    path = write_clip(tmp_path / "turned.mp4", iter([stored] * 3), rotate=degrees)
    found = read_picture(f"{path}#at=0.5")[0]
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("fps", [None, 5])
def test_where_the_clock_starts_again_time_goes_on(tmp_path: Path, fps: float | None) -> None:
    parts = [write_clip(tmp_path / f"{k}.ts", moving(60)).read_bytes() for k in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    notes: list[str] = []
    shots = [
        shot
        for batch in video_shots(str(tmp_path / "both.ts"), Detector(), fps=fps, note=notes.append)
        for shot in batch
    ]
    times = [shot.time_s for shot in shots if shot.time_s is not None]
    assert len(times) == (120 if fps is None else 24)
    assert min(np.diff(times)) > 0.03
    assert times[-1] == pytest.approx(4.76 if fps is None else 4.6, abs=0.05)
    assert any("clock starts again (1 x)" in line for line in notes)


def test_where_there_is_no_x264_videos_are_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for k, picture in enumerate(moving(5)):
            writer.write(picture, k / 29.97)
    with Video(str(tmp_path / "out.mp4")) as video:
        assert [frame.time_s for frame in video.frames()] == pytest.approx(np.arange(5) / 29.97, abs=1e-3)


def test_fewer_frames_a_second(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", moving(50))
    with Video(str(path), fps=5) as video:
        frames = list(video.frames())
        assert video.expected == 10
    assert [frame.number for frame in frames] == list(range(0, 50, 5))


def test_broken_packets_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", moving(60), codec="mpeg4")
    data = bytearray(path.read_bytes())
    chunks = [found.end() for found in re.finditer(b"00dc", data[: data.rindex(b"idx1")])]
    packets = [end + 4 for end in chunks if any(data[end : end + 4])]  # others are of size 0
    assert len(packets) == 60
    for start in packets[20:40:5]:
        data[start : start + 16] = b"\xff" * 16  # the picture's header
    path.write_bytes(bytes(data))
    with Video(str(path)) as video:
        count = sum(1 for _ in video.frames())
        assert video.broken == 4
    assert count == 56
    path.write_bytes(bytes(data[: len(data) // 2]))  # cut off
    with Video(str(path)) as video:
        assert 10 < sum(1 for _ in video.frames()) < 60


def test_the_turn_of_telephones_is_the_right_one(tmp_path: Path) -> None:
    """The matrix that telephones write for a picture to be turned clockwise by 90 degrees."""
    path = write_clip(tmp_path / "turned.mp4", moving(2), rotate=270)
    data = path.read_bytes()
    matrix = struct.unpack(">9i", data[data.index(b"tkhd") + 44 :][:36])
    assert matrix == (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)


def test_a_video_that_was_cut_off_is_noted(tmp_path: Path, detector: Detector) -> None:
    whole = write_clip(tmp_path / "whole.mkv", moving(100))
    content = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) // 2])
    told: list[str] = []
    assert sum(map(len, video_shots(str(whole), detector, every=50, note=told.append))) == 100
    assert not told
    frames = sum(map(len, video_shots(str(cut), detector, every=50, note=told.append)))
    assert 20 < frames < 75
    assert "its pictures end after" in told[-1]
    assert "of 4.0 s" in told[-1]


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with VideoWriter(Path("10:20.mp4")) as writer:
        writer.write(np.full((32, 32, 3), 200, np.uint8), 0)
    with Video("10:20.mp4") as video:
        assert len(list(video.frames())) == 1


def test_where_no_video_can_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"folder\.mp4: a folder"):
        VideoWriter(tmp_path / "folder.mp4")
    with pytest.raises(InputError, match=r"x\.mp4: cannot be written"):
        VideoWriter(tmp_path / "file" / "x.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.mp4"]


def test_what_is_no_video_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    write_sound(tmp_path / "sound.mp4")
    for name, reason in (("text", "not a readable video"), ("empty", "0 bytes"), ("sound", "only sound")):
        with pytest.raises(InputError, match=reason) as error:
            Video(str(tmp_path / f"{name}.mp4"))
        assert "\n" not in str(error.value)
        assert f"{name}.mp4" in str(error.value)


def test_a_video_without_frames(tmp_path: Path, detector: Detector) -> None:
    with av.open(str(tmp_path / "none.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        container.start_encoding()
    with pytest.raises(InputError, match=r"none\.mkv"):
        list(video_shots(str(tmp_path / "none.mkv"), detector))


@pytest.mark.parametrize("every", [1, 5])
def test_faces_keep_their_numbers_and_are_followed(tmp_path: Path, detector: Detector, every: int) -> None:
    path = write_clip(tmp_path / "two.mp4", moving(40, people=2, step=3))
    shots = [shot for batch in video_shots(str(path), detector, every=every) for shot in batch]
    assert [shot.frame for shot in shots] == list(range(40))
    both = [shot for shot in shots if len(shot.faces) == 2]
    assert len(both) >= 38
    first = sorted(both[0].faces, key=lambda face: face.box[1])
    for shot in both:
        assert [face.face for face in shot.faces] == [0, 1]
        assert shot.frame is not None
        for person, face in enumerate(sorted(shot.faces, key=lambda f: f.box[1])):
            x, y, width, height = face.box
            assert face.face == first[person].face
            # The middle of the pasted face, give or take what a face differs from its frame.
            assert x + width / 2 == pytest.approx(10 + 3 * shot.frame + 56, abs=9)
            assert y + height / 2 == pytest.approx(5 + 118 * person + 58, abs=14)
            assert (face.detection is None) == (shot.frame % every != 0)


def test_followed_landmarks_stay_on_the_face(tmp_path: Path, detector: Detector) -> None:
    path = write_clip(tmp_path / "one.mp4", moving(31, step=4))
    exact = [s for batch in video_shots(str(path), detector) for s in batch]
    follow = [s for batch in video_shots(str(path), detector, every=15) for s in batch]
    away = [
        np.abs(a.faces[0].landmarks - b.faces[0].landmarks).max()
        for a, b in zip(exact, follow, strict=True)
        if a.faces and b.faces
    ]
    assert len(away) >= 30
    assert max(away) < 6


def test_a_cut_begins_new_tracks(tmp_path: Path, detector: Detector) -> None:
    light = [np.maximum(photograph((0, 100, 60)), 0) for _ in range(10)]
    dark = photograph((1, 100, 60)).copy()
    dark[:, :90], dark[:, 220:] = 250, 250
    path = write_clip(tmp_path / "cut.mp4", iter([*light, *[dark] * 10]))
    for every in (1, 20):
        shots = [shot for batch in video_shots(str(path), detector, every=every) for shot in batch]
        assert {face.face for shot in shots[:10] for face in shot.faces} == {0}
        assert {face.face for shot in shots[10:] for face in shot.faces} == {1}


def test_written_videos_keep_times_and_appear_whole(tmp_path: Path) -> None:
    path, times = tmp_path / "out.mp4", [0.0, 0.1, 0.9, 1.0]
    with VideoWriter(path) as writer:
        for time in times:
            writer.write(np.full((33, 47, 3), 200, np.uint8), time)  # odd sides
            assert not path.exists()
    with Video(str(path)) as video:
        frames = list(video.frames())
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-3)
    assert frames[0].picture.shape == (34, 48, 3)
    writer = VideoWriter(tmp_path / "never.mp4")
    writer.write(np.zeros((32, 32, 3), np.uint8), 0)
    writer.close(keep=False)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    with pytest.raises(InputError, match=r"\.mp4"):
        VideoWriter(tmp_path / "out.xyz")


PEAK = """
import resource, sys
from relgan.faces.detect import Detector
from relgan.video import video_shots
class Blind(Detector):
    def __call__(self, pictures): return [[] for _ in pictures]
print(sum(len(batch) for batch in video_shots(sys.argv[1], Blind())))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for seconds in (4, 40):
        clip = write_clip(tmp_path / f"{seconds}.mp4", moving(25 * seconds))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(clip)], capture_output=True, text=True, check=True, timeout=300
        )
        frames, peak = map(int, done.stdout.split())
        assert frames == 25 * seconds
        peaks.append(peak)
    # 900 more frames are 207 MB of pixels.
    assert peaks[1] - peaks[0] < (60_000_000 if sys.platform == "darwin" else 60_000)


def test_two_people_before_one_backdrop_are_a_cut_and_movement_is_none() -> None:
    rng = np.random.default_rng(0)
    backdrop = rng.integers(80, 120, (120, 160)).astype(np.uint8)
    other = backdrop.copy()
    other[20:100, 40:110] += 70
    scene = Scene()
    noise = [backdrop + rng.integers(0, 3, backdrop.shape, np.uint8) for _ in range(6)]
    assert not any(scene.cut(frame) for frame in noise)
    assert scene.cut(other)
    assert not any(scene.cut(np.roll(other, 2 * k, axis=1)) for k in range(10))
    moving_camera = Scene()
    assert not any(moving_camera.cut(np.roll(other, 24 * k, axis=1)) for k in range(8))
