"""The folds of a run that are finished, and what they predicted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from relgan.errors import InputError
from relgan.predictions import read_predictions

Done = tuple[dict[str, Any], Path]
"""The record of a finished fold and its folder."""


def finished(folder: Path, mark: str, name: str = "fold.json") -> dict[str, Any] | None:
    """The record of a finished fold, or None where it is yet to be run (with these settings)."""
    path = folder / name
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record if record["fingerprint"] == mark else None


def finished_folds(out: Path, mark: str) -> list[Done]:
    """All finished folds of a run, by seed and fold, whichever call or process they were made by."""
    found = [(finished(path.parent, mark), path.parent) for path in out.glob("seed_*/fold_*/fold.json")]
    done = [(record, folder) for record, folder in found if record is not None]
    return sorted(done, key=lambda pair: (pair[0]["seed"], pair[0]["fold"]))


def predictions_of(done: Sequence[Done]) -> pd.DataFrame:
    """The rows of ``predictions.csv`` of finished folds, one or more, with their seed and fold.

    Raises:
        InputError: one is missing.
    """
    tables = []
    for record, folder in done:
        path = folder / "predictions.csv"
        if not path.exists():
            raise InputError(f"{path}: missing; run relgan evaluate again")
        tables.append(read_predictions(path).assign(seed=record["seed"], fold=record["fold"]))
    return pd.concat(tables, ignore_index=True)
