"""From the faces of a reader to a folder of aligned crops with a manifest: in parallel, resumable, in order.

``out/faces/*.png`` are the crops, ``out/manifest.csv`` says what they are, ``out/failures.csv`` what was left out and
why, ``out/prepare.json`` with which settings. While work goes on, ``out/.journal.jsonl`` holds the finished chunks.
"""

import hashlib
import json
import math
import multiprocessing
import os
import re
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from relgan.data.face import Face, read_bytes
from relgan.data.manifest import FACE_COLUMNS, NAME, POINTS, write_manifest, write_table
from relgan.errors import InputError
from relgan.faces.align import align as align_face
from relgan.faces.align import resize_crop
from relgan.faces.detect import Detection, Detector
from relgan.faces.image import decode

_CHUNK = 16  # faces decoded, detected and written together; bounds the memory of a worker
_ALONE = 256  # fewer faces than this are done before a second process has started
_FORMAT = 1
_JOURNAL = ".journal.jsonl"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the result depends on; a folder is finished or resumed only with the same."""

    cropped: bool
    size: int
    align: str
    min_face: float | None
    threshold: float
    format: int = _FORMAT


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of :func:`prepare`: faces written, pictures left out, seconds this call took, the folder."""

    faces: int
    failures: int
    seconds: float
    folder: Path


def prepare(
    faces: Sequence[Face],
    out: Path,
    *,
    cropped: bool,
    size: int = 112,
    align: Literal["similarity"] = "similarity",
    min_face: float | None = None,
    threshold: float = 0.7,
    device: str = "cpu",
    workers: int = 1,
    progress: bool = True,
) -> Prepared:
    """Detects, aligns and writes every face; the result does not depend on ``workers`` or on interruptions.

    A call that was killed goes on where it was; a finished folder returns at once. Pictures that are broken or show
    no face are listed in failures.csv. Of several faces the largest near the centre is taken.

    Args:
        faces: what a reader found; their order is the manifest's.
        out: the folder to fill.
        cropped: the pictures are face crops already and are only resized.
        size: side of the crops in pixels.
        align: how faces are brought upright.
        min_face: smallest face to look for, pixels (see :class:`relgan.faces.detect.Detector`).
        threshold: detector score that a face must reach.
        device: torch device of the detector.
        workers: processes, one CPU core each. With more than one, a script needs ``if __name__ == "__main__":``.
        progress: show a progress bar on standard error.

    Raises:
        InputError: nothing to do, no picture shows a face, ``out`` cannot be written, holds something else, or was
            made from other faces or with other settings.
    """
    start = time.perf_counter()
    if not faces:
        raise InputError(f"{out}: no faces to prepare; check the data set's root folder")
    settings = Settings(cropped, size, align, min_face, threshold)
    identity = {"settings": asdict(settings), "faces": _digest(faces)}
    try:
        done = _open(out, identity)
        if done is not None:
            return Prepared(done["written"], done["failed"], time.perf_counter() - start, out)
        names = _names([face.path for face in faces])
        chunks = [(list(faces[i : i + _CHUNK]), names[i : i + _CHUNK]) for i in range(0, len(faces), _CHUNK)]
        journal = out / _JOURNAL
        finished = _resume(journal, identity)
        with journal.open("a", encoding="utf-8") as stream, _bar(progress) as bar:
            task = bar.add_task(
                "faces", total=len(faces), completed=min(finished * _CHUNK, len(faces)), rate=""
            )
            begun, count = time.perf_counter(), 0
            todo = chunks[finished:]
            alone = workers <= 1 or len(todo) * _CHUNK <= _ALONE
            run = (
                _serial(todo, out, settings, device)
                if alone
                else _parallel(todo, out, settings, device, workers)
            )
            for chunk, (rows, failures) in zip(todo, run, strict=True):
                stream.write(json.dumps({"rows": rows, "failures": failures}) + "\n")
                stream.flush()
                count += len(chunk[0])
                rate = f"{count / (time.perf_counter() - begun):.0f} faces/s"
                bar.update(task, advance=len(chunk[0]), rate=rate)
        written, failed = _finish(out, journal, identity)
    except BrokenProcessPool as error:
        remedy = "what is done is kept: run the same command again with fewer workers"
        raise InputError(f"{out}: a worker process died, perhaps for want of memory; {remedy}") from error
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    return Prepared(written, failed, time.perf_counter() - start, out)


