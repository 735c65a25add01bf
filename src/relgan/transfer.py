"""Weights on a data set they never learnt from: what they recognise, leak and paint there as they are."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.measures import codes_of
from relgan.metrics import per_expression, percent, recognition
from relgan.probes import Labels, identity_probe, verification_error
from relgan.recognition import predict_baseline, predict_codes
from relgan.reenacted import measure_reenactment
from relgan.significance import mcnemar
from relgan.training import write_text
from relgan.weights import Weights


def measure_transfer(weights: Weights, data: FaceTensors, fabric: Fabric, seed: int = 0) -> dict[str, Any]:
    """Both methods of some weights on the faces of other people, on the expressions that both know.

    Probabilities of expressions the data set does not show are left out, and so are faces whose expression
    the weights do not know.

    Args:
        weights: with classifier and baseline.
        data: aligned faces; ``classes`` are the weights' expressions.
        fabric: device and precision.
        seed: of the pairs and the drawings.

    Returns:
        Per method accuracy, macro F1, confusion and scores per expression; McNemar's test; identity probes
        where people are known; reenactment.

    Raises:
        InputError: the weights hold no classifier or baseline, or fewer than two expressions are shared.
    """
    if weights.classifier is None or weights.baseline is None:
        raise InputError("these weights hold no classifier and no baseline; give those of relgan train")
    size, classes = weights.card.size, data.classes
    shown = {face.expression for face in data.faces}
    shared = [name for name in classes if name in shown]
    if len(shared) < 2:
        raise InputError("the data set and the weights share fewer than two expressions")
    encoder = weights.generator.to(fabric.device).expression_encoder
    baseline = weights.baseline.to(fabric.device)
    probabilities = {
        "baseline": predict_baseline(baseline, data, size, fabric),
        "relgan": predict_codes(encoder, weights.classifier, data, size, fabric),
    }
    columns = [classes.index(name) for name in shared]
    known = np.array([face.expression in shared for face in data.faces])
    truth = [face.expression or "" for face in data.faces if face.expression in shared]
    methods: dict[str, Any] = {}
    right: dict[str, NDArray[np.bool_]] = {}
    for name, table in probabilities.items():
        said = np.array(shared)[table[known][:, columns].argmax(1)]
        right[name] = said == np.array(truth)
        scores = recognition(truth, said.tolist(), shared)
        methods[name] = asdict(scores) | {
            "per_expression": [asdict(row) for row in per_expression(truth, said.tolist(), shared)]
        }
    return {
        "faces": int(known.sum()),
        "people": len(data.people),
        "expressions": shared,
        "chance": max(truth.count(name) for name in shared) / len(truth),
        "methods": methods,
        "mcnemar": asdict(mcnemar(right["relgan"], right["baseline"])),
        "identity": _identity(weights, data, fabric, seed),
        "reenactment": measure_reenactment(weights.generator, baseline, data, len(data), size, seed)
        if data.people
        else None,
    }


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


def write_transfer(found: dict[str, Any], out: Path) -> None:
    """The findings as JSON."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(json.dumps(found, indent=1) + "\n", out)


def print_transfer(found: dict[str, Any], console: Console | None = None) -> None:
    """The findings as two small tables."""
    console = console or Console()
    title = f"{found['faces']} faces, {found['people'] or 'unknown'} people; always the commonest: "
    table = Table(title=title + percent(found["chance"]), title_justify="left")
    for heading in ("", "CNN baseline", "REL-GAN"):
        table.add_column(heading, justify="right" if heading else "left")
    methods = [found["methods"][name] for name in ("baseline", "relgan")]
    for key, label in (("accuracy", "accuracy"), ("macro_f1", "macro F1")):
        table.add_row(label, *(percent(scores[key]) for scores in methods))
    for place, expression in enumerate(found["expressions"]):
        recalls = [percent(scores["per_expression"][place]["recall"]) for scores in methods]
        table.add_row(f"recall, {expression}", *recalls)
    console.print(table)
    test = found["mcnemar"]
    alone = f"right alone: REL-GAN {test['first_only']}, baseline {test['second_only']}"
    console.print(f"{alone}; McNemar's p = {test['p']:.2g}", highlight=False)
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
