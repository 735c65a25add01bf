from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from relgan.data.face import Face
from relgan.data.manifest import COLUMNS, load_prepared, read_manifest, write_manifest
from relgan.errors import InputError
from relgan.faces.prepare import prepare

FACES = [
    {
        "expression": "anger",
        "subject": "NA",
        "sequence": "001",
        "frame": 3,
        "intensity": 0.5,
        "split": "test",
    },
    {"expression": None, "subject": None, "view": "left45"},
    {"expression": "neutral", "subject": "007", "frame": 0},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three faces prepared from crops, each of one colour."""
    faces = []
    for index, fields in enumerate(FACES):
        path = tmp_path / "data" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (48, 48), (index * 50, 10, 20)).save(path)
        faces.append(Face(str(path), **fields))  # type: ignore[arg-type]
    prepare(faces, tmp_path / "out", cropped=True, progress=False)
    return tmp_path / "out"


def change(folder: Path, line: int, column: str, value: str) -> None:
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[line - 2, column] = value
    table.to_csv(folder / "manifest.csv", index=False)


def test_fields_survive_the_round_trip(folder: Path) -> None:
    faces, pictures = load_prepared(folder)
    for index, (face, fields) in enumerate(zip(faces, FACES, strict=True)):
        assert face == Face(str(folder / "faces" / f"{index}.png"), **fields)  # type: ignore[arg-type]
        assert pictures[index, 60, 60].tolist() == [index * 50, 10, 20]
    assert type(faces[0].frame) is int
    assert pictures.shape == (3, 112, 112, 3)
    assert pictures.dtype == np.uint8


def test_the_folder_can_be_moved(folder: Path) -> None:
    faces, _ = load_prepared(folder.rename(folder.with_name("elsewhere")))
    assert all(Path(face.path).is_file() for face in faces)


def test_columns_begin_with_those_of_face(folder: Path) -> None:
    header = (folder / "manifest.csv").read_text().splitlines()[0]
    assert header == ",".join(COLUMNS)
    assert header.startswith(
        "path,expression,subject,sequence,frame,intensity,view,split,sitting,take,source,"
    )


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv: no such file"):
        read_manifest(tmp_path)


def test_missing_columns_are_named(folder: Path) -> None:
    table = pd.read_csv(folder / "manifest.csv")
    table.drop(columns=["subject", "nose_x"]).to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(InputError, match=r"manifest\.csv: line 1: missing columns subject, nose_x"):
        read_manifest(folder)


def test_not_a_table(folder: Path) -> None:
    for data in (b"", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", b'a,b\n"1,2\n'):
        (folder / "manifest.csv").write_bytes(data)
        with pytest.raises(InputError, match=r"manifest\.csv: ") as caught:
            read_manifest(folder)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [("expression", "joyful"), ("align", "rotated"), ("path", "faces/gone.png"), ("frame", "1.5"),
     ("frame", "two"), ("intensity", "much"), ("nose_x", "left"), ("path", "faces/0.png")],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(folder: Path, column: str, value: str) -> None:
    change(folder, 3, column, value)
    with pytest.raises(InputError, match=rf"manifest\.csv: line 3: {column} '{value}' "):
        read_manifest(folder)


def test_short_rows_are_refused(folder: Path) -> None:
    with (folder / "manifest.csv").open("a") as stream:
        stream.write("faces/0.png,anger\n")
    with pytest.raises(InputError, match="line 5"):
        read_manifest(folder)


def test_a_damaged_or_odd_crop_is_named(folder: Path) -> None:
    Image.new("RGB", (90, 90)).save(folder / "faces" / "1.png")
    with pytest.raises(InputError, match=r"1\.png: 90x90 pixels"):
        load_prepared(folder)
    (folder / "faces" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.png: the file is empty"):
        load_prepared(folder)


def test_a_manifest_that_fails_half_way_leaves_the_old_one(folder: Path) -> None:
    before = (folder / "manifest.csv").read_bytes()

    def rows():  # type: ignore[no-untyped-def]
        yield {"path": "a.png"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_manifest(folder / "manifest.csv", rows())
    assert (folder / "manifest.csv").read_bytes() == before
