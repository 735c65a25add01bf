"""Probe any embedding that stands in a CSV or Parquet file, whoever's network made it."""

import difflib
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from relgan.data.listing import separator_in
from relgan.data.readers import regular_expression
from relgan.errors import InputError
from relgan.metrics import percent
from relgan.probes import (
    KINDS,
    Floats,
    Labels,
    Probe,
    expression_probe,
    identity_probe,
    pool_probes,
    verification_error,
)
from relgan.tables import PARQUET, as_text

OURS = re.compile(r"code_\d+")  # what `relgan embed` calls its columns
NOT_CODES = {"frame", "time_s", "face", "x", "y", "w", "h", "detection"}  # numbers of it that are none
ROW_NUMBERS = re.compile(r"|index|Unnamed: \d+|__index_level_\d+__")  # pandas' own name, or none


@dataclass(frozen=True)
class Embedding:
    """(N, D) codes with their labels, the columns they stood in, and how many rows were left out."""

    codes: Floats
    labels: Labels
    columns: list[str]
    left_out: int


def read_embedding(
    path: Path, subject: str, expression: str, take: str | None = None, codes: str | None = None
) -> Embedding:
    """Read codes and labels; rows without a subject or expression, or with a gap in the code, are left out.

    Args:
        path: .csv or .parquet.
        subject, expression: columns that say who it is and what they show.
        take: column that says which performance a row is a frame of.
        codes: regular expression that the code's columns match; where not given ``code_00``, ``code_01``,
            ..., or if there are none every column of numbers that is no label.

    Raises:
        InputError: no such file, it cannot be read, a column is missing, or no row is left.
    """
    table = read_table(path)
    labels = [name for name in (subject, expression, take) if name is not None]
    for option, name in (("--subject", subject), ("--expression", expression), ("--take", take)):
        if name is not None and name not in table:
            there = [str(column) for column in table]
            close = difflib.get_close_matches(name, there, 3) or [t for t in there if not OURS.fullmatch(t)]
            raise InputError(f"{option} {name}: {path} has no such column; it has {', '.join(close)}")
    columns = _code_columns(table, labels, codes, path)
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    texts = {name: as_text(table[[name]])[name].to_numpy(dtype=str) for name in labels}
    complete = np.isfinite(numbers).all(1) & (texts[subject] != "") & (texts[expression] != "")
    if not complete.any():
        raise InputError(f"{path}: no row has a subject, an expression and a whole code")
    rows = np.arange(len(table)).astype(str)
    takes = rows
    if take is not None:  # a row without one is a take of its own
        takes = np.where(texts[take] == "", rows, np.char.add(np.char.add(texts[subject], "/"), texts[take]))
    named = Labels(texts[subject], texts[expression], takes)
    return Embedding(numbers[complete], named.rows(complete), columns, int((~complete).sum()))


def read_table(path: Path) -> pd.DataFrame:
    """A table with a row per face; the cells of a CSV file stay text.

    Raises:
        InputError: no such file, or it cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .csv or .parquet file with a row per face")
    try:
        if path.suffix.lower() in PARQUET:
            return pd.read_parquet(path)
        with path.open("rb") as stream:
            if stream.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):
                raise InputError(f"{path}: is UTF-16; save it as UTF-8")
        # A person may be called NA or 007.
        table = pd.read_csv(path, dtype=object, keep_default_na=False, encoding_errors="backslashreplace")
        if len(table.columns) == 1 and (kind := separator_in(str(table.columns[0]))):
            raise InputError(f"{path}: separated by {kind}; save it with commas")
        return table
    except ImportError as error:
        raise InputError(f"{path}: reading Parquet needs pyarrow; pip install pyarrow") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a .csv or .parquet file") from error


def _code_columns(table: pd.DataFrame, labels: Sequence[str], codes: str | None, path: Path) -> list[str]:
    others = [str(name) for name in table if name not in labels]
    if codes is not None:
        asked = regular_expression(codes, f"--codes {codes}")
        chosen = [name for name in others if asked.fullmatch(name)]
        if not chosen:
            raise InputError(f"--codes {codes}: no column of {path} is called so; {', '.join(others)} are")
        return chosen
    ours = [name for name in others if OURS.fullmatch(name)]
    numeric = [
        name
        for name in others
        if name not in NOT_CODES
        and not _counts_rows(name, table[name])
        and pd.to_numeric(table[name], errors="coerce").notna().mean() > 0.5
        and not pd.api.types.is_bool_dtype(table[name])
    ]
    if not (ours or numeric):
        raise InputError(f"{path}: no column of numbers besides the labels; name the code's with --codes")
    return ours or numeric


def _counts_rows(name: str, column: "pd.Series[Any]") -> bool:
    """Whether a column holds the rows' own numbers, as pandas writes them unless it is told not to: rows lie
    sorted by person or expression, which such numbers give away."""
    if ROW_NUMBERS.fullmatch(name):
        return True
    numbers = pd.to_numeric(column, errors="coerce").to_numpy()
    counted = np.arange(len(numbers))
    return len(numbers) > 2 and bool((numbers == counted).all() or (numbers == counted + 1).all())


def probe(embedding: Embedding, seed: int = 0) -> dict[str, Any]:
    """What the probes of docs/measures.md read from an embedding, in the shape of ``results.json``."""
    codes, labels = embedding.codes, embedding.labels

    def as_json(found: Probe) -> dict[str, Any]:
        return pool_probes([asdict(found)])

    return {
        "faces": len(labels),
        "people": len(set(labels.subject.tolist())),
        "expressions": sorted(set(labels.expression.tolist())),
        "columns": embedding.columns,
        "rows_left_out": embedding.left_out,
        "identity": {kind: as_json(identity_probe(codes, labels, kind, seed)) for kind in KINDS},
        "expression": {kind: as_json(expression_probe(codes, labels, kind)) for kind in KINDS},
        "verification_error": verification_error(codes, labels, seed),
    }


def print_probe(found: dict[str, Any], console: Console | None = None) -> None:
    """The findings as a table, and what they mean in a sentence."""
    console = console or Console()
    table = Table(
        title=f"{found['faces']} faces of {found['people']} people, {len(found['expressions'])} expressions, "
        f"{len(found['columns'])} numbers a face",
        title_justify="left",
    )
    for heading in ("read", "by", "accuracy", "95 % interval", "chance", "information"):
        table.add_column(heading, justify="left" if heading in ("read", "by") else "right")
    for factor, name in (("identity", "person"), ("expression", "expression")):
        for kind in KINDS:
            row = found[factor][kind]
            interval = row["interval"]
            table.add_row(
                name,
                kind,
                percent(row["accuracy"]),
                "–" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %",
                percent(row["chance"]),
                "–" if row["information"] is None else f"{row['information']:.2f}",
            )
    console.print(table)
    if found["verification_error"] is not None:
        console.print(
            f"Equal error rate of telling whether two pictures show one person: "
            f"{percent(found['verification_error'])} (50 %: the code does not say)."
        )
    if found["rows_left_out"]:
        console.print(f"{found['rows_left_out']} rows without subject, expression or a whole code left out.")
    person = found["identity"]["linear"]
    if person["accuracy"] is None:
        console.print(
            "The person cannot be asked for: it takes two people with two expressions each, a take for each."
        )
    elif person["interval"] is not None and person["interval"][0] <= person["chance"]:
        console.print("No identity is found beyond chance by a linear probe.")
