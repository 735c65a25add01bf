"""``relgan predict`` and ``relgan embed`` as a user meets them, with every odd input we could think of."""

import csv as csv_module
import os
import struct
import subprocess
import sys
import zlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from relgan import annotate
from relgan.annotate import annotated
from relgan.cli import main
from relgan.predict import predict_files
from relgan.recognizer import Recognizer
from relgan.shots import Shot, Sighting
from relgan.timeline import BINS, TRACKS, Timeline, bridged
from relgan.tracks import Box

from .clips import CLASSES, moving, photograph, random_weights, write_clip, write_sound
from .test_cli import fails

KEYS = ["input", "frame", "time_s", "face", "x", "y", "w", "h", "detection"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size and holds next to nothing: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_odd_and_hostile_inputs_get_a_line_each_and_the_rest_goes_on(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "fotos übers Jahr"
    root.mkdir()
    picture = Image.fromarray(photograph((0, 100, 60)))
    good = {
        "plain.jpg": picture,
        "cmyk.jpg": picture.convert("CMYK"),
        "alpha.png": picture.convert("RGBA"),
        "palette.png": picture.quantize(),
        "deep.png": Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257),
        "grey.tif": picture.convert("L"),
        "鏡 with spaces.webp": picture,
    }
    for name, image in good.items():
        image.save(root / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(root / "turned.jpg", exif=exif)
    picture.save(root / "moving.gif", save_all=True, append_images=[Image.new("RGB", picture.size)] * 3)
    found = {*good, "turned.jpg", "moving.gif"}
    Image.new("RGB", (1, 1)).save(root / "one.png")
    (root / "zero.jpg").write_bytes(b"")
    (root / "huge.png").write_bytes(png_header(20_000, 20_000))
    (root / "bomb.png").write_bytes(png_header(2**31 - 1, 2**31 - 1))
    (root / "lies.png").write_bytes(png_header(5000, 5000))
    (root / "text.jpg").write_text("not a picture")
    (root / "cut.jpg").write_bytes((root / "plain.jpg").read_bytes()[:900])
    (root / "notes.txt").write_text("passed over")
    run("predict", root, tmp_path / "absent.png", "--weights", folder, "--csv", tmp_path / "out.csv")
    told = capsys.readouterr().err.splitlines()
    table = pd.read_csv(tmp_path / "out.csv")
    assert {Path(path).name for path in table.input} == found
    assert len(table) == len(found)
    lines = [line for line in told if line.startswith("skipped: ")]
    for name in (
        "one.png",
        "zero.jpg",
        "huge.png",
        "bomb.png",
        "lies.png",
        "text.jpg",
        "cut.jpg",
        "absent.png",
    ):
        assert sum(name in line for line in lines) == 1, name
    assert len(lines) == 8
    assert any("1 other files" in line for line in told)
    assert f"{len(found)} faces" in told[-1]
    # Upright, the face of the turned picture lies where that of the others does.
    by_name = table.set_index(table.input.map(lambda path: Path(path).name))
    assert by_name.x["turned.jpg"] == pytest.approx(by_name.x["plain.jpg"], abs=6)


def test_the_table_has_the_columns_of_the_contract(tmp_path: Path, folder: Path) -> None:
    Image.fromarray(photograph((0, 10, 60), (1, 190, 60))).save(tmp_path / "two.png")
    for name in ("out.csv", "out.parquet"):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        run("predict", tmp_path / "two.png", "--weights", folder, "--csv", tmp_path / name)
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table.columns) == [*KEYS, *CLASSES, "expression"]
    assert table.face.tolist() == [0, 1]
    assert table.frame.isna().all()
    np.testing.assert_allclose(table[CLASSES].sum(1), 1, atol=1e-4)
    same = pd.read_parquet(tmp_path / "out.parquet")
    assert list(same.columns) == list(table.columns)
    np.testing.assert_allclose(same[CLASSES], table[CLASSES], atol=1e-5)
    assert same.expression.tolist() == table.expression.tolist()
    assert not list(tmp_path.glob("*.part"))


def test_boxes_count_in_pixels_of_the_file(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from relgan import pictures
    from relgan.faces import image

    large = Image.fromarray(photograph((0, 100, 60))).resize((960, 720))
    large.save(tmp_path / "large.png")
    recognizer = Recognizer.load(folder)
    exact = recognizer.predict(tmp_path / "large.png")
    monkeypatch.setattr(image, "MAX_SIDE", 480)
    monkeypatch.setattr(pictures, "MAX_SIDE", 480)
    reduced = recognizer.predict(tmp_path / "large.png")
    np.testing.assert_allclose(reduced[list("xywh")], exact[list("xywh")], atol=25)


def test_codes_come_with_the_same_keys(tmp_path: Path, folder: Path) -> None:
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "one.png")
    run("embed", tmp_path / "one.png", "--weights", folder, "--out", tmp_path / "codes.csv")
    table = pd.read_csv(tmp_path / "codes.csv")
    assert list(table.columns) == [*KEYS, *(f"code_{k:02d}" for k in range(30))]
    recognizer = Recognizer.load(folder)
    shots = next(iter(recognizer._shots([("x", str(tmp_path / "one.png"))], False, 1, None, print)))
    expected = recognizer.transform(shots[0].faces[0].crop)
    np.testing.assert_allclose(table.iloc[:, len(KEYS) :], expected, atol=1e-5)


def test_rows_are_on_the_disk_while_work_goes_on(tmp_path: Path, folder: Path) -> None:
    for k in range(40):
        Image.fromarray(photograph((0, 10 + 4 * k, 60))).save(tmp_path / f"{k:02d}.png")
    seen = []

    def warn(_: str) -> None:  # the broken picture stands after the first batch
        with (tmp_path / "out.csv").open(encoding="utf-8") as stream:
            seen.append(sum(1 for _ in csv_module.reader(stream)) - 1)

    (tmp_path / "20.png").write_bytes(b"broken")
    predict_files(
        [tmp_path], Recognizer.load(folder), csv=str(tmp_path / "out.csv"), warn=warn, progress=False
    )
    assert seen == [16]
    assert len(pd.read_csv(tmp_path / "out.csv")) == 39


def test_videos_have_frames_times_and_tracks_and_a_plot(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "two people.mp4", moving(30, people=2), sound=True)
    write_sound(tmp_path / "in" / "song.m4a")
    (tmp_path / "in" / "broken.mp4").write_bytes(b"nothing")
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "in" / "photo.png")
    common = ("--weights", folder, "--every", 3)
    run("predict", tmp_path / "in", *common, "--csv", tmp_path / "out.csv", "--annotate", tmp_path / "seen")
    told = capsys.readouterr().err
    assert "song.m4a: only sound" in told
    assert "broken.mp4: not a readable video" in told
    table = pd.read_csv(tmp_path / "out.csv")
    video = table[table.input.str.endswith("two people.mp4")]
    assert video.groupby("face").size().tolist() == [30, 30]
    np.testing.assert_allclose(video.time_s, video.frame / 25, atol=2e-3)
    assert video.detection.notna().sum() == 20
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == [
        "photo.jpg", "two_people.mp4", "two_people.png",
    ]  # fmt: skip
    with Image.open(tmp_path / "seen" / "photo.jpg") as copy:
        assert copy.size == (320, 240)
        changed = np.abs(np.asarray(copy).astype(int) - photograph((0, 10, 60))).max(2) > 60
        assert changed.sum() > 500
    run("predict", tmp_path / "in" / "two people.mp4", *common, "--fps", 5)
    assert "face 1  0.0 to 1.0 s, 6 frames" in capsys.readouterr().out


