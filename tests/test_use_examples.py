"""The examples for trained weights run as they stand, here with weights that have learnt nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from .clips import moving, photograph, random_weights, synthetic_face, write_clip

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


def run(place: Path, name: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, cwd=place).stdout


def labelled_folder(root: Path) -> Path:
    """ROOT/<expression>/person<k>.png: three people showing two expressions."""
    for expression in ("anger", "happiness"):
        (root / expression).mkdir(parents=True)
        for k in range(3):
            face = Image.fromarray(synthetic_face(k, expression)).resize((224, 224))
            canvas = Image.new("RGB", (320, 320), "gray")
            canvas.paste(face, (40, 40))
            canvas.save(root / expression / f"person{k}.png")
    return root


def test_a_folder_is_predicted(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "photos").mkdir()
    for k in range(3):
        Image.fromarray(photograph((k, 10, 60))).save(tmp_path / "photos" / f"{k}.png")
    told = run(tmp_path, "predict_folder.py", tmp_path / "photos", folder)
    assert told.startswith("3 faces in 3 files")
    assert (tmp_path / "faces.csv").read_text().startswith("input,frame,time_s,face,")


def test_a_video_is_analysed(tmp_path: Path, folder: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", moving(40, people=2))
    told = run(tmp_path, "analyse_video.py", clip, folder)
    assert told.startswith("2 people in 40 frames")
    assert "person 1: 0 s " in told


def test_a_face_is_reenacted(tmp_path: Path, folder: Path) -> None:
    for k in range(2):
        Image.fromarray(photograph((k, 10, 60))).save(tmp_path / f"{k}.png")
    run(tmp_path, "reenact.py", tmp_path / "0.png", tmp_path / "1.png", tmp_path / "out", folder)
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "out").iterdir()}
    assert sizes == {"face.png": (32, 32), "pasted.png": (320, 240), "walk.png": (224, 32)}


def test_weights_are_tried_on_another_data_set(tmp_path: Path, folder: Path) -> None:
    root = labelled_folder(tmp_path / "set")
    told = run(tmp_path, "cross_dataset.py", "folder", root, tmp_path / "out", folder)
    results = json.loads((tmp_path / "out" / "cross.json").read_text())
    assert results["faces"] == 6
    assert sum(map(sum, results["confusion"])) == 6
    assert f"accuracy {results['accuracy']:.3f}" in told


def test_weights_are_trained_on_a_folder_of_ones_own(tmp_path: Path, folder: Path) -> None:
    root = labelled_folder(tmp_path / "set")
    picture = root / "anger" / "person0.png"
    where = (root, r"person(\d+)", tmp_path / "out", picture, folder, 1)
    told = run(tmp_path, "train_folder.py", *where)
    assert told.startswith("6 faces of 3 people show anger, happiness")
    assert (tmp_path / "out" / "card.json").exists()
    assert told.split()[-1] in {"anger", "happiness"}
