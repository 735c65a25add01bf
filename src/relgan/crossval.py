"""The person-independent protocol: both methods on the same folds, crops and seeds, in one resumable run.

A run's folder::

    folds.txt                     who trains, chooses and tests in each fold
    run.json                      settings and the fingerprint of settings and faces
    prepared/                     the aligned faces, unless the root was prepared already
    seed_0/fold_3/fold.json       one finished fold; with it the fold is never run again
    seed_0/fold_3/predictions.csv one row per test face and method
    seed_0/fold_3/codes.npz       codes of people whom the networks that made them never saw
    seed_0/fold_3/samples.png     source, target, truth and output for test people
    results.json, report.html     the outcome so far, rewritten after each fold
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from rich.console import Console
from rich.progress import Progress

from relgan.baseline import predict_baseline, train_baseline
from relgan.checkpoints import CHECKPOINT
from relgan.config import Config
from relgan.data.folds import Fold, verify, write_folds
from relgan.data.pairs import NO_TRUTH, Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.files import LOCK, alone, write_text
from relgan.finished import finished
from relgan.grids import save_grid
from relgan.measures import measure_fold, together
from relgan.predictions import METHODS, prediction_table
from relgan.recognition import predict_codes, quick_score, train_stage2
from relgan.reenactment import train_reenactment
from relgan.seeds import seeded
from relgan.study import Study, fingerprint
from relgan.summary import summarise
from relgan.training import device_name, progress_bar
from relgan.weights import Weights


def evaluate(
    study: Study,
    config: Config,
    *,
    out: Path,
    fabric: Fabric,
    seeds: Sequence[int] = (0,),
    folds: Sequence[int] | None = None,
    start: Weights | None = None,
    show_faces: bool = True,
    cluster: bool = False,
    progress: bool = True,
    console: Console | None = None,
) -> dict[str, Any]:
    """Run baseline and REL-GAN over folds and seeds; folds that are finished in ``out`` are not run again.

    Args:
        study: faces and folds.
        config: settings of all stages.
        out: the run's folder; made if need be.
        fabric: device and precision.
        seeds: the whole protocol is run once per seed.
        folds: indices of the folds to run; all where None.
        start: weights to begin every fold with, trained on other people's faces; the baseline begins with
            theirs where they hold one.
        show_faces: whether the report may show pictures of people.
        cluster: run the folds on a Ray cluster (relgan.cluster).
        progress: show bars.
        console: where the line per fold goes.

    Returns:
        What ``results.json`` holds.

    Raises:
        InputError: a subject stands in two parts of a fold, ``out`` holds another run, or there is no such
        fold.
    """
    console = console or Console(stderr=True)
    chosen = folds_to_run(study, folds)
    if not seeds:
        raise InputError("--seeds: give at least one, such as 0")
    mark = fingerprint(study, config, start)
    _claim(out, study, config, mark)

    write_folds(study.folds, study.data.faces, out / "folds.txt")

    def sum_up() -> dict[str, Any]:
        with alone(out / LOCK):
            return summarise(study, config, out, seeds, device_name(fabric), mark, show_faces=show_faces)

    with progress_bar(progress) as bar:
        jobs = [(seed, fold) for seed in dict.fromkeys(seeds) for fold in chosen.values()]
        task = bar.add_task("folds", total=len(jobs), images=0, note="")

        def tell(seed: int, fold: Fold, record: dict[str, Any]) -> None:
            scores = ", ".join(f"{name} {record['methods'][name]['accuracy']:.3f}" for name in METHODS)
            console.print(
                f"seed {seed} fold {fold.index}: {scores} ({record['seconds']:.0f} s)", highlight=False
            )
            bar.advance(task)

        waiting = []
        for seed, fold in jobs:
            folder = out / f"seed_{seed}" / f"fold_{fold.index}"
            record = finished(folder, mark)
            if record is None and cluster:
                waiting.append((seed, fold))
                continue
            if record is None:
                folder.mkdir(parents=True, exist_ok=True)
                with alone(folder / LOCK, f"{folder}: another process runs this fold; waiting for it"):
                    record = finished(folder, mark)
                    if record is None:
                        record = run_fold(study, fold, config, seed, folder, fabric, start, bar, mark)
                sum_up()
            tell(seed, fold, record)
        if waiting:
            from relgan.cluster import run_folds

            accelerator = "cuda" if fabric.device.type == "cuda" else "cpu"
            for done in run_folds(waiting, study, config, out, start, mark, accelerator):
                sum_up()
                tell(*done)
    return sum_up()


def folds_to_run(study: Study, folds: Sequence[int] | None = None) -> dict[int, Fold]:
    """Some folds of a study by their index, all where None.

    Raises:
        InputError: there is no such fold, a subject stands in two parts of one, or one has less than two
            expressions to learn.
    """
    chosen = {fold.index: fold for fold in study.folds}
    if folds is not None:
        missing = [k for k in folds if k not in chosen]
        if missing:
            raise InputError(
                f"--folds {','.join(map(str, missing))}: this protocol has folds 0 to {len(chosen) - 1}"
            )
        chosen = {k: chosen[k] for k in sorted(set(folds))}
    for fold in chosen.values():
        verify(fold, study.data.faces)
        shown = {study.data.faces[i].expression for i in fold.train} - {None}
        if len(shown) < 2:
            raise InputError(
                f"{study.dataset}, fold {fold.index}: its training people show {len(shown)} "
                f"expression{'' if len(shown) == 1 else 's'}, two are needed; give more people"
            )
    return chosen


def _claim(out: Path, study: Study, config: Config, mark: str) -> None:
    """Make the run's folder, or refuse one that holds another run."""
    path = out / "run.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.exists():
            held = json.loads(path.read_text(encoding="utf-8")).get("fingerprint")
            if held != mark:
                raise InputError(
                    f"--out {out}: holds a run with other settings or faces; choose another folder"
                )
            return
        run = {
            "fingerprint": mark,
            "dataset": study.dataset,
            "command": study.command,
            "config": config.as_dict(),
        }
        write_text(json.dumps(run, indent=1) + "\n", path)
    except OSError as error:
        raise InputError(
            f"--out {out}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def run_fold(
    study: Study,
    fold: Fold,
    config: Config,
    seed: int,
    folder: Path,
    fabric: Fabric,
    start: Weights | None,
    bar: Progress | None,
    mark: str,
) -> dict[str, Any]:
    """Both methods on one fold; writes the fold's files, ``fold.json`` last, and returns it."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    size = config.size
    train, validation, test = (
        study.data.subset(positions).to(fabric.device)
        for positions in (fold.train, fold.validation, fold.test)
    )
    label = f"seed {seed} fold {fold.index}"

    # REL-GAN: stage 1 chooses its step on the validation fold, stage 2 learns on its frozen codes.
    stage1 = train_reenactment(
        train,
        config,
        seed=seed,
        out=folder / "relgan",
        fabric=fabric,
        validate=lambda generator: quick_score(generator.expression_encoder, train, validation, size, fabric),
        start=start,
        progress=bar,
        name=f"{label} reenactment",
    )
    generator = stage1.generator
    encoder = generator.expression_encoder
    classifier = train_stage2(encoder, train, config.recognition, seed, size, fabric)
    relgan_probabilities = predict_codes(encoder, classifier, test, size, fabric)
    relgan_seconds = time.monotonic() - began

    baseline = train_baseline(
        train,
        config,
        seed=seed,
        out=folder / "baseline",
        fabric=fabric,
        held_out=validation,
        start=start.baseline if start else None,
        progress=bar,
        name=f"{label} baseline",
    )
    baseline_probabilities = predict_baseline(baseline.model, test, size, fabric)

    measures = measure_fold(
        generator,
        baseline.model,
        train,
        validation,
        test,
        size=size,
        fabric=fabric,
        seed=seed,
        codes_file=folder / "codes.npz",
    )

    pairs = held_out_pairs(test, validation, seed)
    if pairs is not None:
        save_grid(generator, pairs[0], pairs[1], size, folder / "samples.png")

    probabilities = {"baseline": baseline_probabilities, "relgan": relgan_probabilities}
    table = prediction_table(test.faces, test.classes, probabilities)
    table.to_csv(folder / "predictions.csv", index=False, float_format="%.6g", errors="surrogateescape")
    accuracies = (table.predicted == table.expression).groupby(table.method).mean().to_dict()
    record = {
        "fingerprint": mark,
        "seed": seed,
        "fold": fold.index,
        "faces": {"train": len(train), "validation": len(validation), "test": len(test)},
        "people": {
            "train": len(train.people),
            "validation": len(validation.people),
            "test": len(test.people),
        },
        "methods": {
            "baseline": {
                "accuracy": accuracies["baseline"],
                "step": baseline.step,
                "steps": baseline.steps,
                "validation": baseline.validation,
            },
            "relgan": {
                "accuracy": accuracies["relgan"],
                "step": stage1.step,
                "steps": stage1.steps,
                "validation": stage1.validation,
                "discriminator_share": stage1.discriminator_share,
                "seconds": relgan_seconds,
            },
        },
        "measures": measures,
        "seconds": time.monotonic() - began,
    }
    write_text(json.dumps(record, indent=1) + "\n", folder / "fold.json")
    for method in METHODS:
        (folder / method / CHECKPOINT).unlink(missing_ok=True)
    return record


def held_out_pairs(
    test: FaceTensors, validation: FaceTensors, seed: int, count: int = 8
) -> tuple[FaceTensors, Pairs] | None:
    """Pairs among people the generator never saw: a test person as target, another unseen person as source.

    One pair per expression first, then more, up to ``count``; pairs with a truth before those without.
    """
    data = together(test, validation)
    if not any(face.expression for face in data.faces):
        return None
    draws = [PairSampler(data.faces).draw(seeded(seed, "pairs", 10_000, k)) for k in range(4)]
    rows = torch.stack(
        [torch.cat([getattr(d, key) for d in draws]) for key in ("source", "target", "truth")], 1
    ).tolist()
    ranked = sorted(
        (row for row in rows if row[1] < len(test)),
        key=lambda row: (
            row[2] == NO_TRUTH,
            data.faces[row[0]].subject == data.faces[row[1]].subject,
            row[1] == row[2],
        ),
    )
    first: dict[str | None, list[int]] = {}
    for row in ranked:
        first.setdefault(data.faces[row[0]].expression, row)
    chosen = [first[name] for name in sorted(first, key=str)][:count]
    chosen += [row for row in ranked if row not in chosen][: count - len(chosen)]
    if not chosen:
        return None
    source, target, truth = torch.tensor(chosen).T
    return data, Pairs(source, target, truth)