def _bar(shown: bool) -> Progress:
    text = TextColumn("{task.description}"), TextColumn("{task.fields[rate]}")
    columns = (text[0], BarColumn(), MofNCompleteColumn(), text[1], TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not shown)


def _digest(faces: Sequence[Face]) -> str:
    digest = hashlib.sha256()
    for face in faces:
        digest.update(json.dumps(asdict(face), sort_keys=True).encode())
    return digest.hexdigest()


def _open(out: Path, identity: Row) -> Row | None:
    """Makes the folder; the summary of a run that is complete already, or None.

    Raises:
        InputError: the folder holds the result of another run, or files of somebody else.
    """
    (out / "faces").mkdir(parents=True, exist_ok=True)
    summary = out / "prepare.json"
    if summary.exists():
        done: Row = json.loads(summary.read_text(encoding="utf-8"))
        _same(out, done, identity)
        (out / _JOURNAL).unlink(missing_ok=True)
        return done
    if not (out / _JOURNAL).exists() and (any((out / "faces").iterdir()) or (out / NAME).exists()):
        raise InputError(f"{out}: holds faces/ or {NAME} of something else; choose an empty --out")
    return None


def _same(out: Path, found: Row, wanted: Row) -> None:
    remedy = "choose another --out or delete this one"
    for key, value in wanted["settings"].items():
        old = found["settings"].get(key)
        if old != value:
            raise InputError(f"{out}: was prepared with {key}={old}, now asked for {key}={value}; {remedy}")
    if found["faces"] != wanted["faces"]:
        raise InputError(f"{out}: was prepared from another list of faces; {remedy}")


def _resume(journal: Path, identity: Row) -> int:
    """Starts the journal, or cuts off a line that a kill left torn; how many chunks are done."""
    whole = 0
    count = -1
    if journal.exists():
        with journal.open("rb") as stream:
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                if count < 0:
                    _same(journal.parent, json.loads(line), identity)
                whole += len(line)
                count += 1
        os.truncate(journal, whole)
    if count < 0:
        journal.write_text(json.dumps(identity) + "\n", encoding="utf-8")
        count = 0
    return count


def _finish(out: Path, journal: Path, identity: Row) -> tuple[int, int]:
    """Manifest, failures and summary from the journal, which goes; counts of both."""

    def entries(kind: str) -> Iterator[Row]:
        with journal.open(encoding="utf-8") as stream:
            next(stream)
            for line in stream:
                yield from json.loads(line)[kind]

    failures = write_table(out / "failures.csv", ("path", "reason"), entries("failures"))
    if not any(True for _ in entries("rows")):
        first = next(entries("failures"))
        journal.unlink()  # the next call tries again
        raise InputError(
            f"{out}: none of {failures} pictures gave a face (failures.csv lists them); {first['reason']}"
        )
    faces = write_manifest(out / NAME, entries("rows"))
    beside = out / ".prepare.json.part"
    beside.write_text(
        json.dumps({**identity, "written": faces, "failed": failures}, indent=1), encoding="utf-8"
    )
    beside.replace(out / "prepare.json")
    journal.unlink()
    return faces, failures


def _names(paths: Sequence[str]) -> list[str]:
    """A file name for each path: what lies below their common folder, made safe; a digest where names coincide."""
    try:
        common = len(os.path.commonpath([os.path.dirname(path) for path in paths]))
    except ValueError:  # absolute and relative paths, or several drives
        common = 0
    names = []
    for path in paths:
        below = os.path.splitext(path[common:])[0]
        names.append(re.sub(r"[^\w.+-]+", "_", below).strip("._")[-100:] or "face")
    twice = Counter(name.lower() for name in names)
    seen: Counter[str] = Counter()
    for index, (name, path) in enumerate(zip(names, paths, strict=True)):
        if twice[name.lower()] > 1:
            names[index] = f"{name}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        seen[names[index].lower()] += 1
        if seen[names[index].lower()] > 1:  # the same picture listed twice
            names[index] += f"_{seen[names[index].lower()]}"
    return [f"{name}.png" for name in names]


