"""FER+: the FER2013 pictures with ten new votes each.

``fer2013new.csv`` (columns Usage, Image name, neutral, happiness, surprise, sadness, anger, disgust, fear,
contempt, unknown, NF) has the lines of ``fer2013.csv`` in the same order and lies beside it, or beside the
folders FER2013Train, FER2013Valid and FER2013Test that the authors' script makes of it. The label is the
authors' "majority" rule (Barsoum et al. 2016, and the README and reader of github.com/microsoft/FERPlus):
single votes do not count, and the first vote needs more than half of the rest; pictures without a majority,
unknown and no-face are left out.
"""

import csv
import io
import re
from pathlib import Path, PurePath

from relgan.data.face import Face, walk
from relgan.data.fer2013 import TABLES, USAGES, rows_of
from relgan.data.reader import (
    ABSENT,
    NOT_A_PICTURE,
    Protocol,
    Reader,
    Reading,
    Skipped,
    refuse,
    stem,
    text_of,
)
from relgan.errors import InputError
from relgan.expressions import canonical

PICTURE = re.compile(r"fer\d{7}\.(?:png|jpe?g|bmp)", re.IGNORECASE)
VOTES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)


def read(root: Path) -> Reading:
    """Faces with a majority of votes.

    Raises:
        InputError: the votes or the pictures are missing, or do not belong together.
    """
    files = list(walk(root))
    votes = next((path for path in files if PurePath(path).name.lower() == "fer2013new.csv"), None)
    if votes is None:
        raise InputError(f"{root}: no fer2013new.csv; expected {FERPLUS.layout}")
    table = next((path for name in TABLES for path in files if PurePath(path).name.lower() == name), None)
    lines = list(csv.DictReader(io.StringIO(text_of(votes), newline="")))
    if not lines or not {"Usage", "Image name", *VOTES} <= lines[0].keys():
        raise InputError(
            f"{votes}: expected the columns Usage, Image name, {', '.join(VOTES)}; download it again"
        )
    by_name = {stem(path): path for path in files if PICTURE.fullmatch(PurePath(path).name)}
    in_table = [row.picture for row in rows_of(table)] if table and not by_name else []
    if in_table and len(in_table) != len(lines):
        raise InputError(
            f"{votes}: {len(lines)} lines, but {table} has {len(in_table)}; use the original tables"
        )
    faces: list[Face] = []
    used = {votes, table, *by_name.values()}
    skipped = [Skipped(path, NOT_A_PICTURE) for path in files if path not in used]
    wrong: list[str] = []
    for number, line in enumerate(lines):
        name = line["Image name"] or f"line {number + 2} of {votes}"
        picture = in_table[number] if in_table else by_name.get(stem(line["Image name"] or ""))
        split = USAGES.get((line["Usage"] or "").lower())
        try:
            winner = majority([int(line[vote]) for vote in VOTES])
        except (ValueError, TypeError):  # a line that was cut off has no cells there
            winner = ""
        if winner == "" or split is None:
            wrong.append(f"line {number + 2}")
        elif winner is None:
            skipped.append(Skipped(name, "no majority"))
        elif canonical(winner) is None:
            skipped.append(Skipped(name, "not a face" if winner == "NF" else "majority for unknown"))
        elif picture is None:
            skipped.append(Skipped(name, ABSENT))
        else:
            faces.append(Face(picture, canonical(winner), split=split))
    if wrong:
        refuse([f"{votes} {wrong[0]}", *wrong[1:]], "votes are whole numbers and usages as in fer2013.csv")
    return Reading(faces, skipped)


def majority(votes: list[int]) -> str | None:
    """The name with more than half of the votes, single votes not counted."""
    counted = [vote if vote > 1 else 0 for vote in votes]
    most = max(counted)
    return VOTES[counted.index(most)] if 2 * most > sum(counted) else None


FERPLUS = Reader(
    name="ferplus",
    title="FER+",
    read=read,
    layout="fer2013new.csv beside fer2013.csv or beside FER2013{Train,Valid,Test}/fer0000000.png",
    protocol=Protocol("split", "trained on Training, choices on PublicTest, tested on PrivateTest"),
    citation="Barsoum, Zhang, Canton Ferrer, Zhang: Training deep networks for facial expression recognition "
    "with crowd-sourced label distribution, ICMI 2016",
    cropped=True,
    people="fer2013",
)
