"""Faces from a manifest: a CSV file with the columns path and expression, and any other field of Face."""

import csv
import io
import os
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path, PurePath

from relgan.data.face import Face, in_archive, walk, whether
from relgan.data.reader import ABSENT, SECOND_COPY, UNLISTED, Reading, Skipped, refuse, text_of
from relgan.errors import InputError
from relgan.expressions import SYNONYMS, canonical

COLUMNS = tuple(field.name for field in fields(Face))
ALIASES = {"person": "subject", "identity": "subject", "file": "path", "emotion": "expression"}
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
OURS = ("synthesis.json", "prepare.json", "failures.csv")
"""What relgan writes beside a manifest of its own."""


def find_manifest(root: Path) -> str | None:
    """The manifest of a root: the root itself if it is a .csv, or the topmost manifest.csv in it."""
    if root.suffix.lower() == ".csv" and root.is_file():
        return str(root)
    found = [path for path in walk(root) if PurePath(path).name.lower() == "manifest.csv"]
    return min(found, key=lambda path: (path.count("/"), path), default=None)


def read_manifest(manifest: str, root: Path) -> Reading:
    """The faces a manifest lists; paths are absolute or relative to the manifest's own folder.

    Pictures that are listed but absent, files that are not listed, and columns we have no use for are
    reported as skipped.

    Raises:
        InputError: columns missing, or lines that cannot be understood (the first five and how many).
    """
    columns, rows = table_of(manifest)
    unused = [name for name, use in columns.items() if use is None]
    if "align" in unused:  # made by prepare or synthesize, which say more than is asked for here
        unused = []
    skipped = [Skipped(manifest, f"column {name!r} not used") for name in unused]
    below_root = set(map(os.path.normpath, walk(root))) if str(root) != manifest else set()
    below_root.discard(os.path.normpath(manifest))
    files = Files(below_root)
    faces: list[Face] = []
    wrong: list[str] = []
    seen: set[str] = set()
    for line, row in rows:
        cells = {use: (row.get(name) or "").strip() for name, use in columns.items() if use}
        try:
            if None in row:
                raise ValueError("more cells than the first line has columns")
            face = face_of(cells, os.path.dirname(manifest))
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
            continue
        if face.path in seen:
            skipped.append(Skipped(face.path, SECOND_COPY))
        elif face.path not in files:
            skipped.append(Skipped(face.path, ABSENT))
        else:
            faces.append(face)
        seen.add(face.path)
    if wrong:
        known = (
            f"the expressions we know are {' '.join(sorted(SYNONYMS))}; "
            if "expression" in str(wrong)
            else ""
        )
        refuse([f"{manifest} {wrong[0]}", *wrong[1:]], known + "correct these lines")
    skipped += [
        Skipped(path, UNLISTED) for path in sorted(below_root - seen) if PurePath(path).name not in OURS
    ]
    return Reading(faces, skipped)


def table_of(manifest: str) -> tuple[dict[str, str | None], list[tuple[int, dict[str | None, str]]]]:
    """The columns of a manifest with the field each one fills (None: not used), and its numbered lines.

    Raises:
        InputError: not UTF-8, not CSV, or without a path or an expression column.
    """
    try:
        reader = csv.DictReader(io.StringIO(text_of(manifest), newline=""))
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{manifest}: not readable as CSV ({error}); save it again") from error
    columns: dict[str, str | None] = {}
    for name in reader.fieldnames or []:
        word = name.strip().lower()
        use = ALIASES.get(word, word if word in COLUMNS else None)
        columns[name] = use if use not in columns.values() else None
    for needed in ("path", "expression"):
        if needed not in columns.values():
            if len(columns) == 1 and (kind := separator_in(next(iter(columns)))):
                raise InputError(f"{manifest}: separated by {kind}; save it with commas")
            free = [name for name, use in columns.items() if use is None and name]
            near = get_close_matches(needed, free, 1)
            remedy = f"rename {near[0]!r}" if near else "add it to the first line"
            if free and not near:
                remedy += f", or rename one of {', '.join(free)}"
            raise InputError(f"{manifest}: no column {needed!r}; {remedy}")
    return columns, rows


def separator_in(heading: str) -> str | None:
    """What separates the columns of a table that is read as having one column, if not commas."""
    return next((word for mark, word in ((";", "semicolons"), ("\t", "tabs")) if mark in heading), None)


def face_of(cells: dict[str, str], folder: str) -> Face:
    """One line of a manifest as a face; empty cells are None.

    Raises:
        ValueError: what is wrong with the line.
    """
    if not cells["path"]:
        raise ValueError("no path")
    expression = canonical(cells["expression"]) if cells["expression"] else None
    if cells["expression"] and expression is None:
        raise ValueError(f"unknown expression {cells['expression']!r}")
    frame, intensity, split = cells.get("frame"), cells.get("intensity"), cells.get("split")
    if split and split.lower() not in SPLITS:
        raise ValueError(f"split {split!r} is none of train, validation, test")
    try:
        position = int(frame) if frame else None
        strength = float(intensity) if intensity else None
    except ValueError as error:
        raise ValueError(f"frame {frame!r} or intensity {intensity!r} is not a number") from error
    if strength is not None and not 0 <= strength <= 1:
        raise ValueError(f"intensity {intensity} is not between 0 and 1")
    return Face(
        os.path.normpath(os.path.join(folder, cells["path"].replace("\\", "/"))),
        expression,
        subject=cells.get("subject") or None,
        sequence=cells.get("sequence") or None,
        frame=position,
        intensity=strength,
        view=cells.get("view") or None,
        split=SPLITS[split.lower()] if split else None,
        sitting=cells.get("sitting") or None,
        take=cells.get("take") or None,
    )


class Files:
    """Whether a file, or a member of a zip archive, exists; each archive is listed once."""

    def __init__(self, known: set[str]) -> None:
        self.known = set(known)
        self.archives: set[str] = set()

    def __contains__(self, path: str) -> bool:
        packed = None if path in self.known else in_archive(path)
        if packed and packed[0] not in self.archives:
            self.archives.add(packed[0])
            self.known.update(walk(Path(packed[0])))
        return path in self.known or whether(Path(path).is_file)
