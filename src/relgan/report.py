"""``report.html``: the outcome of a run as one page that needs no network."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from relgan.training import write_text

NAMES = {"baseline": "CNN baseline", "relgan": "REL-GAN"}


def write_report(out: Path, show_faces: bool = True) -> Path:
    """Write ``report.html`` of the run in ``out`` from its ``results.json`` and its folds' pictures; returns
    its path."""
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    folds = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("seed_*/fold_*/fold.json"))
    ]
    folds = sorted(
        (fold for fold in folds if fold["fingerprint"] == results["fingerprint"]),
        key=lambda fold: (fold["seed"], fold["fold"]),
    )
    grids = [
        {"title": f"seed {fold['seed']}, fold {fold['fold']}", "picture": _embed(path)}
        for fold in folds
        if (path := out / f"seed_{fold['seed']}" / f"fold_{fold['fold']}" / "samples.png").exists()
        and show_faces
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("relgan", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: "–" if value is None else f"{100 * value:.1f} %"
    page = environment.get_template("report.html").render(
        results=results,
        names=NAMES,
        folds=folds,
        bars=_fold_bars(results),
        confusions={
            key: _confusion(m["confusion"], results["expressions"]) for key, m in results["methods"].items()
        },
        grids=grids,
        settings=json.dumps(results["config"], indent=1),
    )
    path = out / "report.html"
    write_text(page, path)
    return path


def _embed(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _confusion(counts: list[list[int]], classes: list[str]) -> str:
    """The confusion matrix as an SVG: colour and figures are shares of the true expression."""
    table = np.array(counts, dtype=float)
    shares = table / table.sum(1, keepdims=True).clip(min=1)
    figure = Figure(figsize=(4.6, 4.2))
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for row in range(len(classes)):
        for column in range(len(classes)):
            if table[row, column]:
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    return _svg(figure)


def _fold_bars(results: dict[str, Any]) -> str:
    """Accuracy per fold, a bar a method."""
    methods = results["methods"]
    count = len(methods["relgan"]["folds"])
    figure = Figure(figsize=(max(4.6, 0.8 * count), 2.6))
    axes = figure.add_subplot()
    for place, (name, colour) in enumerate((("baseline", "#b8c4d0"), ("relgan", "#2b6ca3"))):
        axes.bar(
            np.arange(count) + 0.4 * (place - 0.5),
            100 * np.array(methods[name]["folds"]),
            0.38,
            color=colour,
            label=NAMES[name],
        )
    axes.set_xticks(range(count), [str(k) for k in range(count)])
    axes.set_xlabel("fold, in the order run")
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(0, 100)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=8)
    return _svg(figure)


def print_results(results: dict[str, Any], console: Console | None = None) -> None:
    """The headline table of a run, on the terminal."""
    console = console or Console()
    table = Table(
        title=f"{results['dataset']}, {results['faces']} faces of {results['subjects']} people",
        title_justify="left",
    )
    for heading in ("method", "accuracy", "mean ± deviation over folds", "macro F1"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, method in results["methods"].items():
        table.add_row(
            NAMES[name],
            f"{100 * method['accuracy']:.1f} %",
            f"{100 * method['fold_mean']:.1f} ± {100 * method['fold_std']:.1f} %",
            f"{100 * method['macro_f1']:.1f} %",
        )
    console.print(table)
    d = results["disentanglement"]
    found = [d[key] for key in ("identity_from_expression_code", "identity_from_baseline_features", "chance")]
    if None not in found:
        code, features, chance = (f"{100 * value:.0f} %" for value in found)
        console.print(
            f"A linear probe finds the person in f(e) {code} of the time, "
            f"in the baseline's features {features}, by chance {chance}."
        )
