"""``report.html``: the outcome of a run as one page that needs no network and prints."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from rich.console import Console
from rich.table import Table

from relgan import figures, gallery, paper
from relgan.files import write_text
from relgan.finished import finished_folds
from relgan.metrics import interval_text, percent
from relgan.predictions import METHOD_NAMES

FEW = 20  # people, below which a bootstrap over them is too sure of itself


def write_report(out: Path, show_faces: bool = True) -> Path:
    """Write ``report.html`` of the run in ``out`` from ``results.json`` and its folds' files.

    Args:
        out: the run's folder.
        show_faces: False leaves out every picture of people, real or reenacted.

    Returns:
        The page's path.
    """
    written = (out / "results.json").read_bytes()
    results = json.loads(written)
    folds = [record for record, _ in finished_folds(out, results["fingerprint"])]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("relgan", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = percent
    environment.filters["number"] = lambda value, digits=2: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["interval"] = interval_text
    environment.filters["fold_text"] = fold_text
    page = environment.get_template("report.html").render(
        results=results,
        drawn_by=drawn_by(results),
        wanting=wanting(results),
        names=METHOD_NAMES,
        codes=figures.CODE_NAMES,
        short=[sentence.replace(" %", "\u00a0%") for sentence in in_short(results)],
        table=paper.OF_DATASET.get(results["dataset"]),
        paper_tables=paper.TABLES,
        differences=paper.differences(results),
        folds=folds,
        bars=figures.fold_bars(results["methods"]),
        confusions={
            key: figures.confusion(method["confusion"], results["expressions"], METHOD_NAMES[key])
            for key, method in results["methods"].items()
        },
        calibration=figures.calibration_curve(results["methods"]),
        curves=figures.training_curves(gallery.logs(out, folds)),
        leakage=figures.leakage(results["disentanglement"]["probes"]),
        code_map=gallery.map_of_codes(out, folds),
        grids=gallery.grids(out, folds) if show_faces else [],
        mistakes=gallery.worst_mistakes(out, folds, results["expressions"], show_faces),
        show_faces=show_faces,
        settings=json.dumps(results["config"], indent=1),
        digest=hashlib.sha256(written).hexdigest(),
    )
    path = out / "report.html"
    write_text(page, path)
    return path


def drawn_by(results: Mapping[str, Any]) -> str:
    """What the bootstrap draws: people, or faces where a data set does not name people."""
    return "people" if results["subjects"] else "faces"


def in_short(results: Mapping[str, Any]) -> list[str]:
    """The run in a few sentences that claim no more than its intervals allow."""
    found, methods, d = results["comparison"], results["methods"], results["disentanglement"]
    right = [percent(methods[name]["accuracy"]) for name in ("relgan", "baseline")]
    said = [
        f"REL-GAN is right about {right[0]} of the faces, the CNN baseline about {right[1]}: "
        f"{100 * found['difference']:+.1f} points."
    ]
    if found["interval"] is None:
        said.append("With fewer than three people nothing can be said about others.")
    else:
        low, high = found["interval"]
        verdict = (
            "not shown to differ" if low <= 0 <= high else "REL-GAN is " + ("better" if low > 0 else "worse")
        )
        few = f", as far as {found['people']} people can say" if 0 < found["people"] < FEW else ""
        drawn = f"people such as these {found['people']}" if found["people"] else "faces such as these"
        said.append(
            f"Over {drawn} the difference lies between {100 * low:+.1f} and {100 * high:+.1f} points (95 %): "
            f"{verdict}{few}."
        )
    normalised = [methods[name]["person_normalised"] for name in ("relgan", "baseline")]
    if None not in normalised:
        without = [percent(scores["accuracy"]) for scores in normalised]
        said.append(
            "Once each person's own offset is taken out of the answers, for which all pictures of a person "
            f"are looked at together, REL-GAN is right about {without[0]}, the baseline about {without[1]}."
        )
    values = [
        d[key] for key in ("identity_from_expression_code", "identity_from_baseline_features", "chance")
    ]
    if None not in values:
        code, features, chance = map(percent, values)
        said.append(
            f"A linear probe finds the person in the expression code {code} of the time, in the baseline's "
            f"features {features}, by chance {chance}."
        )
    return said


def wanting(results: Mapping[str, Any]) -> str:
    """What an unfinished run has, in a sentence; empty where every fold of every seed is in."""
    if results["folds_finished"] == results["folds_wanted"]:
        return ""
    faces, people = results["tested"]["faces"], results["tested"]["people"]
    who = f"{people or 'unknown'} {'person' if people == 1 else 'people'}"
    done = f"{results['folds_finished']} of {results['folds_wanted']} folds are in"
    return f"{done}: {faces} test faces of {who}."


def fold_text(method: dict[str, Any]) -> str:
    """Mean and deviation over folds; of one fold there is no deviation."""
    deviation = f" ± {100 * method['fold_std']:.1f}" if len(method["folds"]) > 1 else ""
    return f"{100 * method['fold_mean']:.1f}{deviation} %"


def print_results(results: dict[str, Any], console: Console | None = None) -> None:
    """The headline table of a run, on the terminal."""
    console = console or Console()
    table = Table(
        title=f"{results['dataset']}, {results['faces']} faces of {results['subjects'] or 'unknown'} people",
        title_justify="left",
    )
    over = f"95 % over {drawn_by(results)}"
    for heading in ("method", "accuracy", over, "mean ± deviation over folds", "macro F1"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, method in results["methods"].items():
        table.add_row(
            METHOD_NAMES[name],
            percent(method["accuracy"]),
            interval_text(method["interval"]),
            fold_text(method),
            percent(method["macro_f1"]),
        )
    console.print(table)
    if lacking := wanting(results):
        console.print(lacking, highlight=False)
    for sentence in in_short(results)[1:]:
        console.print(sentence, highlight=False)
