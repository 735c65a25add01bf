"""``predictions.csv`` of a fold: a row per test face and method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relgan.data.face import Face

METHODS = ("baseline", "relgan")
METHOD_NAMES = {"baseline": "CNN baseline", "relgan": "REL-GAN"}


def prediction_table(
    faces: Sequence[Face], classes: Sequence[str], probabilities: Mapping[str, NDArray[np.floating]]
) -> pd.DataFrame:
    """Path, subject, expression, method, predicted, and a column of probabilities per expression.

    Args:
        faces: N test faces.
        classes: the C expressions in order.
        probabilities: per method (N, C).
    """
    parts = []
    for method, table in probabilities.items():
        text = {
            "path": [face.path for face in faces],
            "subject": [face.subject for face in faces],
            "expression": [face.expression for face in faces],
            "method": [method] * len(faces),
            "predicted": [classes[k] for k in np.argmax(table, axis=1)],
        }
        numbers = pd.DataFrame(np.asarray(table, np.float64), columns=list(classes))
        # As objects: pandas' own strings are UTF-8, names of files need not be.
        parts.append(pd.DataFrame(text, dtype=object).join(numbers))
    return pd.concat(parts, ignore_index=True)


def read_predictions(path: Path) -> pd.DataFrame:
    """The table from disk; a subject called 007 or NA (JAFFE has one) stays what it is."""
    text = dict.fromkeys(("path", "subject", "expression", "method", "predicted"), object)
    table = pd.read_csv(path, dtype=text, keep_default_na=False, encoding_errors="surrogateescape")
    return table.assign(subject=table.subject.replace("", None))


def averaged(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """One row per picture and method: mean probabilities over the seeds, and the expression they favour.

    Args:
        table: rows of ``predictions.csv`` of one run, of one seed or several.
        classes: the columns of probabilities.
    """
    names = list(classes)
    rows = table.groupby(["method", "path"])
    mean = rows[names].mean()
    chosen = np.asarray(names, dtype=object)[mean.to_numpy().argmax(axis=1)]
    return rows[["subject", "expression"]].first().assign(predicted=chosen).join(mean).reset_index()


def people_of(table: pd.DataFrame) -> NDArray[np.str_]:
    """The person of each row; where people are unknown every picture stands for itself."""
    return np.array([str(name) for name in table.subject.fillna(table.path)], dtype=str)
