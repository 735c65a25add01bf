"""Codes whose content is known: the person, the expression, both or neither."""

import numpy as np
from numpy.typing import NDArray

from relgan.probes import Labels

EXPRESSIONS = ("anger", "fear", "happiness", "surprise")


def people(count: int = 12, pictures: int = 4) -> Labels:
    """Everyone shows every expression in ``pictures`` takes."""
    rows = [
        (f"s{s:02d}", name, f"s{s}-{name}-{k}")
        for s in range(count)
        for name in EXPRESSIONS
        for k in range(pictures)
    ]
    return Labels(*(np.array(column) for column in zip(*rows, strict=True)))


def codes(labels: Labels, of_person: float, of_expression: float, seed: int = 0) -> NDArray[np.float64]:
    """(N, 30): a direction per person and one per expression, of the given lengths, in noise."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(len(labels), 30))
    for column, strength in ((labels.subject, of_person), (labels.expression, of_expression)):
        for name in np.unique(column):
            table[column == name] += strength * rng.normal(size=30)
    return table
