"""Runs of ``relgan evaluate`` side by side, with the tests that say whether one is better."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from relgan.errors import InputError
from relgan.finished import finished_folds, predictions_of
from relgan.metrics import as_list, interval_text, percent
from relgan.predictions import METHOD_NAMES, METHODS, averaged, people_of
from relgan.significance import mcnemar, people_difference


@dataclass(frozen=True)
class Run:
    """A run's folder as named on the command line, its ``results.json`` and a row per prediction.

    ``predictions`` has the columns of ``predictions.csv``, seed, fold, and ``face``: the picture's name below
    the prepared folder, with person and expression, which is the same in every run on the data set.
    """

    name: str
    results: dict[str, Any]
    predictions: pd.DataFrame


def load_run(folder: Path) -> Run:
    """Read a finished or unfinished run.

    Raises:
        InputError: the folder holds none.
    """
    path = folder / "results.json"
    if not path.is_file():
        raise InputError(f"{folder}: no results.json; give a folder made by relgan evaluate")
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        mark = results["fingerprint"]
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: not the results of relgan evaluate ({error!r})") from error
    done = finished_folds(folder, mark)
    if not done:
        raise InputError(f"{folder}: no seed_*/fold_*/predictions.csv of this run; run relgan evaluate again")
    predictions = predictions_of(done)
    names = [path.replace("\\", "/").rsplit("/faces/", 1)[-1] for path in predictions.path]
    told = zip(names, predictions.subject.fillna(""), predictions.expression, strict=True)
    face = pd.Series(["|".join(map(str, words)) for words in told], dtype=object)
    return Run(str(folder), results, predictions.assign(face=face))


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """Each run's methods, and tests: the two methods of each run, and each method of every two runs.

    Returns:
        ``methods``: a row per run and method with accuracy, interval, macro F1 and identity leakage.
        ``tests``: a row per comparison; ``difference`` is the first's accuracy less the second's on the
        faces both predicted, with the interval of a bootstrap over people; McNemar's test is on the
        probabilities averaged over the seeds of each.
    """
    arms = [(run, method) for run in runs for method in METHODS]
    tests = [_test((run, "relgan"), (run, "baseline")) for run in runs]
    tests += [
        _test((first, method), (second, method))
        for first, second in combinations(runs, 2)
        for method in reversed(METHODS)
    ]
    return {"methods": [_scores(run, method) for run, method in arms], "tests": tests}


def _scores(run: Run, method: str) -> dict[str, Any]:
    scores = run.results["methods"][method]
    code = "expression_code" if method == "relgan" else "baseline_features"
    probes = run.results["disentanglement"].get("probes", {}).get(code, {})
    return {
        "run": run.name,
        "dataset": run.results["dataset"],
        "preset": run.results["preset"],
        "method": method,
        "accuracy": scores["accuracy"],
        "interval": scores.get("interval"),
        "macro_f1": scores["macro_f1"],
        "identity": probes.get("identity", {}).get("linear"),
    }


def _test(first: tuple[Run, str], second: tuple[Run, str]) -> dict[str, Any]:
    """Two methods on the faces that both predicted."""
    sides = {"first": [first[0].name, first[1]], "second": [second[0].name, second[1]]}
    right = [_right(run, method) for run, method in (first, second)]
    both = right[0].join(right[1], how="inner", lsuffix="_first", rsuffix="_second")
    if both.empty:
        return {**sides, "faces": 0, "people": 0, "mcnemar": None, "difference": None, "interval": None}
    people = people_of(both.reset_index(names="path").rename(columns={"subject_first": "subject"}))
    found = people_difference(both.mean_first.to_numpy(), both.mean_second.to_numpy(), people)
    once = mcnemar(both.final_first.to_numpy(dtype=bool), both.final_second.to_numpy(dtype=bool))
    return {
        **sides,
        "faces": len(both),
        "people": found.people if both.subject_first.notna().any() else 0,
        "mcnemar": asdict(once),
        "difference": found.accuracy,
        "interval": as_list(found.interval),
    }


def _right(run: Run, method: str) -> pd.DataFrame:
    """Per face: the person, the share of seeds that were right, and whether their mean probabilities are."""
    rows = run.predictions[run.predictions.method == method]
    right = (rows.expression == rows.predicted).astype(float)
    table = rows.assign(right=right).groupby("face")
    final = averaged(rows.assign(path=rows.face), run.results["expressions"]).set_index("path")
    return pd.DataFrame(
        {
            "subject": table.subject.first(),
            "mean": table.right.mean(),
            "final": final.expression == final.predicted,
        }
    )


def short_names(folders: Sequence[str]) -> dict[str, str]:
    """The shortest endings of some paths that tell them apart."""
    parts = {folder: Path(folder).resolve().parts for folder in folders}
    for count in range(1, 1 + max(len(part) for part in parts.values())):
        endings = {folder: str(Path(*part[-count:])) for folder, part in parts.items()}
        if len(set(endings.values())) == len(parts):
            break
    return endings


def print_comparison(found: dict[str, Any], console: Console | None = None) -> None:
    """Two tables for the terminal."""
    console = console or Console()
    short = short_names([row["run"] for row in found["methods"]])
    table = Table(title="Runs", title_justify="left")
    for heading in ("run", "method"):
        table.add_column(heading, overflow="fold")
    for heading in ("accuracy,\n95 % over people", "macro F1", "person read,\nchance"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found["methods"]:
        person = row["identity"]
        table.add_row(
            f"{short[row['run']]}\n{row['dataset']}, {row['preset']}",
            METHOD_NAMES[row["method"]],
            f"{percent(row['accuracy'])}\n{interval_text(row['interval'])}",
            percent(row["macro_f1"]),
            f"{percent(person['accuracy'])}\n{percent(person['chance'])}" if person else "–",
        )
    console.print(table)
    table = Table(title="Is one better?", title_justify="left")
    for heading in ("first", "second"):
        table.add_column(heading, overflow="fold")
    for heading in ("faces", "points,\n95 % over people", "right alone,\nMcNemar"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found["tests"]:
        names = [
            METHOD_NAMES[method] + (f"\n{short[run]}" if len(short) > 1 else "")
            for run, method in (row["first"], row["second"])
        ]
        if not row["faces"]:
            table.add_row(*names, "none in common", "–", "–")
            continue
        test = row["mcnemar"]
        table.add_row(
            *names,
            f"{row['faces']}\n" + (f"of {row['people']} people" if row["people"] else "people unknown"),
            f"{100 * row['difference']:+.1f}\n{interval_text(row['interval'], '+.1f')}",
            f"{test['first_only']} : {test['second_only']}\np = {test['p']:.2g}",
        )
    console.print(table)
    console.print(
        "Right alone: the first, the second. An interval over people that holds 0 says: not shown to differ. "
        "McNemar's test takes a person's faces for independent, which they are not, so its p is too small; "
        "with many comparisons some p is small by luck."
    )
