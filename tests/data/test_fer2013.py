import io
import multiprocessing
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import plant, zipped

from relgan.data.census import check
from relgan.data.face import read_bytes
from relgan.data.folds import plan_folds, verify
from relgan.data.readers import READERS, read, read_faces
from relgan.errors import InputError

REAL = Path(__file__).parents[3] / "shared" / "data" / "fer2013.zip"


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48))


def line_of(seed: int) -> str:
    return " ".join(map(str, pixels(seed).ravel()))


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is absent")
def test_the_real_archive_has_the_published_counts_and_split():
    result = check("fer2013", REAL)
    assert result.differences == []
    faces = read_faces("fer2013", REAL)
    plan = plan_folds(faces, READERS["fer2013"].protocol)
    verify(plan.folds[0], faces)
    assert [len(part) for part in (plan.folds[0].train, plan.folds[0].validation, plan.folds[0].test)] == [
        28709,
        3589,
        3589,
    ]
    assert Image.open(io.BytesIO(read_bytes(faces[-1].path))).size == (48, 48)


def test_another_split_than_the_challenges_is_not_called_so(tmp_path):
    names = [
        f"images/{part}/{expression}/{number}.jpg"
        for part in ("train", "validation")
        for expression in ("sad", "happy")
        for number in range(20)
    ]
    faces = read_faces("fer2013", plant(tmp_path, [*names, *(f"images/{name}" for name in names)]))
    assert len(faces) == len(names)
    plan = plan_folds(faces, READERS["fer2013"].protocol)
    assert plan.text.startswith("train and validation as the data set splits them, the latter for testing; ")


def test_the_usage_comes_from_the_file_name_and_else_from_the_folder(tmp_path):
    names = [
        "fer2013/train/angry/Training_10118481.jpg",
        "fer2013/test/angry/PublicTest_10131363.JPG",
        "fer2013/test/sad/PrivateTest_1.jpg",
        "fer2013/train/happy/im0.png",
        "fer2013/validation/happy/im1.png",
    ]
    found = {
        (face.path[-5], face.expression, face.split) for face in read_faces("fer2013", plant(tmp_path, names))
    }
    assert Counter((expression, split) for _, expression, split in found) == {
        ("anger", "train"): 1,
        ("anger", "validation"): 1,
        ("sadness", "test"): 1,
        ("happiness", "train"): 1,
        ("happiness", "validation"): 1,
    }


@pytest.mark.parametrize("name", ["train/bored/Training_1.jpg", "angry/1.jpg", "Training_1.jpg"])
def test_a_picture_without_class_or_usage_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*FER2013 lies as"):
        read("fer2013", plant(tmp_path, [name]))


@pytest.mark.parametrize("order", [("emotion", "pixels", "Usage"), ("emotion", " Usage", " pixels")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_table_yields_the_pictures_it_holds(tmp_path, order, end, quote):
    rows = [(0, 1, "Training"), (6, 2, "PublicTest"), (3, 3, "PrivateTest")]
    lines = [",".join(order)]
    for code, seed, usage in rows:
        cells = {"emotion": str(code), "pixels": quote + line_of(seed) + quote, "usage": usage}
        lines.append(",".join(cells[name.strip().lower()] for name in order))
    folder = tmp_path / "r"
    folder.mkdir()
    table = folder / ("fer2013.csv" if order[1] == "pixels" else "icml_face_data.csv")
    table.write_bytes((end.join(lines) + end).encode())
    for root in (folder, table, zipped(folder)):
        faces = read_faces("fer2013", root)
        assert [(face.expression, face.split) for face in faces] == [
            ("anger", "train"),
            ("neutral", "validation"),
            ("happiness", "test"),
        ]
        for face, (_, seed, _) in zip(reversed(faces), reversed(rows), strict=True):
            picture = Image.open(io.BytesIO(read_bytes(face.path)))
            assert np.array_equal(np.asarray(picture), pixels(seed))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_workers_read_a_table_and_an_archive_their_parent_opened(tmp_path):
    lines = ["emotion,pixels,Usage", *(f"0,{line_of(seed)},Training" for seed in range(20))]
    root = plant(tmp_path / "r", [], {"fer2013.csv": "\n".join(lines)})
    for place in (root, zipped(root)):
        paths = [face.path for face in read_faces("fer2013", place)]
        here = [read_bytes(path) for path in paths]
        with multiprocessing.get_context("fork").Pool(4) as pool:
            assert pool.map(read_bytes, paths * 10, chunksize=1) == here * 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emotion,pixels\n0,1", "no column 'usage'"),
        (
            "emotion,pixels,Usage\n7,1,Training\n0,1,Train",
            "line 2: emotion '7'.*line 3: emotion '0', usage 'Train'",
        ),
        ("emotion,pixels,Usage\n0,1", "line 2: 2 cells, expected 3"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read("fer2013", plant(tmp_path, [], {"fer2013.csv": text}))