def test_faces_are_printed_where_no_table_is_asked_for(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "one.png")
    run("predict", tmp_path / "one.png", "--weights", folder)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1
    assert out[0].startswith(f"{tmp_path / 'one.png'}  face 0  ")
    run("predict", tmp_path / "one.png", "--weights", folder, "--csv", "-")
    assert capsys.readouterr().out.splitlines()[0] == ",".join([*KEYS, *CLASSES, "expression"])


def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "one.png")
    (tmp_path / "bad.png").write_bytes(b"x")
    one, csv = tmp_path / "one.png", tmp_path / "out.csv"
    use = ("--weights", folder)
    assert "no such file" in fails(capsys, "predict", tmp_path / "no.png", *use, "--csv", csv)
    assert "give pictures" in fails(capsys, "predict", *use, "--csv", csv)
    assert "card.json" in fails(capsys, "predict", one, "--weights", tmp_path, "--csv", csv)
    assert "--every 0" in fails(capsys, "predict", one, *use, "--every", 0, "--csv", csv)
    assert "--fps 0" in fails(capsys, "predict", one, *use, "--fps", 0, "--csv", csv)
    assert "min_face" in fails(capsys, "predict", one, *use, "--min-face", 1, "--csv", csv)
    assert ".csv or .parquet" in fails(capsys, "predict", one, *use, "--csv", tmp_path / "out.xlsx")
    assert "cannot be written" in fails(capsys, "predict", one, *use, "--csv", one / "out.csv")
    assert "a folder" in fails(capsys, "predict", one, *use, "--csv", tmp_path)
    assert "--views 3: give" in fails(capsys, "predict", one, *use, "--views", 3)
    assert "an empty name" in fails(capsys, "predict", "", *use)
    assert "choose another folder" in fails(capsys, "predict", one, *use, "--annotate", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png", "one.png"]
    assert "bad.png" in fails(capsys, "predict", tmp_path / "bad.png", *use, "--csv", csv)


def test_a_picture_without_a_face_is_no_error(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "grey.png")
    run("predict", tmp_path / "grey.png", "--weights", folder, "--csv", tmp_path / "out.csv")
    assert "grey.png: no face found of at least 20 pixels" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "out.csv")) == 0
    run("predict", tmp_path / "grey.png", "--weights", folder, "--csv", tmp_path / "out.csv", "--cropped")
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "one.png")
    (tmp_path / "full.csv").symlink_to("/dev/full")
    line = fails(capsys, "predict", tmp_path / "one.png", "--weights", folder, "--csv", tmp_path / "full.csv")
    assert "cannot be written" in line


