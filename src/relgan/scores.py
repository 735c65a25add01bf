"""What the predictions of one method are worth."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from relgan.metrics import as_list, calibration, per_expression, recognition
from relgan.normalise import normalised_scores
from relgan.predictions import people_of
from relgan.significance import accuracy_interval


def scores_of(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Accuracy with its interval over people (over pictures where people are unknown), macro F1, confusion,
    scores per expression, calibration, and the scores with each person normalised.

    Args:
        table: rows of ``predictions.csv`` of one method.
        classes: its columns of probabilities.
    """
    names = list(classes)
    truth, predicted = table.expression.tolist(), table.predicted.tolist()
    right = (table.expression == table.predicted).to_numpy(dtype=bool)
    return {
        **asdict(recognition(truth, predicted, names)),
        "interval": as_list(accuracy_interval(right, people_of(table))),
        "per_expression": [asdict(row) for row in per_expression(truth, predicted, names)],
        "calibration": asdict(calibration(table[names].to_numpy().max(1), right)),
        "person_normalised": normalised_scores(table, names),
    }
