from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from relgan import study
from relgan.data.manifest import write_manifest
from relgan.study import align_dataset, study_of


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
