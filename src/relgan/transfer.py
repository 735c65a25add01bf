"""Weights on a data set they never learnt from: what they recognise, leak and paint there as they are."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightning.fabric import Fabric
from rich.console import Console
from rich.table import Table

from relgan.baseline import predict_baseline
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.files import write_text
from relgan.measures import codes_of
from relgan.metrics import Floats, as_list, interval_text, percent
from relgan.predictions import METHOD_NAMES, people_of, prediction_table
from relgan.probes import Labels, identity_probe, verification_error
from relgan.recognition import predict_codes
from relgan.reenacted import measure_reenactment
from relgan.scores import scores_of
from relgan.significance import mcnemar, people_difference
from relgan.weights import Weights


@dataclass(frozen=True)
class Transfer:
    """What ``relgan test`` found.

    Attributes:
        findings: per method accuracy with its interval, macro F1, confusion, calibration, scores per
            expression, and scores with each person normalised where people are known; McNemar's test and the
            difference with its interval; identity probes where people are known; reenactment. Intervals are
            bootstraps over people, over faces where people are unknown.
        predictions: a row per face and method, as in ``predictions.csv`` of ``relgan evaluate``.
    """

    findings: dict[str, Any]
    predictions: pd.DataFrame


def measure_transfer(weights: Weights, data: FaceTensors, fabric: Fabric, seed: int = 0) -> Transfer:
    """Both methods of some weights on the faces of other people, on the expressions that both know.

    Probabilities are those of the expressions the data set shows, scaled to a sum of 1; faces whose
    expression the weights do not know are left out.

    Args:
        weights: with classifier and baseline.
        data: aligned faces; ``classes`` are the weights' expressions.
        fabric: device and precision.
        seed: of the pairs and the drawings.

    Raises:
        InputError: the weights hold no classifier or baseline, or fewer than two expressions are shared.
    """
    if weights.classifier is None or weights.baseline is None:
        parts = {"classifier": weights.classifier, "baseline": weights.baseline}
        lacking = " and no ".join(name for name, part in parts.items() if part is None)
        raise InputError(f"these weights hold no {lacking}; give those of relgan train")
    size, classes = weights.card.size, data.classes
    shown = {face.expression for face in data.faces}
    shared = [name for name in classes if name in shown]
    if len(shared) < 2:
        raise InputError("the data set and the weights share fewer than two expressions")
    encoder = weights.generator.to(fabric.device).expression_encoder
    baseline = weights.baseline.to(fabric.device)
    everything = {
        "baseline": predict_baseline(baseline, data, size, fabric),
        "relgan": predict_codes(encoder, weights.classifier, data, size, fabric),
    }
    columns = [classes.index(name) for name in shared]
    known = [i for i, face in enumerate(data.faces) if face.expression in shared]
    truth = [data.faces[i].expression or "" for i in known]
    probabilities = {name: of_these(table[known][:, columns]) for name, table in everything.items()}
    predictions = prediction_table([data.faces[i] for i in known], shared, probabilities)
    tables = {name: predictions[predictions.method == name] for name in probabilities}
    methods = {name: scores_of(table, shared) for name, table in tables.items()}
    right = {name: (table.predicted == table.expression).to_numpy(bool) for name, table in tables.items()}
    people = people_of(tables["relgan"])
    difference = people_difference(right["relgan"], right["baseline"], people)
    findings = {
        "faces": len(known),
        "people": len(data.people),
        "expressions": shared,
        "chance": max(truth.count(name) for name in shared) / len(truth),
        "methods": methods,
        "mcnemar": asdict(mcnemar(right["relgan"], right["baseline"])),
        "difference": difference.accuracy,
        "interval": as_list(difference.interval),
        "identity": _identity(weights, data, fabric, seed),
        "reenactment": measure_reenactment(weights.generator, baseline, data, len(data), size, seed)
        if data.people
        else None,
    }
    return Transfer(findings, predictions)


def of_these(probabilities: Floats) -> Floats:
    """Some columns of a table of probabilities, as if there were no others."""
    scaled: Floats = probabilities / np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-12)
    return scaled


def _identity(weights: Weights, data: FaceTensors, fabric: Fabric, seed: int) -> dict[str, Any] | None:
    """Linear and nearest-neighbour probes and the verification error of the three codes."""
    if len(data.people) < 2:
        return None
    assert weights.baseline is not None
    labels, found = Labels.of(data.faces), {}
    for name, codes in codes_of(weights.generator, weights.baseline, data, fabric).items():
        linear = identity_probe(codes, labels, "linear", seed)
        found[name] = {
            "linear": linear.accuracy,
            "neighbours": identity_probe(codes, labels, "neighbours", seed).accuracy,
            "chance": linear.chance,
            "verification_error": verification_error(codes, labels, seed),
        }
    return found


def refuse_other_test(out: Path, made_by: Mapping[str, Any]) -> None:
    """What ``relgan test`` found before is not written over by that of other weights or faces.

    Raises:
        InputError: ``out`` holds the test of others.
    """
    try:
        before = json.loads((out / "test.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for key in ("weights", "dataset", "split", "pictures"):
        if key in made_by and before.get(key, made_by[key]) != made_by[key]:
            raise InputError(f"--out {out}: holds the test of other {key}; choose another folder")


def write_transfer(transfer: Transfer, out: Path, made_by: Mapping[str, Any]) -> list[Path]:
    """Write ``test.json``, the findings with ``made_by``, and ``predictions.csv`` into a folder; their
    paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "test.json", out / "predictions.csv"]
    write_text(json.dumps({**made_by, **transfer.findings}, indent=1, allow_nan=False) + "\n", paths[0])
    write_text(transfer.predictions.to_csv(index=False), paths[1])
    return paths


