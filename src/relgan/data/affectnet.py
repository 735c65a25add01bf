"""AffectNet, the manually annotated part: 287,651 training and 4,000 validation faces with eight expressions.

Release of 2017: ``training.csv`` and ``validation.csv`` (columns subDirectory_filePath, ..., expression, ...;
some copies of the latter without a first line) beside ``Manually_Annotated_Images/<folder>/<hash>.jpg``.
Release of 2021: ``{train,val}_set/images/0.jpg`` and ``{train,val}_set/annotations/0_exp.npy``. AffectNet+ of
2024: ``human_annotated/{train,validation}_set/images/0.jpg`` and ``.../annotations/0.json`` ("human-label"),
beside ``no_human_annotated``. Layouts and codes as read by several public parsers; Mollahosseini et al. 2017;
the training faces of seven classes are counted alike by github.com/coder-xinxiaohai/AffectNet_Processing. The
official test labels are not published: validation is the test. One listed picture, 103/29a31ebf....jpg, is
broken in every copy that parsers mention.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath

import numpy as np

from relgan.data.face import Face, read_bytes, relative
from relgan.data.reader import (
    ABSENT,
    UNLISTED,
    Protocol,
    Published,
    Reader,
    Reading,
    Skipped,
    folders,
    pictures_in,
    refuse,
    stem,
    text_of,
)
from relgan.errors import InputError

CODES = {
    0: "neutral",
    1: "happiness",
    2: "sadness",
    3: "surprise",
    4: "fear",
    5: "disgust",
    6: "anger",
    7: "contempt",
}
WITHOUT = {8: "no expression (none)", 9: "uncertain expression", 10: "not a face"}
COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
TABLES = {"training.csv": "train", "validation.csv": "validation"}
SETS = {"train_set": "train", "val_set": "validation", "validation_set": "validation"}
MACHINE_ANNOTATED = "no_human_annotated"


def read(root: Path) -> Reading:
    """Faces of any release; codes 8 to 10, and what no person annotated, are left out.

    Raises:
        InputError: no annotations, or a code we do not know.
    """
    found, others = pictures_in(root)
    by_machine = {
        path
        for path in [*found, *(skip.path for skip in others)]
        if MACHINE_ANNOTATED in (name.lower() for name in folders(relative(path, root)))
    }
    pictures = [path for path in found if path not in by_machine]
    others = [skip for skip in others if skip.path not in by_machine]
    files = [skip.path for skip in others]
    tables = [path for path in files if PurePath(path).name.lower() in TABLES]
    single = [path for path in files if is_annotation(path, root)]
    if not tables and not single and pictures:
        raise InputError(
            f"{root}: no training.csv, validation.csv, *_exp.npy or annotations/*.json; "
            f"expected {AFFECTNET.layout}"
        )
    labels = table_labels(tables) if tables else single_labels(single, root)
    index = {key_of(path, root): path for path in pictures}
    used = {*(tables or single)}
    skipped = [skip for skip in others if skip.path not in used and not skip.path.lower().endswith(".npy")]
    skipped += [Skipped(path, "annotated by no person") for path in found if path in by_machine]
    faces: list[Face] = []
    wrong: list[str] = []
    seen: set[str] = set()
    for source, key, code, split in labels:
        picture = index.get(key)
        number = int(float(code)) if code.replace(".", "", 1).isdecimal() else -1
        seen.add(key)
        if number in WITHOUT:
            skipped.append(Skipped(picture or key, WITHOUT[number]))
        elif number not in CODES:
            wrong.append(f"{source}: expression {code[:20]!r} of {key}")
        elif picture is None:
            skipped.append(Skipped(key, ABSENT))
        else:
            faces.append(Face(picture, CODES[number], split=split))
    if wrong:
        refuse(wrong, "AffectNet codes are 0 to 10; take the annotations of the distribution")
    skipped += [Skipped(path, UNLISTED) for key, path in index.items() if key not in seen]
    return Reading(faces, skipped)


def key_of(path: str, root: Path) -> str:
    """What names a picture in all releases: set and number, or folder and file name."""
    above, part = folders(relative(path, root)), set_of(path, root)
    return f"{part}/{stem(path)}" if part else f"{above[0] if above else ''}/{PurePath(path).name}"


def table_labels(tables: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Table, picture, code and split of every line of the tables of 2017."""
    for table in tables:
        text = text_of(table)
        names = None if text.startswith(COLUMNS[0]) else COLUMNS
        for line in csv.DictReader(io.StringIO(text, newline=""), fieldnames=names):
            split = TABLES[PurePath(table).name.lower()]
            yield table, line.get(COLUMNS[0]) or "", line.get("expression") or "", split


def set_of(path: str, root: Path) -> str | None:
    """The folder of SETS that a file lies below."""
    return next((name.lower() for name in folders(relative(path, root)) if name.lower() in SETS), None)


def is_annotation(path: str, root: Path) -> bool:
    """Whether a file holds the expression of one picture: ``0_exp.npy`` or ``annotations/0.json``."""
    name = path.lower()
    return name.endswith("_exp.npy") or (
        name.endswith(".json") and folders(relative(path, root))[:1] == ["annotations"]
    )


def single_labels(annotations: list[str], root: Path) -> Iterator[tuple[str, str, str, str]]:
    """File, picture, code and split of every annotation of 2021 or 2024.

    Raises:
        InputError: an annotation is no NumPy array of one value, no JSON with a "human-label", or lies in
            none of the distribution's folders.
    """
    for path in annotations:
        part = set_of(path, root)
        if part is None:
            raise InputError(f"{path}: not below {' or '.join(SETS)}; keep the folders of the distribution")
        try:
            if path.lower().endswith(".json"):
                code = str(json.loads(read_bytes(path))["human-label"])
            else:
                code = str(np.load(io.BytesIO(read_bytes(path))).item())
        except (ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path}: not an annotation with one expression ({error}); unpack it again"
            ) from error
        yield path, f"{part}/{stem(path).removesuffix('_exp')}", code, SETS[part]


AFFECTNET = Reader(
    name="affectnet",
    title="AffectNet (manually annotated)",
    read=read,
    layout="{training,validation}.csv, Manually_Annotated_Images/; or {train,val}_set/{images,annotations}; "
    "or human_annotated/{train,validation}_set/{images,annotations}",
    protocol=Protocol("split", "trained on train, tested on validation (test labels are not published)"),
    citation="Mollahosseini, Hasani, Mahoor: AffectNet, IEEE Transactions on Affective Computing 2017",
    published=Published(
        source="Mollahosseini et al. 2017, eight expressions; the release of 2021 has 3,999 validation faces",
        faces=291_651,
        expressions={
            "anger": 25_382,
            "contempt": 4250,
            "disgust": 4303,
            "fear": 6878,
            "happiness": 134_915,
            "neutral": 75_374,
            "sadness": 25_959,
            "surprise": 14_590,
        },
        splits={"train": 287_651, "validation": 4000},
    ),
)
