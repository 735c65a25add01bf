"""``relgan check``: what a data set on disk holds, against the counts its authors published."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from relgan.data.face import Face
from relgan.data.folds import plan_folds
from relgan.data.reader import Published, Reader, Skipped
from relgan.data.readers import read, reader_named
from relgan.errors import InputError
from relgan.expressions import classes_of

ALL = "all"
UNLABELLED = "unlabelled"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Check:
    """The census of one root.

    Attributes:
        reader: the data set.
        root: where it lies.
        census: the table of :func:`census`.
        skipped: what the reader left out.
        differences: from the published counts, one sentence each.
        protocol: what an evaluation would do with these faces, or why it cannot.
    """

    reader: Reader
    root: Path
    census: pd.DataFrame
    skipped: list[Skipped]
    differences: list[str]
    protocol: str


def census(faces: Sequence[Face]) -> pd.DataFrame:
    """Faces, subjects and sequences per expression, with a last row "all".

    The columns are faces, subjects, sequences, no_subject (faces without a person), and the faces of train,
    validation and test where the data set fixes them. Faces without an expression are the row "unlabelled".
    """
    splits = [split for split in SPLITS if any(face.split == split for face in faces)]
    rows = [*classes_of(face.expression for face in faces)]
    if any(face.expression is None for face in faces):
        rows.append(UNLABELLED)
    counts = {
        row: counts_of([face for face in faces if (face.expression or UNLABELLED) == row], splits)
        for row in rows
    }
    table = pd.DataFrame.from_dict({**counts, ALL: counts_of(faces, splits)}, orient="index")
    return table.rename_axis("expression")


def counts_of(faces: Sequence[Face], splits: Sequence[str]) -> dict[str, int]:
    """One row of the census."""
    return {
        "faces": len(faces),
        "subjects": len({face.subject for face in faces if face.subject is not None}),
        "sequences": len({(face.subject, face.sequence) for face in faces if face.sequence is not None}),
        "no_subject": sum(face.subject is None for face in faces),
        **{split: sum(face.split == split for face in faces) for split in splits},
    }


def compare(table: pd.DataFrame, published: Published) -> list[str]:
    """What differs between a census and the published counts, one plain sentence each."""

    def here(row: str, column: str) -> int:
        return cell(table, row, column) if row in table.index and column in table.columns else 0

    expected: list[tuple[str, int, int]] = []
    for column in ("faces", "subjects", "sequences"):
        count = getattr(published, column)
        if count is not None:
            expected.append((column, here(ALL, column), count))
    for column, counts in (("faces", published.expressions), ("sequences", published.expression_sequences)):
        expected += [
            (f"{row}: {column}", here(row, column), counts.get(row, 0)) for row in rows_of(table, counts)
        ]
    expected += [(f"{split}: faces", here(ALL, split), count) for split, count in published.splits.items()]
    return [
        f"{what}: {found} here, {count} published ({found - count:+d})"
        for what, found, count in expected
        if found != count
    ]


def cell(table: pd.DataFrame, row: str, column: str) -> int:
    """One number of a census."""
    return int(table[column][row])


def rows_of(table: pd.DataFrame, counts: object) -> list[str]:
    """The expressions that stand in the published counts or on disk; none where no counts are published."""
    names = list(counts) if isinstance(counts, dict) else []
    return [*names, *(row for row in table.index if row not in names and row != ALL)] if names else []


def check(name: str, root: Path | str, subject_pattern: str | None = None) -> Check:
    """Read a data set and hold it against the published counts.

    Raises:
        InputError: see :func:`relgan.data.readers.read`.
    """
    reader = reader_named(name)
    reading = read(name, root, subject_pattern)
    table = census(reading.faces)
    differences = compare(table, reader.published) if reader.published else []
    try:
        protocol = plan_folds(reading.faces, reader.protocol).text
    except InputError as error:
        protocol = f"{reader.protocol.text}, not possible as it is: {error}"
    return Check(reader, Path(root), table, reading.skipped, differences, protocol)


def print_check(result: Check, console: Console | None = None) -> None:
    """Print a census, what was skipped and what differs from the published counts."""
    console = console or Console()
    faces, subjects, anonymous = (
        cell(result.census, ALL, name) for name in ("faces", "subjects", "no_subject")
    )
    columns = [
        name for name in result.census.columns if name != "no_subject" and cell(result.census, ALL, name)
    ]
    console.print(f"{result.reader.title} in {result.root}", markup=False, soft_wrap=True)
    table = Table()
    table.add_column("expression")
    for column in columns:
        table.add_column(column, justify="right")
    for row in result.census.index:
        if row == ALL:
            table.add_section()
        table.add_row(row, *(str(cell(result.census, row, column)) for column in columns))
    console.print(table)
    people = f"{subjects} subjects" if subjects else "no subjects named"
    console.print(
        f"{faces} faces, {people}"
        + (f", {anonymous} faces without a subject" if subjects and anonymous else "")
    )
    for reason, count in Counter(skipped.reason for skipped in result.skipped).most_common():
        example = next(skipped.path for skipped in result.skipped if skipped.reason == reason)
        console.print(f"skipped {count}: {reason} (such as {example})", markup=False, soft_wrap=True)
    console.print(f"protocol: {result.protocol}", markup=False, soft_wrap=True)
    if result.reader.published is None:
        console.print("no published counts to compare with")
    elif result.differences:
        console.print(
            f"differs from the published counts ({result.reader.published.source}):",
            markup=False,
            soft_wrap=True,
        )
        for difference in result.differences:
            console.print(f"  {difference}", markup=False, soft_wrap=True)
    else:
        console.print(f"as published ({result.reader.published.source})", markup=False, soft_wrap=True)
