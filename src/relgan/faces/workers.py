"""Who does the work of ``prepare``: one process, several, or a GPU with threads that read and write."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from relgan.data.face import Face
from relgan.faces.crops import (
    Item,
    Result,
    Settings,
    detector_for,
    find_faces,
    read_item,
    result_of,
    write_crops,
    write_item,
)
from relgan.processes import begin_worker, in_order, in_processes

_CHUNK = 16  # faces that a CPU process reads, finds and writes together: bounds its memory
_ALONE = 256  # faces that are done before a second process has started
# Pictures that a GPU is given together, and their pixels: five such lots exist at a time, 200 MB each.
_LOT, _LOT_PIXELS = 256, 64_000_000
# Of the detector's time a quarter is work that stays on one core whatever the GPU does, so that a GPU is
# worth about so many processes.
_CORES_OF_A_GPU = 4

Named = tuple[Face, str]  # a face and the file name of its crop


def choose_device(name: str, workers: int) -> str:
    """The torch device to detect on: "auto" is cuda where it exists and there are few workers, else cpu."""
    if name != "auto":
        return name
    import torch

    return "cuda" if workers <= _CORES_OF_A_GPU and torch.cuda.is_available() else "cpu"


def crops_of(
    faces: Sequence[Named], out: Path, settings: Settings, device: str, workers: int
) -> Iterator[Result]:
    """Writes every face below ``out/faces``. Yields rows of the manifest and of failures.csv in order, a lot
    of faces at a time."""
    if not (settings.aligned or device.startswith("cpu")):
        return _beside_gpu(faces, out, settings, device, workers)
    chunks = [faces[begin : begin + _CHUNK] for begin in range(0, len(faces), _CHUNK)]
    if workers <= 1 or len(faces) <= _ALONE:
        return _alone(chunks, out, settings, device)
    return in_processes(_work, chunks, workers, _start, (out, settings, device))


def _alone(chunks: Iterable[Sequence[Named]], out: Path, settings: Settings, device: str) -> Iterator[Result]:
    detector = detector_for(settings, device)
    for chunk in chunks:
        yield write_crops(chunk, out, settings, detector)


def _beside_gpu(
    faces: Iterable[Named], out: Path, settings: Settings, device: str, workers: int
) -> Iterator[Result]:
    """One detector with large lots; meanwhile threads read the next lot and write the crops of the last."""
    detector = detector_for(settings, device)
    with ThreadPoolExecutor(workers) as pool:
        read = in_order(pool, lambda named: read_item(*named), faces, 2 * workers)
        found = _ahead(find_faces(lot, detector) for lot in _ahead(_lots(read)))
        for lot in found:
            yield result_of(pool.map(partial(write_item, out=out, settings=settings), lot))


def _lots(items: Iterable[Item]) -> Iterator[list[Item]]:
    lot: list[Item] = []
    pixels = 0
    for item in items:
        lot.append(item)
        pixels += 0 if item.picture is None else item.picture.shape[0] * item.picture.shape[1]
        if len(lot) == _LOT or pixels >= _LOT_PIXELS:
            yield lot
            lot, pixels = [], 0
    if lot:
        yield lot


def _ahead(lots: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """The same lots; while one is used, a thread has the next one made."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, lots, None)
        while (lot := coming.result()) is not None:
            coming = thread.submit(next, lots, None)
            yield lot


_worker: dict[str, Any] = {}  # what a worker process keeps between chunks


def _start(out: Path, settings: Settings, device: str) -> None:
    begin_worker()
    cv2.setNumThreads(1)
    _worker.update(out=out, settings=settings, device=device)


def _work(chunk: Sequence[Named]) -> Result:
    out, settings = _worker["out"], _worker["settings"]
    if "detector" not in _worker:  # made here and not in _start, so that its errors reach the user
        _worker["detector"] = detector_for(settings, _worker["device"])
    return write_crops(chunk, out, settings, _worker["detector"])
