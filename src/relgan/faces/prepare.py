"""From the faces of a reader to a folder of aligned crops with a manifest: in parallel, resumable, in order.

``out/faces/*.png`` are the crops, ``out/manifest.csv`` says what they are, ``out/failures.csv`` what was left
out and why, ``out/prepare.json`` from which faces and with which settings. While work goes on,
``out/.journal.jsonl`` holds the rows of the faces that are done, a line for each lot of them.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from relgan.data import manifest
from relgan.data.face import Face
from relgan.errors import InputError
from relgan.faces.crops import Row, Settings, crop_names
from relgan.faces.workers import Named, choose_device, crops_of
from relgan.files import Journal, alone, write_text

_FORMAT = 2  # of the folder; raised when crops or manifest change


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of :func:`prepare`: faces written, pictures left out, seconds of this call, the folder."""

    faces: int
    failures: int
    seconds: float
    folder: Path


def prepare(
    faces: Sequence[Face],
    out: Path,
    *,
    cropped: bool,
    aligned: bool = False,
    size: int = 112,
    align: Literal["similarity", "frontal"] = "similarity",
    min_face: float | None = None,
    threshold: float = 0.7,
    device: str = "auto",
    workers: int = 1,
    progress: bool = True,
) -> Prepared:
    """Detects, aligns and writes every face; the result does not depend on ``workers`` or on interruptions.

    Another device changes it by rounding alone. A call that was killed goes on where it was, on any device; a
    finished folder returns at once. Pictures that are broken or show no face are listed in failures.csv. Of
    several faces the largest near the centre is taken.

    Args:
        faces: what a reader found; their order is the manifest's.
        out: the folder to fill.
        cropped: the pictures are face crops already. Their landmarks are looked for all the same, so that
            faces of all data sets lie alike; where there are none to be found the face is taken to lie as it
            does in most crops, and nothing is left out.
        aligned: the faces lie as ours do already and are only resized.
        size: side of the crops in pixels.
        align: bring faces upright by a similarity, or turn them to the front (relgan.faces.frontalize); a
            face turned too far for that is brought upright, and the manifest says so.
        min_face: smallest face to look for, in pixels; see :class:`relgan.faces.detect.Detector`.
        threshold: detector score that a face must reach.
        device: torch device of the detector, or "auto"; see :func:`relgan.faces.workers.choose_device`.
            Faces that are aligned already need none.
        workers: processes, each busy on one core; beside a GPU, threads that read and write for it. With more
            than one process, a script needs ``if __name__ == "__main__":`` around its call.
        progress: show a progress bar on standard error.

    Raises:
        InputError: no faces are given or none is found; ``out`` cannot be written, holds something else, or
            was made from other faces or with other settings.
    """
    start = time.perf_counter()
    if not faces:
        raise InputError(f"{out}: no pictures to prepare; check the data set's root folder")
    if size < 1:
        raise InputError(f"size {size}: must be at least 1 pixel; the networks take 112")
    settings = Settings(aligned, cropped, size, align, min_face, threshold)
    identity = {"format": _FORMAT, "settings": asdict(settings), "faces": _digest(faces)}
    journal = Journal(out / ".journal.jsonl")
    try:
        done = _open(out, journal, identity)
        if done is None:
            waiting = f"{out}: another process prepares these faces; waiting for it"
            with alone(out / ".prepare.lock", waiting):
                done = _open(out, journal, identity)  # what another process has done meanwhile
                if done is None:
                    names = crop_names([face.path for face in faces])
                    finished = _resume(out, journal, identity)
                    named = list(zip(faces, names, strict=True))
                    device = choose_device(device, workers)
                    _work_off(named, finished, journal, out, settings, device, workers, progress)
                    done = _finish(out, journal, identity)
    except BrokenProcessPool as error:
        remedy = "the faces done so far are kept: run the same again with fewer workers"
        raise InputError(f"{out}: a worker process died, perhaps for want of memory; {remedy}") from error
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    return Prepared(done["written"], done["failed"], time.perf_counter() - start, out)


def _digest(faces: Sequence[Face]) -> str:
    digest = hashlib.sha256()
    for face in faces:
        digest.update(json.dumps(asdict(face), sort_keys=True).encode())
    return digest.hexdigest()


def _open(out: Path, journal: Journal, identity: Row) -> Row | None:
    """Makes the folder. Returns the summary of a run that is complete, else None."""
    (out / "faces").mkdir(parents=True, exist_ok=True)
    summary = out / "prepare.json"
    if summary.exists():
        done = _parse(summary, summary.read_bytes())
        _same(out, done, identity)
        journal.path.unlink(missing_ok=True)
        return done
    if not journal.path.exists() and (any((out / "faces").iterdir()) or (out / manifest.NAME).exists()):
        raise InputError(f"{out}: faces/ or {manifest.NAME} is there from elsewhere; choose an empty --out")
    return None


def _parse(path: Path, text: bytes) -> Row:
    try:
        found: Row = json.loads(text)
        return {"settings": found["settings"], **found}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is not what relgan prepare writes; delete {path.parent} and start again"
        ) from error


def _same(out: Path, found: Row, wanted: Row) -> None:
    """Refuses a folder that was made in another way."""
    remedy = "choose another --out or delete this one"
    for key, value in wanted["settings"].items():
        old = found["settings"].get(key)
        if old != value:
            raise InputError(f"{out}: was prepared with {key}={old}, not {key}={value}; {remedy}")
    if (found.get("format"), found.get("faces")) != (wanted["format"], wanted["faces"]):
        raise InputError(f"{out}: was prepared from another list of faces; {remedy}")


def _resume(out: Path, journal: Journal, identity: Row) -> int:
    """Starts the journal, or goes on with it. Returns how many faces are done."""
    return journal.resume(
        identity,
        lambda line: _same(out, _parse(journal.path, line), identity),
        lambda entry: len(entry["rows"]) + len(entry["failures"]),
    )


def _work_off(
    faces: Sequence[Named],
    finished: int,
    journal: Journal,
    out: Path,
    settings: Settings,
    device: str,
    workers: int,
    progress: bool,
) -> None:
    """Does the faces that are not finished, and writes them into the journal as they come in."""
    begun, count = time.perf_counter(), 0
    columns = (
        TextColumn("faces"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} faces/s"),
        TimeRemainingColumn(),
    )
    with (
        journal.going_on() as add,
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
    ):
        task = bar.add_task("", total=len(faces), completed=finished, rate=0.0)
        for rows, failures in crops_of(faces[finished:], out, settings, device, workers):
            add({"rows": rows, "failures": failures})
            done = len(rows) + len(failures)
            count += done
            bar.update(task, advance=done, rate=count / (time.perf_counter() - begun))


def _finish(out: Path, journal: Journal, identity: Row) -> Row:
    """Manifest, failures and summary from the journal, which then goes. Returns the summary."""

    def entries(kind: str) -> Iterator[Row]:
        return (row for entry in journal for row in entry[kind])

    failed = manifest.write_table(out / "failures.csv", ("path", "reason"), entries("failures"))
    if next(entries("rows"), None) is None:
        first = next(entries("failures"))
        journal.path.unlink()  # the next call tries again
        raise InputError(f"{out}: none of {failed} pictures gave a face; {first['path']}: {first['reason']}")
    written = manifest.write_manifest(out / manifest.NAME, entries("rows"))
    summary = {**identity, "written": written, "failed": failed}
    write_text(json.dumps(summary, indent=1) + "\n", out / "prepare.json")
    journal.path.unlink()
    return summary
