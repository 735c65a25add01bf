"""Person-specific normalisation: what all pictures of a person have in common is taken out of the answers.

A face at rest is not the same for all: brows that lie low are anger to a network in every picture of a
person. Where several pictures of everyone are at hand, or one of everyone at rest, that offset can be seen
and taken away (Baltrusaitis, Mahmoud and Robinson 2015, for action units): from codes all of it, from answers
n / (n + 1) of what n pictures show, as if there were one picture more that tells nothing of the person, or
half of what the face at rest shows (docs/measures.md#each-person-normalised). Faces of nobody in particular
that show everything about equally often can be taken for one person's.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relgan.data.readers import regular_expression, subject_expression, subject_in
from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.metrics import as_list, recognition
from relgan.significance import accuracy_interval
from relgan.tables import as_text

FLOOR = 1e-6
"""Probabilities below what a table shows count as this."""
REST_SHARE = 0.5
"""How much of what sets their face at rest apart is taken out of answers; chosen on rendered strangers."""
CODE = re.compile(r"code_\d+")
SAID = ("predicted", "expression")
"""Columns that name the likeliest expression: in predictions.csv, where ``expression`` is the truth, and in
tables of `relgan predict`."""
PLACES = ("input", "path")
"""Columns that name the picture: in tables of `relgan predict` and `embed`, and in predictions.csv."""
AT_REST = ("neutral", "1", "1.0", "true", "yes")
"""What a column says of a face at rest."""

Floats = NDArray[np.floating]


def person_normalised(probabilities: Floats, people: Sequence[object] | NDArray[np.generic]) -> Floats:
    """Probabilities without what they have in common over the pictures of a person.

    Of the person's mean log-probabilities over n pictures n / (n + 1) are subtracted, as if everyone showed
    every expression equally often. A person with a single picture has nothing to compare it with and stays as
    they are.

    Args:
        probabilities: (N, C); rows sum to 1.
        people: (N,) whose face each row is.

    Returns:
        (N, C); rows sum to 1.
    """
    logs = np.log(np.maximum(probabilities, FLOOR))
    _, person = np.unique(np.asarray(people).astype(str), return_inverse=True)
    pictures = np.bincount(person)[person][:, None]
    return _softmax(logs - np.where(pictures > 1, pictures / (pictures + 1), 0) * _means(logs, person))


def rest_normalised(
    probabilities: Floats, people: Sequence[object] | NDArray[np.generic], at_rest: NDArray[np.bool_]
) -> Floats:
    """Probabilities without what sets a person at rest apart from the others at rest.

    Of a person's mean log-probabilities over the pictures at rest, less the mean of all people's, half is
    subtracted. However often somebody shows an expression, it stays.

    Args:
        probabilities: (N, C); rows sum to 1.
        people: (N,) whose face each row is.
        at_rest: (N,) which rows show somebody at rest; everyone needs one.

    Returns:
        (N, C); rows sum to 1.
    """
    logs = np.log(np.maximum(probabilities, FLOOR))
    return _softmax(logs - REST_SHARE * _offsets_at_rest(logs, people, at_rest))


def rest_centred(
    codes: Floats, people: Sequence[object] | NDArray[np.generic], at_rest: NDArray[np.bool_]
) -> Floats:
    """Codes (N, D) less what sets their person's mean at rest apart from the mean of all people's; everyone
    needs a picture at rest."""
    result: Floats = codes - _offsets_at_rest(codes, people, at_rest)
    return result


def _offsets_at_rest(
    values: Floats, people: Sequence[object] | NDArray[np.generic], at_rest: NDArray[np.bool_]
) -> Floats:
    """(N, C): for each row the mean of its person at rest less the mean of all people's such means."""
    names, person = np.unique(np.asarray(people).astype(str), return_inverse=True)
    means = _sums(values[at_rest], person[at_rest], len(names)) / np.bincount(person[at_rest])[:, None]
    offsets: Floats = (means - means.mean(axis=0))[person]
    return offsets


def _softmax(logs: Floats) -> Floats:
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    result: Floats = raised / raised.sum(axis=1, keepdims=True)
    return result


def person_centred(codes: Floats, people: Sequence[object] | NDArray[np.generic]) -> Floats:
    """Codes (N, D) less the mean of their person's, plus the mean of all; single pictures become that mean,
    for of them nothing but the person is known."""
    _, person = np.unique(np.asarray(people).astype(str), return_inverse=True)
    result: Floats = codes - _means(codes, person) + codes.mean(axis=0)
    return result


