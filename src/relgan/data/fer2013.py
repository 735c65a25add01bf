"""FER2013: 35,887 grey 48x48 crops from the web, people unknown, in three usages.

Either ``fer2013.csv`` (columns emotion, pixels, Usage, in any order; also circulating as
``icml_face_data.csv``), or the folder layout
``{train,test}/<class>/{Training,PublicTest,PrivateTest}_<id>.jpg``. In both, Training trains, PublicTest is
for choices and PrivateTest is the test (Goodfellow et al. 2013, and the challenge's data page).
"""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from relgan.data.embedded import lines_of
from relgan.data.face import Face, relative, walk
from relgan.data.listing import SPLITS
from relgan.data.reader import (
    NOT_A_PICTURE,
    Protocol,
    Published,
    Reader,
    Reading,
    Skipped,
    folders,
    pictures_in,
    refuse,
    stem,
)
from relgan.errors import InputError
from relgan.expressions import canonical

CODES = {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}
USAGES = {"training": "train", "publictest": "validation", "privatetest": "test"}
TABLES = ("fer2013.csv", "icml_face_data.csv")


class Row(NamedTuple):
    """One line of the table."""

    line: int
    emotion: str
    usage: str
    picture: str


def read(root: Path) -> Reading:
    """Faces of the table where there is one, else of the class folders.

    Raises:
        InputError: a line or a picture without a known class and usage.
    """
    files = list(walk(root)) if root.suffix.lower() != ".csv" else [str(root)]
    tables = [path for path in files if PurePath(path).name.lower() in TABLES or path == str(root)]
    if not tables:
        return read_folders(root)
    table = min(
        tables, key=lambda path: TABLES.index(name) if (name := PurePath(path).name.lower()) in TABLES else 0
    )
    faces: list[Face] = []
    wrong: list[str] = []
    for row in rows_of(table):
        expression = CODES.get(int(row.emotion)) if row.emotion.isdecimal() else None
        split = USAGES.get(row.usage.lower())
        if expression is None or split is None:
            wrong.append(f"line {row.line}: emotion {row.emotion!r}, usage {row.usage!r}")
        else:
            faces.append(Face(row.picture, expression, split=split))
    if wrong:
        refuse(
            [f"{table} {wrong[0]}", *wrong[1:]],
            "emotions are 0 to 6, usages Training, PublicTest, PrivateTest",
        )
    return Reading(faces, [Skipped(path, NOT_A_PICTURE) for path in files if path != table])


def rows_of(table: str) -> Iterator[Row]:
    """The lines of a FER2013 table; their pictures stay in the table and are read from there one by one.

    Raises:
        InputError: the table lacks a column.
    """
    lines = lines_of(table)
    first = next(lines, b"")
    names = [name.strip(' "\ufeff\r\n').lower() for name in first.decode("utf-8", "replace").split(",")]
    for needed in ("emotion", "pixels", "usage"):
        if needed not in names:
            raise InputError(
                f"{table}: no column {needed!r} in the first line; give the original fer2013.csv"
            )
    column = names.index("pixels")
    start = len(first)
    for number, line in enumerate(lines, start=2):
        cells = line.rstrip(b"\r\n").split(b",")
        if len(cells) == len(names):
            texts = dict(
                zip(names, (cell[:20].decode("ascii", "replace").strip(' "') for cell in cells), strict=True)
            )
            before = sum(len(cell) + 1 for cell in cells[:column])
            picture = f"{table}#pixels={start + before}+{len(cells[column])}"
            yield Row(number, texts["emotion"], texts["usage"], picture)
        elif line.strip():
            raise InputError(
                f"{table} line {number}: {len(cells)} cells, expected {len(names)}; download it again"
            )
        start += len(line)


def read_folders(root: Path) -> Reading:
    """Faces by class folder; the usage stands in the file name, or else in a folder above."""
    pictures, skipped = pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        above = folders(relative(path, root))
        expression = canonical(above[0]) if above else None
        usage = USAGES.get(stem(path).split("_")[0].lower())
        split = usage or next((SPLITS[name.lower()] for name in above if name.lower() in SPLITS), None)
        if expression is None or split is None:
            wrong.append(path)
        else:
            faces.append(Face(path, expression, split=split))
    if wrong:
        refuse(
            wrong,
            "FER2013 lies as train/angry/Training_123.jpg and test/angry/PrivateTest_123.jpg; see the docs",
        )
    return Reading(faces, skipped)


FER2013 = Reader(
    name="fer2013",
    title="FER2013",
    read=read,
    layout="fer2013.csv, or {train,test}/<expression>/{Training,PublicTest,PrivateTest}_<id>.jpg",
    protocol=Protocol(
        "split",
        "trained on Training, choices on PublicTest, tested on PrivateTest",
        splits=frozenset(USAGES.values()),
    ),
    citation="Goodfellow et al.: Challenges in representation learning, ICONIP 2013",
    cropped=True,
    published=Published(
        source="Goodfellow et al. 2013, classes counted from the table",
        faces=35_887,
        expressions={
            "anger": 4953,
            "disgust": 547,
            "fear": 5121,
            "happiness": 8989,
            "neutral": 6198,
            "sadness": 6077,
            "surprise": 4002,
        },
        splits={"train": 28_709, "validation": 3589, "test": 3589},
    ),
)