@pytest.mark.skipif(os.name == "nt", reason="names of bytes are a matter of POSIX")
def test_names_that_are_not_utf8_come_through(tmp_path: Path, folder: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Image.fromarray(photograph((0, 10, 60))).save(tmp_path / "plain.png")
    try:
        os.rename(tmp_path / "plain.png", name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    out = tmp_path.parent / f"{tmp_path.name}.csv"
    run("predict", tmp_path, "--weights", folder, "--csv", out)
    assert "caf\\xe9.png" in out.read_text(encoding="utf-8")
    pytest.importorskip("pyarrow")
    run("predict", tmp_path, "--weights", folder, "--csv", out.with_suffix(".parquet"))
    run("predict", tmp_path, "--weights", folder)


def test_a_closed_pipe_ends_quietly(tmp_path: Path, folder: Path) -> None:
    for k in range(20):
        Image.fromarray(photograph((0, 10, 60))).save(tmp_path / f"{k}.png")
    code = "from relgan.cli import main; import sys; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "predict", str(tmp_path), "--weights", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(120) == 141
    assert "Traceback" not in told


def test_a_timeline_is_bounded_and_keeps_the_means() -> None:
    line = Timeline(["anger", "fear"])
    for k in range(40_000):
        line.add(k / 10, 0, np.array([0.25, 0.75]))
        if k % 100 == 0:
            line.add(k / 10, 1 + k, np.array([1.0, 0.0]))
    assert len(line.tracks) == TRACKS
    assert line.tracks[0].sums.shape == (BINS, 2)
    assert line.tracks[0].counts.sum() == 40_000
    assert line.tracks[0].sums.sum(0) == pytest.approx([10_000, 30_000])
    assert line.width * BINS > 4000
    assert line.forgotten == 401 - TRACKS
    assert line.lines()[0] == "face 0  0.0 to 3999.9 s, 40000 frames  fear 100 %"


def test_who_can_still_come_back_is_not_forgotten() -> None:
    line = Timeline(["anger", "fear"])
    for person in range(TRACKS):
        for k in range(25):
            line.add(person + k / 25, person, np.array([0.7, 0.3]))
    for k in range(1000):  # two more people, in every frame
        for person in (TRACKS, TRACKS + 1):
            line.add(TRACKS + k / 25, person, np.array([0.2, 0.8]))
    assert [line.tracks[person].rows for person in (TRACKS, TRACKS + 1)] == [1000, 1000]
    assert (len(line.tracks), line.forgotten) == (TRACKS, 2)


def test_frames_at_the_edges_of_bins_fall_into_bins_of_their_own() -> None:
    timeline = Timeline(["anger", "fear"])
    for frame in range(40):
        timeline.add(frame / 10, 0, np.array([0.25, 0.75]))
    assert timeline.tracks[0].counts[:40].tolist() == [1] * 40


def test_short_holes_are_bridged_and_long_ones_left() -> None:
    means = np.array([[1.0], [0.0], [2.0], [0.0], [0.0], [0.0], [3.0]])
    seen = means[:, 0] > 0
    assert bridged(means, seen, 2)[:, 0].tolist() == [1, 1, 2, 0, 0, 0, 3]


@pytest.mark.parametrize("verb", [["predict", "--csv"], ["embed", "--out"]])
@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet"])
def test_a_run_that_reads_nothing_leaves_the_table_before(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], verb: list[str], name: str
) -> None:
    out, empty = tmp_path / name, tmp_path / "empty.png"
    empty.touch()
    command = (verb[0], empty, "--weights", folder, verb[1], out)
    assert "nothing could be read" in fails(capsys, *command)
    assert not out.exists()
    Image.fromarray(photograph((0, 100, 60))).save(tmp_path / "one.png")
    run(verb[0], tmp_path / "one.png", "--weights", folder, verb[1], out)
    before = out.read_bytes()
    assert "nothing could be read" in fails(capsys, *command)
    assert out.read_bytes() == before
    Image.new("RGB", (200, 200)).save(tmp_path / "blank.png")
    run(verb[0], tmp_path / "blank.png", "--weights", folder, verb[1], out)
    table = pd.read_csv(out) if name.endswith("csv") else pd.read_parquet(out)
    assert len(table) == 0
    assert list(table.columns[: len(KEYS)]) == list(KEYS)


def test_panels_of_neighbours_keep_apart_and_small_pictures_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    crop, rows = np.zeros((112, 112, 3), np.uint8), np.array([[0.7, 0.2, 0.1]] * 3)
    faces = [Sighting(k, (20.0 + 130 * k, 60.0, 90.0, 110.0), 0.9, None, crop) for k in range(3)]
    shot = Shot("a", None, None, np.full((256, 512, 3), 128, np.uint8), 1.0, faces)
    draw, panels = annotate._panel, []

    def noted(*arguments: object) -> Box:
        panels.append(draw(*arguments))  # type: ignore[arg-type]
        return panels[-1]

    monkeypatch.setattr(annotate, "_panel", noted)
    annotated(shot, rows, ["anger", "fear", "neutral"], numbers=True)
    boxes = [*panels, *(face.box for face in faces)]
    assert len(panels) == 3
    assert not any(annotate._overlap(one, other) for one, other in combinations(boxes, 2))
    small = Shot("a", None, None, np.full((48, 48, 3), 128, np.uint8), 1.0, [
        Sighting(0, (0.0, 0.0, 48.0, 48.0), None, None, crop)
    ])  # fmt: skip
    seen = annotated(small, rows[:1], ["anger", "fear", "neutral"])
    assert seen.shape == (336, 336, 3)
    assert (seen[120:330, 8:-8] == 128).all()


def test_panels_leave_the_lower_face_free() -> None:
    """There is no room below: above, beside, or on the brow in small letters."""
    probabilities = np.array([[0.7, 0.2, 0.1]])
    for size, box in (
        ((300, 300), (80, 120, 150, 170)),
        ((500, 200), (60, 5, 150, 190)),
        ((160, 200), (2, 2, 155, 195)),
    ):
        picture = np.full((size[1], size[0], 3), 128, np.uint8)
        face = Sighting(0, box, 0.9, None, np.zeros((112, 112, 3), np.uint8))
        seen = annotated(
            Shot("a", None, None, picture, 1.0, [face]), probabilities, ["anger", "fear", "neutral"]
        )
        x, y, width, height = (int(value) * len(seen) // size[1] for value in box)
        lower = seen[y + height // 2 : y + height - 8, x + 8 : x + width - 8]
        assert (lower == 128).all()
        assert (seen != 128).mean() > 0.02
