"""`synthesize`: a folder of labelled, aligned synthetic faces; resumable, the same for any workers.

``out/faces/*.png`` are the pictures, ``out/manifest.csv`` says what they show, ``out/synthesis.json`` with
which settings they were made. While work goes on, ``out/.journal.jsonl`` holds the finished sittings.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from relgan.data.manifest import write_table
from relgan.devices import one_thread, usable_device
from relgan.errors import InputError
from relgan.expressions import CANONICAL, canonical
from relgan.files import Journal, alone, write_text
from relgan.processes import begin_worker, in_processes
from relgan.synthesis.head import import_anny, load_head
from relgan.synthesis.photographer import (
    MANIFEST_COLUMNS,
    SITTINGS_AT_ONCE,
    Photographer,
    Row,
    Settings,
    Taken,
)
from relgan.synthesis.sittings import CAMERAS, Kind
from relgan.synthesis.upload import HANDS

MANIFEST = "manifest.csv"
SUMMARY = "synthesis.json"
JOURNAL = ".journal.jsonl"


@dataclass(frozen=True, slots=True)
class Synthesized:
    """faces written; rejected: taken again because parts poked through; leaking: those that still do."""

    faces: int
    rejected: int
    leaking: int
    seconds: float
    folder: Path


def synthesize(
    people: int,
    out: Path | str,
    *,
    expressions: Sequence[str] | None = None,
    frames: int = 3,
    size: int = 112,
    yaw: float = 20.0,
    seed: int = 0,
    sittings: int = 1,
    takes: int = 8,
    cameras: Kind = "usual",
    workers: int | None = 1,
    device: str = "cpu",
    progress: bool = True,
) -> Synthesized:
    """Writes people x sittings x expressions x frames pictures; the result does not depend on `workers`.

    A call that was killed goes on where it was; a finished folder returns at once.

    Args:
        people: how many; person k of a seed is the same however many are drawn.
        out: the folder to fill.
        expressions: canonical expressions, all eight where not given.
        frames: pictures of each performance, from onset over apex to offset; one is the apex.
        size: side of the pictures, pixels.
        yaw: the largest turn of the head between sittings, degrees.
        seed: of everything drawn.
        sittings: how often each person is photographed, in another pose and light each time.
        takes: performances of each expression; each is given by many people, unit by unit the same, so that
            the truth of a pair exists exactly where the column `take` agrees.
        cameras: "usual", or "worse" ones (relgan.synthesis.sittings.CAMERAS).
        workers: processes, one CPU core each; None: one a core, or one for every four cores that share a GPU.
        With more than one, a script needs ``if __name__ == "__main__":``.
        device: torch device, or "auto": a GPU where there is one; it changes pictures by rounding.
        progress: show a progress bar on standard error.

    Raises:
        InputError: anny is missing, an option is out of range, or `out` cannot be written or holds something
        else.
    """
    started = time.perf_counter()
    out = Path(out)
    settings = _checked(people, expressions, frames, size, yaw, seed, sittings, takes, cameras)
    import_anny()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = str(usable_device(device))
    if workers is None:
        cores = os.cpu_count() or 1
        workers = cores if torch.device(device).type == "cpu" else max(1, cores // HANDS)
    try:
        done = _open(out, settings)
        if done is None:
            with alone(out / ".synthesis.lock", f"{out}: another process makes these faces; waiting for it"):
                done = _open(out, settings)  # what it has done meanwhile
                if done is None:
                    _run(out, settings, workers, device, progress)
                    done = _finish(out, settings)
    except BrokenProcessPool as error:
        raise InputError(
            f"{out}: a worker process died, perhaps for want of memory; run it again with fewer workers"
        ) from error
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    return Synthesized(done["faces"], done["rejected"], done["leaking"], time.perf_counter() - started, out)


def _checked(
    people: int,
    expressions: Sequence[str] | None,
    frames: int,
    size: int,
    yaw: float,
    seed: int,
    sittings: int,
    takes: int,
    cameras: Kind,
) -> Settings:
    names: list[str] = []
    for word in expressions if expressions is not None else CANONICAL:
        name = canonical(word)
        if name is None:
            raise InputError(f"--expressions {word}: unknown; choose from {' '.join(CANONICAL)}")
        names.append(name)
    for option, value, low, high in (
        ("people", people, 1, 99_999),
        ("frames", frames, 1, 999),
        ("size", size, 32, 1024),
        ("yaw", yaw, 0, 45),
        ("seed", seed, 0, 2**31 - 1),
        ("sittings", sittings, 1, 999),
        ("takes", takes, 1, 9999),
    ):
        if not low <= value <= high:
            raise InputError(f"--{option} {value}: must lie between {low} and {high}")
    if not names:
        raise InputError(f"--expressions: none given; choose from {' '.join(CANONICAL)}")
    if cameras not in CAMERAS:
        raise InputError(f"--cameras {cameras}: unknown; choose from {' '.join(CAMERAS)}")
    ordered = tuple(name for name in CANONICAL if name in names)
    return Settings(people, ordered, frames, size, float(yaw), seed, sittings, takes, cameras)


def _open(out: Path, settings: Settings) -> Row | None:
    """Makes the folder; the summary of a run that is complete already, or None.

    Raises:
        InputError: the folder holds pictures made with other settings, or files of somebody else.
    """
    (out / "faces").mkdir(parents=True, exist_ok=True)
    summary, journal = out / SUMMARY, out / JOURNAL
    if summary.exists():
        done: Row = json.loads(summary.read_text(encoding="utf-8"))
        _same(out, done["settings"], settings)
        return done
    if not journal.exists() and (any((out / "faces").iterdir()) or (out / MANIFEST).exists()):
        raise InputError(f"{out}: holds faces/ or {MANIFEST} of something else; choose an empty folder")
    return None


def _same(out: Path, found: Row, settings: Settings) -> None:
    found = {"cameras": "usual", **found}  # as all were when this was not yet said
    for name, wanted in json.loads(json.dumps(asdict(settings))).items():
        if found.get(name) != wanted:
            raise InputError(
                f"{out}: was made with {name}={found.get(name)}, now asked for {name}={wanted}; "
                "choose another folder or delete this one"
            )


def _resume(out: Path, settings: Settings) -> int:
    """Starts the journal, or goes on with it; how many sittings are done."""
    return Journal(out / JOURNAL).resume(
        asdict(settings), lambda line: _same(out, json.loads(line), settings), lambda _: 1
    )


def _run(out: Path, settings: Settings, workers: int, device: str, progress: bool) -> None:
    todo = [(person, sitting) for person in range(settings.people) for sitting in range(settings.sittings)]
    finished = _resume(out, settings)
    each = len(settings.expressions) * settings.frames
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    begun = time.perf_counter()
    load_head("cpu")  # bake it once, before workers would all do so
    with (
        Journal(out / JOURNAL).going_on() as add,
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
    ):
        task = bar.add_task("faces", total=len(todo) * each, completed=finished * each, rate="")
        todo = todo[finished:]
        results = _serial(todo, out, settings, device)
        if workers > 1 and len(todo) > 1:
            told = (out, settings, device)
            results = chain.from_iterable(in_processes(_work, _lots(todo, device), workers, _start, told))
        for count, (rows, rejected) in enumerate(results, 1):
            add({"rows": rows, "rejected": rejected})
            rate = f"{count * each / (time.perf_counter() - begun):.0f} faces/s"
            bar.update(task, advance=each, rate=rate)


def _finish(out: Path, settings: Settings) -> Row:
    """Manifest and summary from the journal, which goes."""
    counts = {"faces": 0, "rejected": 0, "leaking": 0}

    def rows() -> Iterator[Row]:
        for sitting in Journal(out / JOURNAL):
            counts["rejected"] += sitting["rejected"]
            for row in sitting["rows"]:
                counts["leaking"] += row.pop("leaking")
                yield row

    counts["faces"] = write_table(out / MANIFEST, MANIFEST_COLUMNS, rows())
    done: Row = {"settings": asdict(settings), **counts}
    write_text(json.dumps(done, indent=1), out / SUMMARY)
    (out / JOURNAL).unlink()
    return done


Sittings = list[tuple[int, int]]
_worker: dict[str, Any] = {}  # what a worker process keeps between lots


def _lots(todo: Sittings, device: str) -> Iterator[Sittings]:
    """What is photographed at once: a sitting on a CPU, several on a GPU."""
    several = 1 if torch.device(device).type == "cpu" else SITTINGS_AT_ONCE
    return (todo[start : start + several] for start in range(0, len(todo), several))


def _serial(todo: Sittings, out: Path, settings: Settings, device: str) -> Iterator[Taken]:
    with one_thread():  # sums are the same bits only where every process adds in the same order
        photographer = Photographer(out, settings, device)
        for lot in _lots(todo, device):
            yield from photographer.photograph(lot)


def _start(out: Path, settings: Settings, device: str) -> None:
    begin_worker()
    torch.set_num_threads(1)
    _worker.update(out=out, settings=settings, device=device)


def _work(lot: Sittings) -> list[Taken]:
    if "photographer" not in _worker:  # made here and not in _start, so that its errors reach the user
        _worker["photographer"] = Photographer(_worker["out"], _worker["settings"], _worker["device"])
    taken: list[Taken] = _worker["photographer"].photograph(lot)
    return taken
