"""What the finished folds of a run add up to: ``results.json``."""

import json
import platform
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from relgan.config import Config
from relgan.files import write_text
from relgan.finished import finished_folds, predictions_of
from relgan.measures import pool_disentanglement, pool_reenactment
from relgan.metrics import as_list
from relgan.predictions import METHODS, averaged, people_of
from relgan.report import write_report
from relgan.scores import scores_of
from relgan.significance import Flags, mcnemar, people_difference
from relgan.study import Study

VERSIONS = ("relgan", "torch", "lightning", "numpy", "scipy", "scikit-learn", "torchmetrics", "pandas")


def summarise(
    study: Study,
    config: Config,
    out: Path,
    seeds: Sequence[int],
    device: str,
    mark: str,
    show_faces: bool = True,
) -> dict[str, Any]:
    """Pool all finished folds into ``results.json`` and ``report.html``, with pictures of people or without;
    returns the former. ``seeds`` are wanted, whether or not a fold of theirs is in."""
    done = finished_folds(out, mark)
    records = [record for record, _ in done]
    seeds = sorted({*seeds, *(record["seed"] for record in records)})
    pooled = predictions_of(done)
    measured = [record["measures"] for record in records if "measures" in record]
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
        "folds_wanted": len(seeds) * len(study.folds),
        "tested": {"faces": int(pooled.path.nunique()), "people": int(pooled.subject.nunique())},
        "methods": methods,
        "comparison": _comparison(pooled, study.data.classes),
        "disentanglement": pool_disentanglement(measured),
        "reenactment": pool_reenactment(measured),
        "notes": study.notes,
        "command": command_for(study, records),
        "fingerprint": mark,
        "config": config.as_dict(),
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "device": device,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }
    write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", out / "results.json")
    write_report(out, show_faces)
    return results


def command_for(study: Study, records: Sequence[dict[str, Any]]) -> str:
    """The command line that gives all of these folds, which may have come from several calls of `relgan
    evaluate`; other commands have no choice of folds."""
    words, kept = shlex.split(study.command), []
    if words[:2] != ["relgan", "evaluate"]:
        return study.command
    while words:
        word = words.pop(0)
        if word in ("--folds", "--seeds"):
            words = words[1:]
        elif not word.startswith(("--folds=", "--seeds=")):
            kept.append(word)
    folds, seeds = (sorted({record[key] for record in records}) for key in ("fold", "seed"))
    if seeds not in ([], [0]):
        kept += ["--seeds", ",".join(map(str, seeds))]
    if folds and len(folds) < len(study.folds):
        kept += ["--folds", ",".join(map(str, folds))]
    return shlex.join(kept)


def _method(table: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    right = table.expression == table.predicted
    by_fold = right.groupby([table.fold, table.seed]).mean().groupby(level=0).mean()
    return scores_of(table, classes) | {
        "fold_mean": float(by_fold.mean()),
        "fold_std": float(by_fold.std(ddof=1)) if len(by_fold) > 1 else 0.0,
        "folds": by_fold.tolist(),
        "by_seed": right.groupby(table.seed).mean().tolist(),
    }


def _comparison(pooled: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    """REL-GAN against the baseline on the same faces. ``people`` is 0 where they are unknown and the
    bootstrap is over faces.

    McNemar's test takes every face for a trial of its own, so it must not meet a face once a seed:
    ``by_seed`` has a test for each seed, ``mcnemar`` that of the probabilities averaged over the seeds.
    """
    first, second, both = _right(pooled, ["seed", "fold", "path"])
    difference = people_difference(first, second, people_of(both))
    by_seed = []
    for seed in sorted(both.seed.unique()):
        own = (both.seed == seed).to_numpy()
        by_seed.append({"seed": int(seed), **_tested(first[own], second[own])})
    return {
        "mcnemar": _tested(*_right(averaged(pooled, classes), ["path"])[:2]),
        "by_seed": by_seed,
        "difference": difference.accuracy,
        "interval": as_list(difference.interval),
        "people": difference.people if both.subject.notna().any() else 0,
    }


def _right(table: pd.DataFrame, keys: list[str]) -> tuple[Flags, Flags, pd.DataFrame]:
    """Whether REL-GAN and the baseline were right about each row that ``keys`` tell apart, and the rows."""
    relgan, baseline = (table[table.method == name] for name in ("relgan", "baseline"))
    both = relgan.merge(baseline, on=keys, suffixes=("", "_baseline"), validate="one_to_one")
    said = (both.predicted, both.predicted_baseline)
    first, second = ((both.expression == words).to_numpy(dtype=bool) for words in said)
    return first, second, both


def _tested(first: Flags, second: Flags) -> dict[str, Any]:
    return {"relgan": float(first.mean()), "baseline": float(second.mean()), **asdict(mcnemar(first, second))}