def print_transfer(found: dict[str, Any], console: Console | None = None) -> None:
    """The findings as two small tables."""
    console = console or Console()
    title = f"{found['faces']} faces, {found['people'] or 'unknown'} people; always the commonest: "
    table = Table(title=title + percent(found["chance"]), title_justify="left")
    for heading in ("", *METHOD_NAMES.values()):
        table.add_column(heading, justify="right" if heading else "left")
    methods = [found["methods"][name] for name in METHOD_NAMES]
    over = "people" if found["people"] else "faces"
    table.add_row("accuracy", *(percent(scores["accuracy"]) for scores in methods))
    table.add_row(f"95 % over {over}", *(interval_text(scores["interval"]) for scores in methods))
    table.add_row("macro F1", *(percent(scores["macro_f1"]) for scores in methods))
    table.add_row("calibration error", *(percent(scores["calibration"]["error"]) for scores in methods))
    if methods[0]["person_normalised"]:
        normalised = [percent(scores["person_normalised"]["accuracy"]) for scores in methods]
        table.add_row("accuracy, each person normalised", *normalised)
    for place, expression in enumerate(found["expressions"]):
        recalls = [percent(scores["per_expression"][place]["recall"]) for scores in methods]
        table.add_row(f"recall, {expression}", *recalls)
    console.print(table)
    test = found["mcnemar"]
    alone = f"right alone: REL-GAN {test['first_only']}, baseline {test['second_only']}"
    gain = f"difference {100 * found['difference']:+.1f} points"
    if found["interval"] is not None:
        gain += f" (95 % over {over}: {interval_text(found['interval'], '+.1f')})"
    console.print(f"{gain}; {alone}; McNemar's p = {test['p']:.2g}", highlight=False)
    if found["identity"]:
        leak = Table(title="the person in the code", title_justify="left")
        for heading in ("", "linear probe", "neighbours", "chance", "verification error"):
            leak.add_column(heading, justify="right" if heading else "left")
        for name, row in found["identity"].items():
            leak.add_row(name.replace("_", " "), *(percent(row[key]) for key in list(row)))
        console.print(leak)
    if found["reenactment"] and found["reenactment"]["output"]:
        output, copied = found["reenactment"]["output"], found["reenactment"]["copied_target"]
        parts = [f"{key.upper()} {output[key]:.3f} (target as it is: {copied[key]:.3f})" for key in output]
        console.print("reenactment: " + ", ".join(parts), highlight=False)