def _means(values: Floats, person: NDArray[np.intp]) -> Floats:
    """(N, C): for each row the mean over the rows of the same person."""
    sums = _sums(values, person, person.max(initial=-1) + 1)
    means: Floats = (sums / np.bincount(person)[:, None])[person]
    return means


def _sums(values: Floats, person: NDArray[np.intp], people: int) -> Floats:
    """(people, C): the sum over each person's rows."""
    sums = np.zeros((people, values.shape[1]))
    np.add.at(sums, person, values)
    return sums


def normalised_scores(rows: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any] | None:
    """Accuracy, its interval over people, and macro F1 of predictions after :func:`person_normalised`.

    Args:
        rows: of ``predictions.csv``, of one method; with a column ``seed`` each seed is normalised by itself.
        classes: the columns of probabilities.

    Returns:
        None where the people are unknown or have one picture each.
    """
    who = [str(name) for name in rows.subject]
    if "seed" in rows:
        who = [f"{seed}/{name}" for seed, name in zip(rows.seed, who, strict=True)]
    if rows.subject.isna().any() or len(set(who)) == len(who):
        return None
    names = list(classes)
    probabilities = person_normalised(rows[names].to_numpy(dtype=float), who)
    said = np.array(names)[probabilities.argmax(axis=1)]
    right = said == rows.expression.to_numpy(dtype=str)
    return {
        "accuracy": float(right.mean()),
        "interval": as_list(accuracy_interval(right, rows.subject.to_numpy(dtype=str))),
        "macro_f1": recognition(rows.expression.tolist(), said.tolist(), names).macro_f1,
    }


