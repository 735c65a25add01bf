import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from relgan.data.face import Face, read_bytes
from relgan.data.manifest import POINTS, load_prepared, read_manifest
from relgan.errors import InputError
from relgan.faces import prepare as module
from relgan.faces import workers
from relgan.faces.align import TEMPLATE, align
from relgan.faces.crops import Item, Result, Settings, choose, crop_names
from relgan.faces.detect import Detection
from relgan.faces.image import decode
from relgan.faces.prepare import prepare

Draw = Callable[[int, int], NDArray[np.uint8]]


def save(picture: NDArray[np.uint8], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return str(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture
def crops(tmp_path: Path) -> list[Face]:
    """70 pictures of 48x48 that need no detection, with one that is broken."""
    generator = np.random.default_rng(0)
    faces = []
    for index in range(70):
        path = tmp_path / "data" / f"S{index // 10:03d}" / f"{index}.png"
        save(generator.integers(0, 256, (48, 48, 3), np.uint8), path)
        faces.append(Face(str(path), "happiness", f"S{index // 10:03d}", frame=index % 3))
    Path(faces[33].path).write_bytes(b"")
    return faces


def test_real_portraits(jaffe: list[Face], tmp_path: Path) -> None:
    done = prepare(jaffe[::10], tmp_path / "out", cropped=False, progress=False)
    assert (done.faces, done.failures) == (22, 0)
    table = read_manifest(tmp_path / "out")
    assert table["source"].tolist() == [face.path for face in jaffe[::10]]
    assert table["path"][0] == "faces/KA.AN1.39.png"
    assert set(table["align"]) == {"similarity"}
    assert set(table["faces_found"]) == {1}
    assert (table["left_eye_x"] < table["right_eye_x"]).all()
    faces, pictures = load_prepared(tmp_path / "out")
    assert pictures.shape == (22, 112, 112, 3)
    assert [face.subject for face in faces] == [face.subject for face in jaffe[::10]]


def test_any_number_of_workers_gives_the_same_files(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_ALONE", 0)
    alone = prepare(crops, tmp_path / "one", cropped=True, workers=1, progress=False)
    several = prepare(crops, tmp_path / "two", cropped=True, workers=2, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (alone.faces, alone.failures) == (several.faces, several.failures) == (69, 1)


def test_a_broken_picture_is_listed_and_the_rest_go_on(crops: list[Face], tmp_path: Path) -> None:
    prepare(crops, tmp_path / "out", cropped=True, progress=False)
    (failure,) = rows(tmp_path / "out" / "failures.csv")
    assert failure["path"] == crops[33].path
    assert failure["reason"].startswith("the file is empty")
    manifest = rows(tmp_path / "out" / "manifest.csv")
    assert [row["source"] for row in manifest] == [face.path for face in crops if face is not crops[33]]
    assert {row["align"] for row in manifest} == {"placed"}
    assert manifest[5]["frame"] == "2"
    assert manifest[5]["subject"] == "S000"


def test_faces_that_are_aligned_already_are_only_resized(crops: list[Face], tmp_path: Path) -> None:
    prepare(crops, tmp_path / "out", cropped=False, aligned=True, progress=False)
    assert {row["align"] for row in rows(tmp_path / "out" / "manifest.csv")} == {"resized"}


def test_a_crop_is_brought_where_the_whole_picture_would_bring_it(jaffe: list[Face], tmp_path: Path) -> None:
    prepare(jaffe[:3], tmp_path / "whole", cropped=False, progress=False)
    whole = rows(tmp_path / "whole" / "manifest.csv")
    faces, corners, side = [], [], 150
    for row in whole:
        picture = decode(read_bytes(row["source"]), row["source"])
        left = round(float(row["x"]) + float(row["w"]) / 2 - side / 2)
        top = round(float(row["y"]) + float(row["h"]) / 2 - side / 2)
        path = tmp_path / f"{len(faces)}.png"
        faces.append(Face(save(picture[top : top + side, left - 4 : left + side + 4], path)))  # not square
        corners.append((left - 4, top))
    prepare(faces, tmp_path / "crops", cropped=True, progress=False)
    off = []
    for row, first, corner in zip(rows(tmp_path / "crops" / "manifest.csv"), whole, corners, strict=True):
        assert row["align"] == "similarity"
        for point in POINTS:
            here = [float(row[f"{point}_{axis}"]) for axis in "xy"]
            off.append(np.add(here, corner) - [float(first[f"{point}_{axis}"]) for axis in "xy"])
    assert np.abs(off).max() < 6  # of 150 pixels
    assert np.abs(np.mean(off, 0)).max() < 1


SCRIPT = """
import json, os, sys, time
from relgan.data.face import Face
from relgan.faces import workers
from relgan.faces.prepare import prepare
from pathlib import Path

faces = [Face(**face) for face in json.loads(sys.stdin.read())]
original, calls = workers.write_crops, []

def write(*args):
    calls.append(1)
    {}
    return original(*args)

workers.write_crops = write
prepare(faces, Path(sys.argv[1]), cropped=True, progress=False)
"""
KILLED = SCRIPT.format("if len(calls) == 3: os.kill(os.getpid(), 9)")
SLOW = SCRIPT.format("time.sleep(0.3)")


def begin(script: str, faces: list[Face], out: Path) -> subprocess.Popen[str]:
    """A process that prepares faces."""
    listed = json.dumps(
        [{"path": f.path, "expression": f.expression, "subject": f.subject, "frame": f.frame} for f in faces]
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])},
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(listed)
    process.stdin.close()
    return process


def test_a_killed_run_goes_on_where_it_was(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(crops, tmp_path / "whole", cropped=True, progress=False)
    out = tmp_path / "killed"
    with begin(KILLED, crops, out) as process:
        assert process.wait() == -9
    assert not (out / "manifest.csv").exists()
    journal = out / ".journal.jsonl"
    assert len(journal.read_bytes().splitlines()) == 3  # what is prepared, and two chunks
    with journal.open("ab") as stream:
        stream.write(b'{"rows": [{"path": "faces/to')  # as if the kill came in the middle of a line
    chunks = []
    original = workers.write_crops
    monkeypatch.setattr(workers, "write_crops", lambda *args: (chunks.append(1), original(*args))[1])
    prepare(crops, out, cropped=True, progress=False)
    assert len(chunks) == 3  # of five
    assert contents(out) == contents(tmp_path / "whole")


def test_two_processes_prepare_a_folder_once(crops: list[Face], tmp_path: Path) -> None:
    prepare(crops, tmp_path / "whole", cropped=True, progress=False)
    out = tmp_path / "both"
    with begin(SLOW, crops, out) as first, begin(SLOW, crops, out) as second:
        assert (first.wait(), second.wait()) == (0, 0)
        assert first.stderr is not None
        assert second.stderr is not None
        said = first.stderr.read() + second.stderr.read()
    assert said.count("another process prepares these faces; waiting for it") == 1
    assert contents(out) == contents(tmp_path / "whole")


def beside_gpu(
    faces: Sequence[workers.Named], out: Path, settings: Settings, device: str, threads: int
) -> Iterator[Result]:
    """The way a GPU takes, with the detector on the CPU."""
    return workers._beside_gpu(faces, out, settings, "cpu", threads)


def test_the_way_a_gpu_takes_gives_the_same_faces(
    jaffe: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [*jaffe[::10], Face(str(tmp_path / "gone.png"))]
    prepare(faces, tmp_path / "cpu", cropped=False, device="cpu", progress=False)
    monkeypatch.setattr(module, "crops_of", beside_gpu)
    monkeypatch.setattr(workers, "_LOT", 10)
    done = prepare(faces, tmp_path / "gpu", cropped=False, device="cpu", workers=2, progress=False)
    assert (done.faces, done.failures) == (22, 1)
    one, other = contents(tmp_path / "cpu"), contents(tmp_path / "gpu")
    assert list(one) == list(other)
    assert one["failures.csv"] == other["failures.csv"]
    assert one["prepare.json"] == other["prepare.json"]
    # Sums in another order: measurements agree to a hundredth of a pixel, pictures to a grey value.
    pd.testing.assert_frame_equal(
        read_manifest(tmp_path / "cpu"), read_manifest(tmp_path / "gpu"), atol=0.011, rtol=0
    )
    pictures = [load_prepared(tmp_path / way)[1].astype(int) for way in ("cpu", "gpu")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_a_run_begun_on_the_cpu_goes_on_beside_a_gpu(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(crops, tmp_path / "whole", cropped=True, progress=False)
    calls, original = [], workers.write_crops

    def dying(*args: Any) -> Result:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(workers, "write_crops", dying)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        prepare(crops, out, cropped=True, progress=False)
    asked: list[int] = []

    def counted(faces: Sequence[workers.Named], *args: Any) -> Iterator[Result]:
        asked.append(len(faces))
        return beside_gpu(faces, *args)

    monkeypatch.setattr(module, "crops_of", counted)
    monkeypatch.setattr(workers, "_LOT", 15)
    prepare(crops, out, cropped=True, workers=3, progress=False)
    assert asked == [70 - 2 * 16]
    assert contents(out) == contents(tmp_path / "whole")


def test_a_lot_is_bounded_in_pictures_and_in_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_LOT", 4)
    monkeypatch.setattr(workers, "_LOT_PIXELS", 100)
    small, large = np.zeros((2, 3, 3), np.uint8), np.zeros((10, 9, 3), np.uint8)
    pictures = [small, None, small, small, large, small, large, large, small]
    items = [Item(Face(str(i)), "", picture) for i, picture in enumerate(pictures)]
    lots = list(workers._lots(items))
    assert [len(lot) for lot in lots] == [4, 3, 2]
    assert [item for lot in lots for item in lot] == items


def test_an_error_among_the_threads_ends_the_run(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(face: Face, name: str) -> Item:
        raise MemoryError("no room")

    monkeypatch.setattr(workers, "read_item", broken)
    monkeypatch.setattr(module, "crops_of", beside_gpu)
    with pytest.raises(MemoryError, match="no room"):
        prepare(crops, tmp_path / "out", cropped=True, workers=2, progress=False)


@pytest.mark.parametrize(
    ("count", "there", "chosen"), [(4, True, "cuda"), (5, True, "cpu"), (1, False, "cpu")]
)
def test_auto_is_a_gpu_where_there_is_one_and_few_cores(
    count: int, there: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert workers.choose_device("auto", count) == chosen
    assert workers.choose_device("cuda:1", count) == "cuda:1"


def test_a_damaged_line_of_the_journal_is_done_again(crops: list[Face], tmp_path: Path) -> None:
    prepare(crops, tmp_path / "whole", cropped=True, progress=False)
    out = tmp_path / "out"
    prepare(crops, out, cropped=True, progress=False)
    done = json.loads((out / "prepare.json").read_text())
    (out / ".journal.jsonl").write_text(json.dumps(done) + "\n\0\0\0\n")  # as after a loss of power
    (out / "prepare.json").unlink()
    prepare(crops, out, cropped=True, progress=False)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_finished_folder_returns_at_once(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(crops, tmp_path / "out", cropped=True, progress=False)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(workers, "write_crops", None)
    second = prepare(crops, tmp_path / "out", cropped=True, progress=False)
    assert (second.faces, second.failures) == (first.faces, first.failures)
    assert contents(tmp_path / "out") == before


def test_changed_settings_or_faces_are_refused(crops: list[Face], tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(crops, out, cropped=True, progress=False)
    before = contents(out)
    with pytest.raises(InputError, match="was prepared with size=112, not size=96"):
        prepare(crops, out, cropped=True, size=96, progress=False)
    with pytest.raises(InputError, match="another list of faces"):
        prepare(crops[1:], out, cropped=True, progress=False)
    assert contents(out) == before


def test_a_folder_with_other_things_is_left_alone(crops: list[Face], tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("mine")
    with pytest.raises(InputError, match="choose an empty --out"):
        prepare(crops, tmp_path, cropped=True, progress=False)
    assert (tmp_path / "manifest.csv").read_text() == "mine"


def test_no_face_anywhere_is_an_error_and_is_tried_again(tmp_path: Path, clutter: Draw) -> None:
    faces = [Face(save(clutter(100, 100 + i), tmp_path / "data" / f"{i}.png")) for i in range(3)]
    for _ in range(2):
        with pytest.raises(InputError, match="none of 3 pictures gave a face") as caught:
            prepare(faces, tmp_path / "out", cropped=False, progress=False)
        assert "\n" not in str(caught.value)
    assert len(rows(tmp_path / "out" / "failures.csv")) == 3
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_bad_pictures_beside_good_ones(portrait: NDArray[np.uint8], tmp_path: Path, clutter: Draw) -> None:
    data = tmp_path / "data"
    good = save(portrait, data / "good.png")
    jpeg = save(portrait, data / "cut.jpg")
    Path(jpeg).write_bytes(Path(jpeg).read_bytes()[:2000])
    (data / "text.png").write_text("no picture")
    (data / "empty.png").write_bytes(b"")
    wall, dot = save(clutter(200, 200), data / "wall.png"), save(clutter(1, 1), data / "dot.png")
    two = np.concatenate([portrait, portrait[64:192, 64:192].repeat(2, 0).repeat(2, 1)], 1)
    pair = save(two, data / "two.png")
    paths = [
        good,
        jpeg,
        str(data / "text.png"),
        str(data / "empty.png"),
        str(data / "gone.png"),
        wall,
        dot,
        pair,
    ]
    done = prepare([Face(path) for path in paths], tmp_path / "out", cropped=False, progress=False)
    assert (done.faces, done.failures) == (2, 6)
    table = read_manifest(tmp_path / "out")
    assert table["source"].tolist() == [good, pair]
    assert table["faces_found"].tolist() == [1, 2]
    assert table["x"][1] > 200  # the larger of the two
    failures = {Path(row["path"]).name: row["reason"] for row in rows(tmp_path / "out" / "failures.csv")}
    assert list(failures) == ["cut.jpg", "text.png", "empty.png", "gone.png", "wall.png", "dot.png"]
    assert failures["wall.png"] == "no face found of at least 20 pixels in height"
    assert all(reason and "\n" not in reason for reason in failures.values())


def test_manifest_landmarks_reproduce_the_crop(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    face = Face(save(portrait, tmp_path / "a.png"))
    prepare([face], tmp_path / "out", cropped=False, progress=False)
    (row,) = rows(tmp_path / "out" / "manifest.csv")
    points = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    landmarks = [[float(row[f"{point}_x"]), float(row[f"{point}_y"])] for point in points]
    crop = np.asarray(Image.open(tmp_path / "out" / row["path"]))
    assert np.abs(align(portrait, landmarks).astype(int) - crop).mean() < 0.5
    assert len(landmarks) == len(TEMPLATE)


def test_names_that_are_not_utf_8_are_kept(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    name = os.fsdecode(b"M\xfcller")
    paths = [save(portrait, tmp_path / "data" / f"{name}{suffix}") for suffix in (".png", ".bmp")]
    prepare([Face(path, "anger", "a") for path in paths], tmp_path / "out", cropped=True, progress=False)
    assert read_manifest(tmp_path / "out")["source"].tolist() == paths
    assert len(load_prepared(tmp_path / "out")[0]) == 2


def test_a_lost_crop_has_a_remedy_that_works(crops: list[Face], tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(crops[:4], out, cropped=True, progress=False)
    next((out / "faces").iterdir()).unlink()
    with pytest.raises(InputError, match=f"delete {out} and run relgan prepare again"):
        load_prepared(out)


def test_unwritable_output(crops: list[Face], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written .* choose another --out"):
        prepare(crops, tmp_path / "file" / "out", cropped=True, progress=False)


def test_nothing_to_prepare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures to prepare"):
        prepare([], tmp_path / "out", cropped=True, progress=False)
    assert not (tmp_path / "out").exists()


def detection(x: float, y: float, side: float) -> Detection:
    return Detection((x, y, side, side), 0.9, np.zeros((5, 2), np.float32))


def test_the_largest_face_near_the_centre_is_chosen() -> None:
    centre, corner, bystander = detection(260, 200, 100), detection(0, 0, 110), detection(280, 0, 40)
    assert choose([corner, centre, bystander], 640, 480) is centre
    assert choose([detection(0, 0, 300), centre], 640, 480).box[2] == 300


def test_crop_names_fit_a_file_system_in_any_script() -> None:
    names = crop_names([f"data/{'漢' * 120}/{letter}.png" for letter in "ab"])
    assert max(len(name.encode()) for name in names) < 128
    assert [name[-5:] for name in names] == ["a.png", "b.png"]


def test_crop_names_are_readable_and_never_coincide() -> None:
    assert crop_names(["/d/jaffe.zip/jaffe/KA.AN1.39.jpg", "/d/jaffe.zip/jaffe/NA.HA2.jpg"]) == [
        "KA.AN1.39.png",
        "NA.HA2.png",
    ]
    assert crop_names(["/d/F001/Angry/000.jpg", "/d/F002/Angry/000.jpg"]) == [
        "F001_Angry_000.png",
        "F002_Angry_000.png",
    ]
    names = crop_names(
        ["/d/a/b.jpg", "/d/a_b.jpg", "/d/A_B.png", "/d/a/b.jpg", "/d/.hidden/..jpg", "rel/ü ß.jpg"]
    )
    assert len({name.lower() for name in names}) == 6
    assert all(name.endswith(".png") and not name.startswith(".") and "/" not in name for name in names)


def test_a_worker_that_cannot_detect_says_why(
    crops: list[Face], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_ALONE", 0)
    with pytest.raises(InputError, match="device abacus: unknown"):
        prepare(crops, tmp_path / "out", cropped=False, device="abacus", workers=2, progress=False)
