"""What is measured of a CNN that goes from rendered people to photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from relgan.benchmark.carry import load_set, main, parts, read, some
from relgan.data.face import Face
from relgan.data.manifest import write_manifest
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.models import Baseline
from relgan.training import make_fabric

GREYS = {"anger": 60, "contempt": 100, "happiness": 180}


def prepared(place: Path, rows: list[dict[str, object]]) -> Path:
    """A folder of even faces, the brighter the happier."""
    place.mkdir()
    for number, row in enumerate(rows):
        grey = GREYS[str(row["expression"])]
        Image.new("RGB", (112, 112), (grey, grey, grey)).save(place / f"{number}.png")
    write_manifest(
        place / "manifest.csv",
        [{"path": f"{number}.png", "align": "similarity", **row} for number, row in enumerate(rows)],
    )
    return place


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three people who show three expressions."""
    shown = [{"subject": f"P{k}", "expression": name} for k in range(3) for name in GREYS]
    return prepared(tmp_path / "people", shown)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Nobody is named, contempt is not shown, and one is of a test part."""
    shown = [{"expression": name, "split": "train"} for name in ("anger", "happiness")]
    return prepared(tmp_path / "photographs", [*shown, {"expression": "anger", "split": "test"}])


class Bright(Baseline):
    """Knows even faces by their brightness; dark ones are contempt to it rather than anger."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        happy = 9.0 * pictures.mean((1, 2, 3))
        return torch.stack([-happy, 0.1 - happy, happy], 1)


def test_only_the_training_part_is_asked_about_and_a_faces_person_decides_the_part(
    people: Path, photographs: Path
) -> None:
    rendered = load_set(people)
    assert rendered.classes == ["anger", "contempt", "happiness"]
    assert [face.split for face in load_set(photographs, rendered.classes).faces] == ["train", "train"]
    train, strangers = parts(rendered)
    assert (train.people, strangers.people) == (["P0", "P1"], ["P2"])
    assert len(train) == 6


def test_what_a_set_does_not_show_is_not_asked_for(people: Path, photographs: Path) -> None:
    model, fabric = Bright(3, 32), make_fabric("32-true")
    classes = load_set(people).classes
    found = read(model, load_set(photographs, classes), 32, fabric)
    assert found.accuracy == 1
    assert found.normalised is None
    assert found.said.to_dict() == {"anger": 0.5, "happiness": 0.5}
    of_all = read(model, load_set(people), 32, fabric)
    assert of_all.recalls.to_dict() == {"anger": 0.0, "contempt": 1.0, "happiness": 1.0}


def test_a_large_set_is_thinned_evenly() -> None:
    faces = [Face(path=str(k), expression="anger") for k in range(10)]
    data = FaceTensors.of(faces, np.zeros((10, 112, 112, 3), np.uint8), ["anger"])
    assert [face.path for face in some(data, 4).faces] == ["0", "3", "6", "9"]
    assert some(data, 10) is data


def test_a_short_training_is_reported_set_by_set(
    people: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = ["--from", "wild", "--front", "middle"]
    main([str(people), str(photographs), *begun, "--steps", "2", "--seeds", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 0, strangers: ")
    assert lines[2].startswith(f"seed 0, {photographs}: ")
    assert "happiness" in lines[3]
    assert "contempt" not in lines[3]


def test_folders_without_people_or_expressions_are_refused(people: Path, photographs: Path) -> None:
    with pytest.raises(InputError, match="fewer than two people"):
        parts(load_set(photographs))
    with pytest.raises(InputError, match="no face shows fear"):
        load_set(people, ["fear"])