def columns_of(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The columns of probabilities, called by expressions, and those of codes."""
    names = [str(name) for name in table]
    return [name for name in names if name in CANONICAL], [name for name in names if CODE.fullmatch(name)]


def numbers_in(table: pd.DataFrame, place: Path) -> pd.DataFrame:
    """A table as read from a file, with numbers in its columns of probabilities and codes.

    Raises:
        InputError: there are no such columns, or something else stands in them.
    """
    columns = [name for part in columns_of(table) for name in part]
    if not columns:
        raise InputError(
            f"{place}: no columns called by expressions or code_00, code_01, ...; give a table of relgan "
            "predict or embed"
        )
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    gaps = numbers.isna().any(axis=1).to_numpy()
    if gaps.any():
        raise InputError(
            f"{place}: row {gaps.argmax() + 1} has no number in a column of {', '.join(columns)}"
        )
    return table.assign(**numbers)


def normalised(
    table: pd.DataFrame,
    people: Sequence[object],
    shown: Sequence[str] | None = None,
    at_rest: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """A table of `relgan predict`, `relgan embed` or predictions.csv with each person's own offset taken out.

    Probabilities are changed as in :func:`person_normalised` and the likeliest expression is named anew,
    codes as in :func:`person_centred`; with ``at_rest`` as in :func:`rest_normalised` and
    :func:`rest_centred`. Rows of different methods are kept apart.

    Args:
        table: a row per face, with columns called by expressions or ``code_00``, ``code_01``, ...
        people: (N,) whose face each row is.
        shown: the expressions that people were asked to show, all of the table's where None. To the others
            a probability of 0 is given, for the means say as much of what nobody shows as of the rest.
        at_rest: (N,) which rows show somebody at rest.

    Raises:
        InputError: there are no rows, or more or fewer people than rows; ``shown`` names an expression that
            the table has no column for, or one alone; somebody is never at rest, or there is one person alone
            to be compared at rest.
    """
    if not len(table):
        raise InputError("the table has no rows: no face to normalise")
    if len(people) != len(table):
        raise InputError(f"people: {len(people)} for {len(table)} rows; give one for each row")
    expressions, codes = columns_of(table)
    missing = sorted(set(shown or ()) - set(expressions))
    if missing:
        raise InputError(f"--expressions {missing[0]}: the table has {', '.join(expressions) or 'none'}")
    if shown is not None and len(set(shown)) < 2:
        raise InputError("--expressions: one leaves nothing to tell apart; name two or more")
    who = np.array([str(name) for name in people], dtype=object)
    method = table.method.astype(str).to_numpy() if "method" in table else np.full(len(table), "")
    kept = [name for name in expressions if shown is None or name in shown]
    result = table.astype(dict.fromkeys([*codes, *expressions], float))
    result[[name for name in expressions if name not in kept]] = 0.0
    for name in np.unique(method):
        part = method == name
        if at_rest is not None:
            _check_rest(who[part], at_rest[part])
        for columns, own, resting in (
            (codes, person_centred, rest_centred),
            (kept, person_normalised, rest_normalised),
        ):
            if not columns:
                continue
            values = table.loc[part, columns].to_numpy(dtype=float)
            result.loc[part, columns] = (
                own(values, who[part]) if at_rest is None else resting(values, who[part], at_rest[part])
            )
    said = next((name for name in SAID if name in table), None)
    if kept and said is not None:
        result[said] = np.array(kept, dtype=object)[result[kept].to_numpy(dtype=float).argmax(axis=1)]
    return result


def _check_rest(who: NDArray[np.object_], at_rest: NDArray[np.bool_]) -> None:
    resting = set(who[at_rest])
    for name in who:
        if name not in resting:
            raise InputError(
                f"--neutral: {name} has no picture at rest; give one, or leave such people's rows out"
            )
    if len(resting) < 2:
        raise InputError(
            f"--neutral: {who[0]} is the only person; add others, to whom a face at rest can be compared"
        )


def rest_in(
    table: pd.DataFrame, pattern: str | None = None, column: str | None = None
) -> NDArray[np.bool_] | None:
    """(N,) which rows of a table show somebody at rest; None where neither option is given.

    Args:
        table: a row per face.
        pattern: ``--neutral-pattern``, found in the names of such pictures (as in :func:`people_in`).
        column: ``--neutral``, which holds neutral, 1, true or yes there.

    Raises:
        InputError: there is no such column, the pattern is none, or there is no such row.
    """
    if pattern is not None:
        option = f"--neutral-pattern {pattern}"
        expression = regular_expression(pattern, option)
        found = np.array([expression.search(name) is not None for name in _names_in(table, option)])
        meant = "is found in no picture's name"
    elif column is not None:
        option = f"--neutral {column}"
        if column not in table:
            raise InputError(
                f"{option}: the table has no such column; name another, or give --neutral-pattern"
            )
        found = np.array([str(value).lower() in AT_REST for value in table[column]])
        meant = f"holds none of {', '.join(AT_REST)}"
    else:
        return None
    if not found.any():
        raise InputError(f"{option}: {meant}; say which pictures show people at rest")
    return found


def _names_in(table: pd.DataFrame, option: str) -> list[str]:
    """The names of the pictures.

    Raises:
        InputError: no column holds them.
    """
    for name in PLACES:
        if name in table:
            return [str(value) for value in table[name]]
    raise InputError(f"{option}: the table has no column {' or '.join(PLACES)} to search in")


def all_alike(table: pd.DataFrame, place: Path) -> list[str]:
    """One name for every row, where nobody is named: what all faces have in common goes.

    Args:
        table: a row per face.
        place: where it comes from.

    Raises:
        InputError: it holds codes alone, whose common offset says nothing.
    """
    if not columns_of(table)[0]:
        raise InputError(
            f"{place}: codes alone, and --together changes predictions; give a table of relgan predict, or "
            "name the people"
        )
    return [""] * len(table)


def people_in(table: pd.DataFrame, pattern: str | None = None, column: str | None = None) -> list[str]:
    """Whose face each row of a table is.

    Args:
        table: a row per face.
        pattern: ``--subject-pattern``, searched in the picture's name (column ``input``, or ``path`` in
            predictions.csv).
        column: the column that names the person, or several with commas between which do so together;
            ``subject`` where neither is given.

    Raises:
        InputError: there is no such column or a row of it is empty, or the pattern is none or does not match
            some row.
    """
    if pattern is None:
        asked = column or "subject"
        parts = [asked] if asked in table else asked.split(",")
        for name in parts:
            if name not in table:
                raise InputError(
                    f"--subject {name}: the table has no such column; name another, or give "
                    "--subject-pattern with the person's part of the file's name in brackets, like "
                    "'([^/]+)/[^/]+$' for its folder"
                )
        rows = as_text(table[parts])
        empty = (rows == "").any(axis=1).to_numpy()
        if empty.any():
            raise InputError(f"--subject {asked}: row {empty.argmax() + 1} names nobody; leave such rows out")
        return ["/".join(row) for row in rows.itertuples(index=False)]
    expression = subject_expression(pattern)
    people = []
    for text in _names_in(table, f"--subject-pattern {pattern}"):
        person = subject_in(text, expression)
        if not person:
            raise InputError(f"--subject-pattern {pattern}: does not match {text}")
        people.append(person)
    return people