def _chosen(found: Sequence[Detection], width: int, height: int) -> Detection:
    """The largest face near the centre: area, less what it is away from the picture's centre.

    A face in a corner counts a quarter of one of its size in the centre.
    """

    def weight(face: Detection) -> float:
        x, y, w, h = face.box
        off = math.hypot((x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5) / math.hypot(0.5, 0.5)
        return w * h * (1 - 0.75 * min(off, 1.0))

    return max(found, key=weight)


# ---- the work on one chunk, in this process or in a worker ----

Chunk = tuple[list[Face], list[str]]
Result = tuple[list[Row], list[Row]]

_worker: dict[str, Any] = {}


def _serial(chunks: list[Chunk], out: Path, settings: Settings, device: str) -> Iterator[Result]:
    detector = _detector(settings, device)
    for faces, names in chunks:
        yield _do(faces, names, out, settings, detector)


def _parallel(
    chunks: list[Chunk], out: Path, settings: Settings, device: str, workers: int
) -> Iterator[Result]:
    """The results in order; only a few chunks per worker are under way or waiting."""
    context = multiprocessing.get_context("spawn")  # a forked torch may hang in its thread pool
    with ProcessPoolExecutor(workers, context, _start, (out, settings, device)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_work, *chunk))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(out: Path, settings: Settings, device: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the first process, which ends this one
    cv2.setNumThreads(1)
    _worker.update(out=out, settings=settings, detector=_detector(settings, device))


def _work(faces: list[Face], names: list[str]) -> Result:
    return _do(faces, names, _worker["out"], _worker["settings"], _worker["detector"])


def _detector(settings: Settings, device: str) -> Detector | None:
    if settings.cropped:
        return None
    return Detector(min_face=settings.min_face, threshold=settings.threshold, device=device)


def _do(
    faces: list[Face], names: list[str], out: Path, settings: Settings, detector: Detector | None
) -> Result:
    """Crops of one chunk written; manifest rows and failures, both in the order of the faces."""
    pictures, failures = {}, {}
    for index, face in enumerate(faces):
        try:
            pictures[index] = decode(read_bytes(face.path), face.path)
        except InputError as error:
            failures[index] = str(error).removeprefix(f"{face.path}: ")
    found = dict(zip(pictures, detector(list(pictures.values())), strict=True)) if detector else {}
    rows = []
    for index, picture in pictures.items():
        height, width = picture.shape[:2]
        row: Row = {column: getattr(faces[index], column) for column in FACE_COLUMNS}
        row |= {
            "path": f"faces/{names[index]}",
            "source": faces[index].path,
            "width": width,
            "height": height,
        }
        if detector is None:
            crop = resize_crop(picture, settings.size)
            row["align"] = "resized"
        elif not found[index]:
            failures[index] = (
                f"no face found (a face must be at least {detector.smallest(picture):.0f} pixels high)"
            )
            continue
        else:
            face = _chosen(found[index], width, height)
            crop = align_face(picture, face.landmarks, settings.size)
            points = {
                f"{point}_{a}": v
                for point, xy in zip(POINTS, face.landmarks.tolist(), strict=True)
                for a, v in zip("xy", xy, strict=True)
            }
            row |= {"align": settings.align, "detection": face.score, "faces_found": len(found[index])}
            row |= dict(zip("xywh", face.box, strict=True)) | points
        encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1]
        (out / "faces" / names[index]).write_bytes(encoded.tobytes())
        rows.append(
            {
                k: round(v, 4 if k == "detection" else 2) if isinstance(v, float) and k != "intensity" else v
                for k, v in row.items()
            }
        )
    return rows, [{"path": faces[index].path, "reason": failures[index]} for index in sorted(failures)]
