"""The report's figures, as SVG text: quiet, legible in print, and told apart without colour too."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from relgan.predictions import METHOD_NAMES
from relgan.probes import Floats, Labels

COLOURS = {"baseline": "#9aa7b4", "relgan": "#2b6ca3"}
INK, QUIET = "#1b2530", "#5b6875"
# Okabe and Ito's palette, which colour-blind readers tell apart, and a shape each.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#000000", "#b8a800")
SHAPES = "os^DvPX*"
CODE_NAMES = {
    "expression_code": "expression code f(e)",
    "baseline_features": "baseline's features",
    "identity_code": "identity code f(i)",
}
CODE_COLOURS = {
    "expression_code": COLOURS["relgan"],
    "baseline_features": COLOURS["baseline"],
    "identity_code": "#b3763b",
}


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element with selectable text; the same figure gives the same text."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)


def plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=QUIET, labelcolor=INK, labelsize=9)


def fold_bars(methods: Mapping[str, Any]) -> str:
    """Accuracy per fold, a bar a method, and a line at each mean."""
    count = len(methods["relgan"]["folds"])
    figure = Figure(figsize=(min(9.0, max(4.6, 0.75 * count)), 2.5))
    axes = figure.add_subplot()
    for place, (name, colour) in enumerate(COLOURS.items()):
        accuracies = 100 * np.array(methods[name]["folds"])
        label = f"{METHOD_NAMES[name]}, mean {accuracies.mean():.1f} %"
        axes.bar(np.arange(count) + 0.4 * (place - 0.5), accuracies, 0.38, color=colour, label=label)
        axes.axhline(accuracies.mean(), color=colour, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.set_xticks(range(count), [str(k) for k in range(count)])
    axes.set_xlabel("fold, in the order run", fontsize=9)
    axes.set_ylabel("accuracy, %", fontsize=9)
    axes.set_ylim(0, 100)
    plain(axes)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9, frameon=False)
    return as_svg(figure, "accuracy of each fold")


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], name: str) -> str:
    """The confusion matrix: shade and figures are per cent of the true expression."""
    table = np.array(counts, dtype=float)
    shares = table / table.sum(1, keepdims=True).clip(min=1)
    figure = Figure(figsize=(4.6, 4.2))
    axes = figure.add_subplot()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1)  # vectors, where imshow would embed a bitmap
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(classes)) + 0.5, classes, rotation=45, ha="right")
    axes.set_yticks(np.arange(len(classes)) + 0.5, classes)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    plain(axes)
    for row in range(len(classes)):
        for column in range(len(classes)):
            if table[row, column]:
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{100 * shares[row, column]:.0f}"
                axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour, fontsize=9)
    return as_svg(figure, f"confusion matrix of {name}")


def leakage(probes: Mapping[str, Any]) -> str:
    """What probes read from each code: the person on the left, the expression on the right; chance marked."""
    figure = Figure(figsize=(8.6, 2.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    codes = list(CODE_NAMES)
    for axes, factor, title in zip(
        panels, ("identity", "expression"), ("the person is read", "the expression is read"), strict=True
    ):
        for place, code in enumerate(codes):
            for shift, kind, shape in ((-0.14, "linear", "o"), (0.14, "neighbours", "D")):
                found = probes[code][factor][kind]
                if found["accuracy"] is None:
                    continue
                x, y = 100 * found["accuracy"], place + shift
                if found["interval"] is not None:
                    low, high = (100 * end for end in found["interval"])
                    axes.plot([low, high], [y, y], color=CODE_COLOURS[code], linewidth=2, alpha=0.5)
                axes.plot(x, y, shape, color=CODE_COLOURS[code], markersize=6)
            chance = probes[code][factor]["linear"]["chance"]
            if chance is not None:
                axes.plot([100 * chance] * 2, [place - 0.35, place + 0.35], color=INK, linewidth=1)
        axes.set_xlim(0, 103)
        axes.set_title(f"{title}, % of faces", fontsize=9, loc="left", color=INK)
        axes.set_yticks(range(len(codes)), list(CODE_NAMES.values()))
        axes.grid(axis="x", color="#e3e8ec", linewidth=0.7)
        axes.set_axisbelow(True)
        plain(axes)
    panels[0].invert_yaxis()
    for shape, label in (("o", "linear probe"), ("D", "nearest neighbours")):
        panels[1].plot([], [], shape, color=QUIET, markersize=6, label=label)
    panels[1].plot([], [], "|", color=INK, markersize=12, label="chance")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return as_svg(figure, "what probes read from each code")


def calibration_curve(methods: Mapping[str, Any]) -> str:
    """Accuracy against confidence; on the diagonal a method knows what it knows."""
    figure = Figure(figsize=(3.6, 3.4))
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    for (name, colour), shape in zip(COLOURS.items(), "so", strict=True):
        found = methods[name]["calibration"]
        x, y = 100 * np.array(found["confidence"]), 100 * np.array(found["accuracy"])
        sizes = 15 + 120 * np.array(found["faces"]) / max(1, sum(found["faces"]))
        label = f"{METHOD_NAMES[name]}, error {100 * found['error']:.1f} %"
        axes.plot(x, y, color=colour, linewidth=1.5)
        axes.scatter(x, y, sizes, color=colour, marker=shape, label=label)
    axes.set_xlabel("confidence, %", fontsize=9)
    axes.set_ylabel("accuracy, %", fontsize=9)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    plain(axes)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.05, 1.0),
        fontsize=9,
        frameon=False,
        scatterpoints=1,
        markerscale=0.8,
    )
    return as_svg(figure, "calibration")


LOSSES = (
    ("pixel", "pixel (eq. 3)", PALETTE[0], "-"),
    ("adversarial", "adversarial", PALETTE[1], "--"),
    ("expression", "expression", PALETTE[2], "-."),
    ("identity", "identity", PALETTE[3], ":"),
)


def training_curves(logs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> str | None:
    """G's losses during stage 1, and accuracy on the validation fold; a thin line a fold, a thick one their
    median.

    Args:
        logs: per method the rows of each fold's ``log.jsonl``.
    """
    if not any(logs["relgan"]):
        return None
    figure = Figure(figsize=(8.6, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    for key, label, colour, line in LOSSES:
        _lines(left, logs["relgan"], key, colour, line, label)
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_locator(NullLocator())
    for name, line in (("baseline", "--"), ("relgan", "-")):
        _lines(right, logs[name], "validation", COLOURS[name], line, METHOD_NAMES[name], 100)
    right.set_ylim(0, 100)
    titles = "stage 1, losses of the generator", "accuracy on the validation fold, %"
    for axes, title in zip((left, right), titles, strict=True):
        axes.set_xlabel("step", fontsize=9)
        axes.set_title(title, fontsize=9, loc="left", pad=22)
        plain(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(
                fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4,
                columnspacing=1.2,
            )  # fmt: skip
    return as_svg(figure, "training curves")


def _lines(
    axes: Any, folds: Sequence[Sequence[Mapping[str, float]]], key: str, colour: str, line: str, label: str,
    scale: float = 1,
) -> None:  # fmt: skip
    by_step: dict[float, list[float]] = {}
    for rows in folds:
        points = [(row["step"], scale * row[key]) for row in rows if key in row]
        for step, value in points:
            by_step.setdefault(step, []).append(value)
        if points and len(folds) > 1:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.5, alpha=0.35)
    steps = sorted(by_step)
    if steps:
        medians = [float(np.median(by_step[step])) for step in steps]
        axes.plot(steps, medians, color=colour, linewidth=1.8, linestyle=line, label=label)


def code_map(places: Mapping[str, Floats], labels: Labels) -> str:
    """t-SNE of codes: baseline above REL-GAN, coloured by expression on the left and by person on the right.

    Args:
        places: per code (N, 2).
        labels: of the N faces.
    """
    figure = Figure(figsize=(8.2, 6.6), layout="constrained")
    panels = figure.subplots(len(places), 2, squeeze=False)
    for place, (code, xy) in enumerate(places.items()):
        for axes, names, by in zip(
            panels[place], (labels.expression, labels.subject), ("expression", "person"), strict=True
        ):
            shown = sorted(set(names.tolist()) - {""})
            for k, name in enumerate(shown):
                few = len(shown) <= len(PALETTE)
                colour = PALETTE[k] if few else matplotlib.colormaps["turbo"](k / (len(shown) - 1))
                here = names == name
                shape = SHAPES[k % len(SHAPES)]
                axes.scatter(
                    *xy[here].T, 16, color=colour, marker=shape, label=name.replace("$", r"\$"), linewidths=0
                )
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color("#c9d2da")
            axes.set_title(f"{CODE_NAMES[code]}, by {by}", fontsize=9, loc="left")
            if 1 < len(shown) <= 12 and place == len(places) - 1:
                axes.legend(
                    loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, fontsize=8, frameon=False,
                    handletextpad=0.1,
                )  # fmt: skip
    return as_svg(figure, "map of the codes")
