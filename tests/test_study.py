import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from relgan import study
from relgan.data.manifest import write_manifest
from relgan.errors import InputError
from relgan.study import align_dataset, align_datasets, study_of


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Six aligned faces of three people, one of them not turned to the front."""
    folder = tmp_path / "prepared"
    (folder / "faces").mkdir(parents=True)
    rows = []
    for number in range(6):
        name = f"faces/{number}.png"
        Image.fromarray(np.full((112, 112, 3), 40 * number, np.uint8)).save(folder / name)
        expression = ("anger", "happiness")[number % 2]
        alignment = "similarity" if number == 3 else "frontal"
        rows.append(
            {"path": name, "expression": expression, "subject": f"S{number // 2}", "align": alignment}
        )
    write_manifest(folder / "manifest.csv", rows)
    return folder


def test_faces_that_are_aligned_otherwise_than_asked_are_noted(prepared: Path, tmp_path: Path) -> None:
    found = study_of("folder", prepared, tmp_path / "run", progress=False, align="frontal")
    assert found.notes == ["alignment of the faces, asked to be frontal: 5 frontal, 1 similarity"]


def test_faces_that_are_aligned_as_asked_need_no_note(prepared: Path, tmp_path: Path) -> None:
    manifest = prepared / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("similarity", "frontal"))
    assert study_of("folder", prepared, tmp_path / "run", progress=False, align="frontal").notes == []


def test_nothing_is_made_within_the_data_set(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "anger").mkdir(parents=True)
    for out in (root, root / "run", root / "anger" / "run"):
        with pytest.raises(InputError, match="lies in the data set's folder; choose one outside"):
            align_dataset("folder", root, out, progress=False)
    assert [path.name for path in root.iterdir()] == ["anger"]


def test_a_manifest_saved_by_a_spreadsheet_is_one_of_aligned_faces(prepared: Path) -> None:
    manifest = prepared / "manifest.csv"
    header, _, rest = manifest.read_text().partition("\n")
    quoted = ",".join(f'"{name}"' for name in header.split(","))
    manifest.write_text(f"\ufeff{quoted}\n{rest}")
    assert study.is_aligned(prepared)


def test_people_and_takes_of_two_sets_are_different_ones(prepared: Path, tmp_path: Path) -> None:
    manifest = prepared / "manifest.csv"
    table = pd.read_csv(manifest).assign(take="anger-3")
    table.to_csv(manifest, index=False)
    sets = [("folder", prepared), ("folder", prepared)]
    faces = align_datasets(sets, tmp_path / "run", progress=False).faces
    assert {face.subject for face in faces} == {f"{k}:S{n}" for k in (0, 1) for n in range(3)}
    assert {face.take for face in faces} == {"0:anger-3", "1:anger-3"}
    alone = align_datasets(sets[:1], tmp_path / "run", progress=False).faces
    assert {face.take for face in alone} == {"anger-3"}


def test_faces_of_two_sizes_are_refused(prepared: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copytree(prepared, small)
    for path in small.rglob("*.png"):
        Image.open(path).resize((96, 96)).save(path)
    with pytest.raises(InputError, match=r"faces of 96 pixels, those of .* have 112; make both"):
        align_datasets([("folder", prepared), ("folder", small)], tmp_path / "run", progress=False)


def test_people_of_a_prepared_folder_are_found_by_the_pattern(prepared: Path, tmp_path: Path) -> None:
    manifest = prepared / "manifest.csv"
    pd.read_csv(manifest).assign(subject="").to_csv(manifest, index=False)
    found = align_dataset("folder", prepared, tmp_path / "run", r"(\d)\.png", progress=False)
    assert [face.subject for face in found.faces] == list("012345")
    with pytest.raises(InputError, match="not a regular expression"):
        align_dataset("folder", prepared, tmp_path / "run", "([", progress=False)


def test_pictures_are_prepared_with_the_alignment_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def prepare(*_: object, **options: object) -> None:
        asked.update(options)
        raise Stop

    monkeypatch.setattr(study, "prepare", prepare)
    (tmp_path / "data" / "anger").mkdir(parents=True)
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(tmp_path / "data" / "anger" / "a.png")
    with pytest.raises(Stop):
        align_dataset(
            "folder", tmp_path / "data", tmp_path / "run", progress=False, align="frontal", device="mps"
        )
    assert (asked["align"], asked["device"]) == ("frontal", "mps")
