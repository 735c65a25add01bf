"""The manifest of a prepared folder: one row a face, a CSV that the ``folder`` reader can read too."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relgan.data.face import Face, read_bytes
from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.faces.image import decode
from relgan.files import whole

NAME = "manifest.csv"
LOADERS = 16
"""Threads that read pictures, at most; decoding leaves the interpreter to the others."""
FACE_COLUMNS = tuple(field.name for field in fields(Face))
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
COLUMNS = (
    *FACE_COLUMNS,  # as in Face; path is relative to the manifest's folder
    "source",  # the picture the face was cut from, as its reader named it
    "align",  # one of ALIGNMENTS
    "detection",  # the detector's score, 0 to 1
    "faces_found",  # how many the picture shows; the largest near the centre was taken
    "width",  # of the picture in which the pixels below are counted: upright, reduced if it was huge
    "height",
    *("x", "y", "w", "h"),  # the face's box, pixels
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),  # pixels
)
ALIGNMENTS = ("similarity", "resized", "placed", "frontal")
_NUMBERS = COLUMNS[COLUMNS.index("detection") :]


def write_manifest(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """The rows of a manifest, in order; None becomes an empty field. Returns their number."""
    return write_table(path, COLUMNS, rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """A CSV with the given columns, written beside and renamed when complete. Returns the number of rows."""
    count = 0
    # Names of files need not be UTF-8.
    with (
        whole(path) as beside,
        beside.open("w", encoding="utf-8", newline="", errors="surrogateescape") as stream,
    ):
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def read_manifest(folder: Path) -> pd.DataFrame:
    """The manifest of a prepared folder, checked.

    Text columns hold strings or None; frame is Int64; intensity and measurements are floats, NaN where empty.

    Raises:
        InputError: there is no manifest or it is not a CSV; a column or a picture is missing; an expression,
            an alignment or a number is not one. The message names the file and the line.
    """
    path = folder / NAME
    try:
        # Everything as text first: a subject may be called "NA" (one of JAFFE's is) or "007".
        table = pd.read_csv(
            path, dtype=object, keep_default_na=False, na_filter=False, encoding_errors="surrogateescape"
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; make the folder with: relgan prepare DATASET ROOT --out {folder}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({' '.join(str(error).split())})") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(
            f"{path}: line 1: missing columns {', '.join(missing)}; delete {folder} and run relgan prepare "
            "again"
        )

    def refuse(bad: "pd.Series[bool]", what: str, remedy: str) -> None:
        if bad.any():
            index = int(np.flatnonzero(bad.to_numpy())[0])
            value = table[what].iloc[index]
            raise InputError(f"{path}: line {index + 2}: {what} {value!r} {remedy}")

    there = pd.Series([(folder / name).is_file() for name in table["path"]], index=table.index, dtype=bool)
    known = ("", *CANONICAL)
    refuse(~table["expression"].isin(known), "expression", f"is not one of {', '.join(CANONICAL)} (or empty)")
    refuse(~table["align"].isin(ALIGNMENTS), "align", f"is not one of {', '.join(ALIGNMENTS)}")
    refuse(table["path"].duplicated(), "path", "occurs twice")
    refuse(~there, "path", f"is not there; delete {folder} and run relgan prepare again")
    for column in ("frame", "intensity", *_NUMBERS):
        numbers = pd.to_numeric(table[column], errors="coerce")
        refuse(numbers.isna() & (table[column] != ""), column, "is not a number")
        if column == "frame":
            refuse(numbers.notna() & (numbers % 1 != 0), column, "is not a whole number")
        table[column] = numbers.astype("Int64" if column == "frame" else float)
    for column in ("expression", "subject", "sequence", "view", "split", "sitting", "take"):
        table[column] = table[column].astype(object).where(table[column] != "", None)
    return table


def load_prepared(folder: Path) -> tuple[list[Face], NDArray[np.uint8]]:
    """The faces of a prepared folder and their pictures, in the manifest's order.

    Returns:
        faces: with ``path`` pointing at the aligned picture.
        pictures: (N, size, size, 3) uint8 RGB; size is 112 unless prepared otherwise.

    Raises:
        InputError: as :func:`read_manifest`; or a picture is damaged or of another size than the first.
    """
    table = read_manifest(folder)
    if table.empty:
        raise InputError(f"{folder / NAME}: no faces; give relgan prepare pictures with faces")
    faces = []
    for row in table[list(FACE_COLUMNS)].to_dict("records"):
        values: dict[str, Any] = {
            str(column): None if pd.isna(value) else value for column, value in row.items()
        }
        faces.append(Face(**{**values, "path": str(folder / values["path"])}))
    first = decode(read_bytes(faces[0].path), faces[0].path)
    pictures = np.empty((len(faces), *first.shape), np.uint8)

    def load(index: int) -> None:
        path = faces[index].path
        picture = decode(read_bytes(path), path)
        if picture.shape != first.shape or picture.shape[0] != picture.shape[1]:
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            raise InputError(
                f"{path}: {size} pixels, the others are not; delete {folder} and run relgan prepare again"
            )
        pictures[index] = picture

    with ThreadPoolExecutor(min(LOADERS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(load, range(len(faces))):
            pass
    return faces, pictures
