"""What the finished folds of a run add up to: ``results.json``."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from relgan.config import Config
from relgan.data.tensors import FaceTensors
from relgan.metrics import recognition
from relgan.report import write_report
from relgan.study import Study
from relgan.training import write_text

METHODS = ("baseline", "relgan")
VERSIONS = ("relgan", "torch", "lightning", "numpy", "scikit-learn")


def finished(folder: Path, mark: str) -> dict[str, Any] | None:
    """The record of a finished fold, or None where it is yet to be run (with these settings)."""
    path = folder / "fold.json"
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record if record["fingerprint"] == mark else None


def prediction_table(test: FaceTensors, probabilities: dict[str, Any]) -> pd.DataFrame:
    """One row per test face and method: path, subject, expression, method, predicted, probabilities."""
    rows = []
    for method, table in probabilities.items():
        for face, p in zip(test.faces, table, strict=True):
            named = {name: float(value) for name, value in zip(test.classes, p, strict=True)}
            rows.append(
                {
                    "path": face.path,
                    "subject": face.subject,
                    "expression": face.expression,
                    "method": method,
                    "predicted": test.classes[int(np.argmax(p))],
                    **named,
                }
            )
    return pd.DataFrame(rows)


def summarise(
    study: Study,
    config: Config,
    out: Path,
    seeds: Sequence[int],
    folds: Sequence[int],
    device: str,
    mark: str,
) -> dict[str, Any]:
    """Pool the finished folds into ``results.json`` and ``report.html``; returns the former."""
    records, tables = [], []
    for seed in seeds:
        for index in folds:
            folder = out / f"seed_{seed}" / f"fold_{index}"
            record = finished(folder, mark)
            if record is not None:
                records.append(record)
                tables.append(pd.read_csv(folder / "predictions.csv").assign(seed=seed, fold=index))
    pooled = pd.concat(tables, ignore_index=True)
    methods = {name: _method(pooled[pooled.method == name], study.data.classes) for name in METHODS}
    results: dict[str, Any] = {
        "dataset": study.dataset,
        "protocol": study.protocol,
        "preset": config.preset,
        "seeds": list(seeds),
        "faces": len(study.data),
        "subjects": len(study.data.people),
        "expressions": study.data.classes,
        "folds_finished": len(records),
        "folds_wanted": len(seeds) * len(folds),
        "methods": methods,
        "disentanglement": _disentanglement(records),
        "notes": study.notes,
        "command": study.command,
        "fingerprint": mark,
        "config": config.as_dict(),
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "device": device,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }
    write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", out / "results.json")
    write_report(out)
    return results


def _method(table: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    scores = recognition(table.expression.tolist(), table.predicted.tolist(), classes)
    right = (table.expression == table.predicted).astype(float)
    by_fold = right.groupby([table.fold, table.seed]).mean().groupby(level=0).mean()
    by_seed = right.groupby(table.seed).mean()
    return {
        "accuracy": scores.accuracy,
        "fold_mean": float(by_fold.mean()),
        "fold_std": float(by_fold.std(ddof=1)) if len(by_fold) > 1 else 0.0,
        "macro_f1": scores.macro_f1,
        "folds": by_fold.tolist(),
        "confusion": scores.confusion,
        "by_seed": by_seed.tolist(),
    }


def _disentanglement(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Probe accuracies over all folds, each weighted by its faces; None where no probe could be run."""

    def pooled(key: str, value: str) -> float | None:
        probes = [
            record["identity_probe"][key] for record in records if record["identity_probe"][key]["faces"]
        ]
        faces = sum(probe["faces"] for probe in probes)
        return sum(probe[value] * probe["faces"] for probe in probes) / faces if faces else None

    readable = [
        r["expression_from_identity_code"] for r in records if r["expression_from_identity_code"] is not None
    ]
    return {
        "identity_from_expression_code": pooled("expression_code", "accuracy"),
        "identity_from_baseline_features": pooled("baseline_features", "accuracy"),
        "chance": pooled("expression_code", "chance"),
        "expression_from_identity_code": sum(readable) / len(readable) if readable else None,
        "people_per_probe": sorted({r["identity_probe"]["expression_code"]["people"] for r in records}),
        "people_are_from": sorted({r["identity_probe_people"] for r in records}),
    }
