"""What this package gains over the straightforward way, measured side by side on the machine at hand.

Each measurement runs a plain reference and ours in turn in one process and gives both, their ratio, and the
share of what the machine itself can do: a large matrix product and a copy, measured in the same run. The
references (:mod:`relgan.benchmark.plain`) are what a careful user would write or install in an afternoon.
"""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from relgan.benchmark.machine import Machine, Row, measure_machine
from relgan.files import write_text
from relgan.models import Classifier
from relgan.weights import Weights

What = Literal["train", "predict", "prepare", "video", "start", "growth"]
ALL: tuple[What, ...] = ("train", "predict", "prepare", "video", "start")
"""What is measured where nothing is named: all but growth, which takes many minutes."""


def benchmark(
    what: Sequence[What],
    *,
    weights: Weights | None = None,
    preset: str = "paper",
    seconds: float = 10.0,
    faces: Path | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    out: Path | None = None,
    command: str = "",
    console: Console | None = None,
) -> dict[str, Any]:
    """Run measurements, print a table each, and return (and write to ``out``) all of them.

    Args:
        what: the measurements, in order.
        weights: of the recogniser; untrained networks of the preset's size where None, which are as fast.
        preset: sizes and settings that are trained.
        seconds: how long each side of a comparison runs, in all.
        faces: a folder or .zip of photographs of one face each to make scenes of; the packaged synthetic
            people where None.
        device: where the training is measured.
        out: JSON file.
        command: the command line, for the record.
        console: where the tables go.
    """
    from relgan.benchmark.growth import measure_growth
    from relgan.benchmark.predict import measure_predict, measure_prepare, untrained
    from relgan.benchmark.start import measure_start
    from relgan.benchmark.train import measure_train
    from relgan.benchmark.video import measure_video
    from relgan.config import preset as settings

    config = settings(preset)
    weights = weights or untrained(config)
    if weights.classifier is None:
        card = weights.card
        weights = replace(weights, classifier=Classifier(len(card.expressions), card.expression_dim).eval())
    machine = measure_machine(device)
    runs: dict[What, Callable[[], list[Row]]] = {
        "train": lambda: measure_train(config, machine, seconds, device),
        "predict": lambda: measure_predict(weights, machine, seconds, faces),
        "prepare": lambda: measure_prepare(machine, seconds, faces),
        "video": lambda: measure_video(weights, machine, seconds, faces),
        "start": measure_start,
        "growth": measure_growth,
    }
    console = console or Console()
    record: dict[str, Any] = {
        "command": command,
        "machine": asdict(machine),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in ("relgan", "torch")}},
        "preset": preset,
        "network": {"size": weights.card.size, "width": weights.card.width},
    }
    console.print(machine.words(), highlight=False)
    for name in what:
        rows = runs[name]()
        record[name] = [asdict(row) | {"ratio": row.ratio} for row in rows]
        console.print(table_of(name, rows))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_text(json.dumps(record, indent=1) + "\n", out)
    return record


def table_of(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("what", "reference", "ours", "ratio", "of the peak", "note"):
        table.add_column(column, justify="left" if column in ("what", "note") else "right")
    for row in rows:
        table.add_row(
            f"{row.name}, {row.unit}",
            _number(row.reference),
            _number(row.ours),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            ", ".join(
                "" if share is None else f"{share:.0%}" for share in (row.reference_share, row.ours_share)
            ).strip(", "),
            row.note,
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


__all__ = ["ALL", "Machine", "Row", "What", "benchmark", "table_of"]
