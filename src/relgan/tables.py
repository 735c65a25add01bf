"""Rows per face: as pandas tables, and as CSV or Parquet files that grow while work goes on."""

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.shots import Shot

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("input", "frame", "time_s", "face", "x", "y", "w", "h", "detection")
DECIMALS = {"time_s": 4, "x": 1, "y": 1, "w": 1, "h": 1, "detection": 4}
OTHERS = 6  # decimals of probabilities and codes
PARQUET = (".parquet", ".pq")  # how names of Parquet files end
ROW_GROUP = 20_000  # rows of a Parquet file that are held until they are written


def code_columns(count: int) -> list[str]:
    """Names for the numbers of an expression code: code_00, code_01, ..."""
    return [f"code_{position:02d}" for position in range(count)]


def frame_of(shots: Sequence[Shot], values: NDArray[np.float32], names: Sequence[str]) -> "pd.DataFrame":
    """One row per face: the keys, then values (n, len(names)) in columns of these names."""
    import pandas as pd

    faces = [(shot, face) for shot in shots for face in shot.faces]
    keys: dict[str, Any] = {
        "input": pd.Series([shot.input for shot, _ in faces], dtype="object"),
        "frame": pd.Series([shot.frame for shot, _ in faces], dtype="Int64"),
        "time_s": np.array([np.nan if s.time_s is None else s.time_s for s, _ in faces], np.float64),
        "face": np.array([face.face for _, face in faces], np.int64),
    }
    boxes = np.array([np.multiply(face.box, shot.scale) for shot, face in faces], np.float64).reshape(-1, 4)
    keys |= dict(zip("xywh", boxes.T, strict=True))
    scores = [np.nan if face.detection is None else face.detection for _, face in faces]
    keys["detection"] = np.array(scores, np.float64)
    columns = values.reshape(-1, len(names)).astype(np.float64).T
    return pd.DataFrame(keys | dict(zip(names, columns, strict=True)))


def _with_numbers(table: "pd.DataFrame") -> "pd.DataFrame":
    """Our columns of numbers as numbers again in a table read from CSV, where cells are text."""
    import pandas as pd

    numbers: dict[str, Any] = {}
    for name in KEYS[1:]:
        if name in table and table[name].dtype == object:
            values = pd.to_numeric(table[name].replace("", None), errors="coerce")
            if (values.notna() | (table[name] == "")).all():
                numbers[name] = values.astype("Int64") if name in ("frame", "face") else values.astype(float)
    return table.assign(**numbers)


def _with_names(table: "pd.DataFrame") -> "pd.DataFrame":
    """Names of files that are no UTF-8 with their odd bytes written as \\xe9, which any reader takes."""
    names = {
        name: [
            str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            for text in table[name]
        ]
        for name in ("input", "path")
        if name in table
    }
    return table.assign(**names)


def as_text(table: "pd.DataFrame") -> "pd.DataFrame":
    """Cells as text, missing ones empty."""
    return table.astype(object).where(table.notna(), "").astype(str)


class TableWriter(Protocol):
    """Where rows go as they are made."""

    def write(self, table: "pd.DataFrame") -> None: ...

    def close(self) -> None: ...


class CsvWriter:
    """A CSV file in which every table is on the disk before the next is made; "-" is standard output.

    What the file held before stays until the first table comes.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, place: str, columns: Sequence[str]) -> None:
        self._place, self._columns = place, list(columns)
        self._begun, self._new = False, not os.path.exists(place)
        try:
            self._file: TextIO = sys.stdout
            if place != "-":
                os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
                self._file = open(place, "a", encoding="utf-8", newline="")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"{place}: cannot be written ({error.strerror or error})") from error
        self._rows = csv.writer(self._file, lineterminator="\n")

    def _begin(self) -> None:
        if self._place != "-" and os.path.isfile(self._place):
            self._file.truncate(0)
        self._rows.writerow(self._columns)
        self._begun = True

    def write(self, table: "pd.DataFrame") -> None:
        table = _with_names(table)
        columns = [
            [
                "" if missing else _text(value, _decimals(str(name)))
                for value, missing in zip(table[name].tolist(), table[name].isna(), strict=True)
            ]
            for name in table.columns
        ]
        try:
            if not self._begun:
                self._begin()
            self._rows.writerows(zip(*columns, strict=True))
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"{self._place}: cannot be written ({error.strerror or error})") from error

    def close(self) -> None:
        if self._place != "-":
            self._file.close()
            if self._new and not self._begun:
                os.unlink(self._place)


def _decimals(column: str) -> int | None:
    """After the point, in a column of ours; None in one that somebody else brought along."""
    ours = column in CANONICAL or column.startswith("code_")
    return DECIMALS.get(column, OTHERS if ours else None)


def _text(value: Any, decimals: int | None) -> str:
    """A cell: our numbers short, never in powers of ten."""
    return f"{value:.{decimals}f}" if isinstance(value, float) and decimals is not None else str(value)


class ParquetWriter:
    """A Parquet file; it appears under its name when it is closed, for before its end it cannot be read.

    Raises:
        InputError: the package pyarrow is missing, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            remedy = "pip install 'relgan[parquet]', or choose a .csv file"
            raise InputError(f"{path}: Parquet needs the package pyarrow; {remedy}") from error
        self._arrow: Any = pyarrow
        self.path, self._beside = path, path.with_name(path.name + ".part")
        self._waiting: list[pd.DataFrame] = []
        self._writer: Any = None
        if path.is_dir():
            raise InputError(f"{path}: a folder; give the name of a file")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._beside.touch()
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error

    def write(self, table: "pd.DataFrame") -> None:
        self._waiting.append(_with_names(_with_numbers(table)))
        if sum(map(len, self._waiting)) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pandas as pd

        table = self._arrow.Table.from_pandas(
            pd.concat(self._waiting, ignore_index=True), preserve_index=False
        )
        strings = {"input", "expression"}  # a column without a row would have no type
        fields = [
            self._arrow.field(f.name, self._arrow.string()) if f.name in strings else f for f in table.schema
        ]
        table = table.cast(self._arrow.schema(fields))
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._beside, table.schema)
        self._writer.write_table(table)
        self._waiting = []

    def close(self) -> None:
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._beside.replace(self.path)
        else:
            self._beside.unlink(missing_ok=True)


def table_writer(place: str, columns: Sequence[str]) -> TableWriter:
    """A writer for a .csv or .parquet file, or "-" for CSV on standard output.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    suffix = Path(place).suffix.lower()
    if place != "-" and os.path.isdir(place):
        raise InputError(f"{place}: a folder; give the name of a file, .csv or .parquet")
    if place == "-" or suffix == ".csv":
        return CsvWriter(place, columns)
    if suffix in PARQUET:
        return ParquetWriter(Path(place))
    raise InputError(f"{place}: tables are written as .csv or .parquet; choose one of these")
