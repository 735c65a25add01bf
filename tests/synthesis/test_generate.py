import csv
import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.synthesis import generate, photographer
from relgan.synthesis.expressions import draw_take, frame_times, with_rest
from relgan.synthesis.generate import synthesize
from relgan.synthesis.head import import_anny
from relgan.synthesis.people import draw_person
from relgan.synthesis.photographer import DAMPING, TRIES

SMALL = {"expressions": ["happiness", "neutral"], "frames": 2, "size": 48, "progress": False}


def rows_of(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "faces").iterdir())}


@pytest.fixture(scope="module")
def folder(head, tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "made"
    result = synthesize(3, out, **SMALL)
    assert (result.faces, result.leaking) == (12, 0)
    return out


def test_pictures_and_manifest_agree(folder):
    rows = rows_of(folder)
    assert len(rows) == 12
    assert {row["subject"] for row in rows} == {"P00000", "P00001", "P00002"}
    assert {row["sequence"] for row in rows if row["subject"] == "P00001"} == {
        "P00001-s0-happiness", "P00001-s0-neutral",
    }  # fmt: skip
    for row in rows:
        with Image.open(folder / row["path"]) as picture:
            assert picture.size == (48, 48)
            assert picture.mode == "RGB"
        assert row["split"] == ""
        assert row["source"] == "synthetic"
        assert 0 <= float(row["intensity"]) <= 1
        assert 10 < float(row["left_eye_x"]) < float(row["right_eye_x"]) < 38
        if row["expression"] == "happiness":
            assert float(row["au12_left"]) > 0.1


def test_the_manifest_can_be_read_as_a_prepared_folder_and_as_a_data_set(folder):
    from relgan.data.listing import read_manifest as read_faces
    from relgan.data.manifest import read_manifest

    assert len(read_manifest(folder)) == 12
    reading = read_faces(str(folder / "manifest.csv"), folder)
    assert len(reading.faces) == 12


def test_a_take_moves_everyone_alike_on_top_of_their_own_look_at_rest(head, tmp_path):
    synthesize(2, tmp_path / "out", takes=1, **SMALL)
    people = {f"P{k:05d}": draw_person(head, 0, k) for k in range(2)}
    for row in rows_of(tmp_path / "out"):
        code = CANONICAL.index(row["expression"])
        take = draw_take(row["expression"], np.random.default_rng([0, 3, code, 0]))
        shown = with_rest(take.at(frame_times(2)[int(row["frame"])]), people[row["subject"]].rest)
        written = [float(value) for name, value in row.items() if name.startswith("au")]
        damped = [shown.flatten() * DAMPING**tries for tries in range(TRIES + 1)]  # where parts poked through
        assert any(written == pytest.approx(units.tolist(), abs=0.006) for units in damped)


def test_two_workers_make_the_same_files(folder, tmp_path):
    synthesize(3, tmp_path / "out", workers=2, **SMALL)
    assert contents(tmp_path / "out") == contents(folder)
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == (folder / "manifest.csv").read_bytes()


def test_a_run_that_was_killed_goes_on_to_the_same_result(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    original = photographer.Photographer.photograph

    def die_at_the_third(self, sittings):
        if (2, 0) in sittings:
            raise KeyboardInterrupt
        return original(self, sittings)

    with monkeypatch.context() as patch:
        patch.setattr(photographer.Photographer, "photograph", die_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            synthesize(3, out, **SMALL)
    assert not (out / "manifest.csv").exists()
    with (out / ".journal.jsonl").open("a") as journal:
        journal.write('{"rows": [torn')
    done = []
    with monkeypatch.context() as patch:
        patch.setattr(
            photographer.Photographer, "photograph", lambda *args: done.append(args[1]) or original(*args)
        )
        synthesize(3, out, **SMALL)
    assert done == [[(2, 0)]]
    assert contents(out) == contents(folder)
    assert (out / "manifest.csv").read_bytes() == (folder / "manifest.csv").read_bytes()


def test_a_finished_folder_returns_at_once_and_other_settings_are_refused(folder):
    assert synthesize(3, folder, **SMALL).seconds < 0.5
    with pytest.raises(InputError, match="seed=0, now asked for seed=1"):
        synthesize(3, folder, seed=1, **SMALL)
    with pytest.raises(InputError, match="cameras=usual, now asked for cameras=worse"):
        synthesize(3, folder, cameras="worse", **SMALL)


def test_folders_made_before_there_were_other_cameras_are_known_again(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "old")
    summary = tmp_path / "old" / generate.SUMMARY
    told = json.loads(summary.read_text())
    del told["settings"]["cameras"]
    summary.write_text(json.dumps(told))
    assert synthesize(3, tmp_path / "old", **SMALL).faces == 12


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "mine.png").write_bytes(b"")
    with pytest.raises(InputError, match="something else"):
        synthesize(1, tmp_path, **SMALL)
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["mine.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expressions": ["joyful"]}, "--expressions joyful"),
        ({"frames": 0}, "--frames 0"),
        ({"yaw": 46}, "--yaw 46"),
        ({"size": 8}, "--size 8"),
        ({"cameras": "good"}, "--cameras good: unknown; choose from usual worse"),
    ],
)
def test_bad_options_are_named_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        synthesize(1, tmp_path / "out", progress=False, **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_device_that_is_not_there_is_named(tmp_path, workers):
    with pytest.raises(InputError, match="--device cuda"):
        synthesize(2, tmp_path / "out", device="cuda", workers=workers, progress=False)
    assert not (tmp_path / "out").exists()


def test_without_anny_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(InputError, match=r'pip install "relgan\[synthesis\]"'):
        import_anny()


def test_a_leak_is_taken_again_with_weaker_units_and_counted(head, tmp_path, monkeypatch):
    original = photographer.Studio.render
    seen = []

    def leaks_once(self, models, units, shots):
        rendered = original(self, models, units, shots)
        if not seen:
            rendered.leaks[0] = True
        seen.append(units.clone())
        return rendered

    monkeypatch.setattr(photographer.Studio, "render", leaks_once)
    result = synthesize(1, tmp_path / "out", expressions=["anger"], frames=2, size=48, progress=False)
    assert (result.rejected, result.leaking) == (1, 0)
    assert len(seen) == 2
    np.testing.assert_allclose(seen[1][0], seen[0][0] * photographer.DAMPING)
    assert json.loads((tmp_path / "out" / generate.SUMMARY).read_text())["rejected"] == 1
