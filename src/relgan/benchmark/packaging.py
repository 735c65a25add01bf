"""Trained weights into the package, with what was measured on their card, and their curves as a picture:
``python -m relgan.benchmark.packaging RUNS TESTS IMAGE``.

RUNS holds a folder of `relgan train` per packaged name, TESTS a folder NAME-DATASET of `relgan test` per name
and data set. For maintainers, in a clone: it writes into the sources.
"""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from relgan.files import write_text
from relgan.weights import CARD, PACKAGED, load_weights

DATASETS = ("jaffe", "fer2013")
COLOURS = {"synthetic": "#1b5fa8", "wild": "#c2571a"}
CURVES = (
    ("baseline/log.jsonl", "loss", "baseline: cross-entropy"),
    ("log.jsonl", "pixel", "pixel loss, weighted"),
    ("log.jsonl", "agreement", "disagreement of codes"),
    ("log.jsonl", "guide", "guide: cross-entropy"),
    ("log.jsonl", "expression_real", "D's own expression loss"),
)
SMOOTH = 15
"""Rows of the log behind each point of a curve."""


def summary(found: dict[str, Any], command: str) -> dict[str, Any]:
    """What a card tells of a test: `relgan test`'s findings without the tables."""

    def scores(name: str) -> dict[str, float]:
        return {key: round(found["methods"][name][key], 4) for key in ("accuracy", "macro_f1")}

    told = {
        "command": command,
        **{key: found[key] for key in ("faces", "expressions")},
        "chance": round(found["chance"], 4),
        **{name: scores(name) for name in ("baseline", "relgan")},
    }
    if found["identity"]:
        told["identity"] = {name: _rounded(row) for name, row in found["identity"].items()}
    if found["reenactment"]:
        told["reenactment"] = {
            key: _rounded(found["reenactment"][key]) for key in ("output", "copied_target", "expression_read")
        }
    return told


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in row.items()}


def install(run: Path, name: str, tests: Path) -> None:
    """The weights of a run under a packaged name, with the tests that are there on the card."""
    weights = load_weights(run)
    folder = PACKAGED / name
    card = asdict(weights.card) | {"measured": {}}
    for dataset in DATASETS:
        found = tests / f"{name}-{dataset}" / "test.json"
        if found.exists():
            part = " --split test" if dataset == "fer2013" else ""
            command = f"relgan test {dataset} {dataset}.zip{part} --weights {name} --out {name}-{dataset}"
            card["measured"][dataset] = summary(json.loads(found.read_text(encoding="utf-8")), command)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in weights.networks():
        shutil.copy(run / file, folder / file)
    write_text(json.dumps(card, indent=1) + "\n", folder / CARD)
    load_weights(name)


def draw_curves(runs: dict[str, Path], out: Path) -> None:
    """Losses over the steps, smoothed, a panel each."""
    figure, axes = plt.subplots(1, len(CURVES), figsize=(14, 3))
    for axis, (log, key, title) in zip(axes, CURVES, strict=True):
        for name, run in runs.items():
            lines = (run / log).read_text(encoding="utf-8").splitlines()
            curve = pd.DataFrame([json.loads(line) for line in lines]).set_index("step")[key].dropna()
            curve = curve.rolling(SMOOTH, min_periods=1, center=True).mean()
            axis.plot(curve.index, curve, color=COLOURS.get(name), label=name, linewidth=1.2)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("steps", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(out, dpi=100)
    plt.close(figure)


def main(runs: str, tests: str, image: str) -> None:
    folders = {name: Path(runs) / name for name in COLOURS}
    for name, run in folders.items():
        install(run, name, Path(tests))
    draw_curves(folders, Path(image))


if __name__ == "__main__":
    main(*sys.argv[1:])
