"""A Ray cluster, and folds as its tasks: each runs where there is room; the outcome is that of one machine.

A fold depends on its settings, seed and faces alone, so it may run anywhere and again: Ray starts a task anew
when its worker or machine dies. Where the workers see the run's folder they write into it and a fold that is
started anew goes on from its checkpoint; else a fold comes back as files.
"""

import importlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from relgan.config import Config, Precision
from relgan.data.folds import Fold
from relgan.errors import InputError
from relgan.files import whole
from relgan.study import Study
from relgan.training import bf16_is_native, make_fabric
from relgan.weights import Weights

RETRIES = 5
"""How often a task is started anew after its worker has died."""

Run = tuple[Study, Config, Weights | None, str]
Done = tuple[int, Fold, dict[str, Any]]


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process has joined.

    Attributes:
        ray: the module.
        needs: CPUs and GPUs of a task.
    """

    ray: Any
    needs: dict[str, int]

    def task(self, function: Callable[..., Any]) -> Any:
        """A function as a task that is started anew when its worker dies."""
        cpus, gpus = self.needs["CPU"], self.needs["GPU"]
        return self.ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(function)

    def result(self, reference: Any, whose: str, kept: str) -> Any:
        """What a task returns.

        Args:
            reference: to the task.
            whose: what it works on, for the error.
            kept: what is not lost when it fails.

        Raises:
            InputError: as the task raised it, or its workers died too often.
        """
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, InputError) else error from None
        except self.ray.exceptions.RayError as error:
            raise InputError(
                f"--cluster: the workers of {whose} died {RETRIES + 1} times, perhaps for want of memory; "
                f"{kept}"
            ) from error


@contextmanager
def joined(accelerator: str) -> Iterator[Cluster]:
    """Join the cluster that RAY_ADDRESS names, else this machine's, else one started for the run.

    A task takes as many CPUs as torch has threads here, and a GPU where ``accelerator`` is one. Threads
    decide in which order numbers are added, so with as many the results are those of a local run, to the last
    bit on processors of one kind.

    Args:
        accelerator: "cpu" or "cuda".

    Raises:
        InputError: Ray is not installed or has no room for a task.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise InputError("--cluster needs the package ray; pip install 'relgan[cluster]'") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
    try:
        needs = {"CPU": torch.get_num_threads(), "GPU": int(accelerator == "cuda")}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(node.get(kind, 0) >= count for kind, count in needs.items()) for node in nodes):
            asked = ", ".join(f"{count} {kind}" for kind, count in needs.items() if count)
            raise InputError(f"--cluster: no machine in it has {asked}; set OMP_NUM_THREADS to fewer threads")
        yield Cluster(ray, needs)
    finally:
        if ours:
            ray.shutdown()


def run_folds(
    jobs: Sequence[tuple[int, Fold]],
    study: Study,
    config: Config,
    out: Path,
    start: Weights | None,
    mark: str,
    accelerator: str,
) -> Iterator[Done]:
    """Run folds as tasks of a cluster.

    Args:
        jobs: pairs of a seed and a fold.
        study, config, out, start, mark: as :func:`relgan.crossval.run_fold` takes them.
        accelerator: "cpu" or "cuda".

    Yields:
        Seed, fold and record of each fold as it is finished; its files are in ``out`` by then.

    Raises:
        InputError: the cluster cannot be joined (see :func:`joined`), or a fold cannot be run.
    """
    with joined(accelerator) as cluster:
        precision = config.precision
        if precision == "auto":  # the same for all, whatever they could do
            precision = "bf16-mixed" if bf16_is_native() else "32-true"
        task, threads = cluster.task(fold_task), cluster.needs["CPU"]
        held = cluster.ray.put((study, config, start, mark))
        pending = {
            task.remote(held, seed, fold.index, out.resolve(), accelerator, precision, threads): (seed, fold)
            for seed, fold in jobs
        }
        while pending:
            ready, _ = cluster.ray.wait(list(pending), num_returns=1)
            seed, fold = pending.pop(ready[0])
            folder = out / f"seed_{seed}" / f"fold_{fold.index}"
            kept = "finished folds are kept, the same command goes on from them"
            _write(cluster.result(ready[0], f"seed {seed} fold {fold.index}", kept), folder)
            yield seed, fold, json.loads((folder / "fold.json").read_text(encoding="utf-8"))


def fold_task(
    held: Run, seed: int, index: int, out: Path, accelerator: str, precision: Precision, threads: int
) -> dict[str, bytes] | None:
    """One fold on a worker. Returns its files by their path in the fold's folder, or None where they lie in
    the run's folder already because the worker sees it."""
    from relgan.crossval import run_fold

    study, config, start, mark = held
    torch.set_num_threads(threads)
    fabric = make_fabric(precision, "cuda" if accelerator == "cuda" else "cpu")
    fold = next(fold for fold in study.folds if fold.index == index)
    if _is_run(out, mark):
        folder = out / f"seed_{seed}" / f"fold_{index}"
        run_fold(study, fold, config, seed, folder, fabric, start, None, mark)
        return None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run_fold(study, fold, config, seed, folder, fabric, start, None, mark)
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _is_run(out: Path, mark: str) -> bool:
    """Whether a folder is that of the run, and not only one of the same name on another machine."""
    try:
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(run.get("fingerprint") == mark) and os.access(out, os.W_OK)


def _write(files: dict[str, bytes] | None, folder: Path) -> None:
    """The files of a fold, ``fold.json`` last: with it the fold counts as finished."""
    for name in sorted(files or {}, key=lambda name: name == "fold.json"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as beside:
            beside.write_bytes((files or {})[name])
