"""Faces on their way from picture files to aligned crops on disk: read, found, written."""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.data.face import Face, read_bytes
from relgan.data.manifest import FACE_COLUMNS, POINTS
from relgan.errors import InputError
from relgan.faces.align import align, resize_crop
from relgan.faces.cropped import CropDetector, placed
from relgan.faces.detect import Detection, Detector
from relgan.faces.frontalize import frontalize
from relgan.faces.image import decode

Row = dict[str, Any]
Result = tuple[list[Row], list[Row]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a crop depends on besides its picture; see :func:`relgan.faces.prepare.prepare`."""

    aligned: bool
    cropped: bool
    size: int
    align: str
    min_face: float | None
    threshold: float


@dataclass(slots=True, eq=False)
class Item:
    """One face on its way; where it fails, ``reason`` says why."""

    face: Face
    name: str
    picture: NDArray[np.uint8] | None = None
    found: list[Detection] | None = None
    reason: str = ""


def write_crops(
    faces: Sequence[tuple[Face, str]], out: Path, settings: Settings, detector: Detector | CropDetector | None
) -> Result:
    """Writes ``out/faces/<name>`` for each face and name, where the face can be found.

    Args:
        detector: None where the faces are aligned already.

    Raises:
        OSError: ``out`` cannot be written.
    """
    items = find_faces([read_item(face, name) for face, name in faces], detector)
    return result_of(write_item(item, out, settings) for item in items)


def result_of(rows: Iterable[Row]) -> Result:
    """Rows for the manifest and rows for failures.csv, each in the order of the faces."""
    written: list[Row] = []
    failed: list[Row] = []
    for row in rows:
        (failed if "reason" in row else written).append(row)
    return written, failed


def read_item(face: Face, name: str) -> Item:
    """The face with its picture."""
    try:
        return Item(face, name, decode(read_bytes(face.path), face.path))
    except InputError as error:
        return Item(face, name, reason=str(error).removeprefix(f"{face.path}: "))


def detector_for(settings: Settings, device: str) -> Detector | CropDetector | None:
    """The detector that these settings ask for; None where the faces are aligned already."""
    if settings.aligned:
        return None
    if settings.cropped:
        return CropDetector(settings.threshold, device)
    return Detector(min_face=settings.min_face, threshold=settings.threshold, device=device)


def find_faces(items: list[Item], detector: Detector | CropDetector | None) -> list[Item]:
    """The same items with what is found in their pictures, all of them together.

    Args:
        detector: None where the faces are aligned already, which leaves the items as they are. Of crops none
            is left out.
    """
    if detector is None:
        return items
    seen = [(item, item.picture) for item in items if item.picture is not None]
    for (item, picture), found in zip(seen, detector([picture for _, picture in seen]), strict=True):
        item.found = found
        if not found and isinstance(detector, Detector):
            item.reason = f"no face found of at least {detector.smallest(picture):.0f} pixels in height"
    return items


def write_item(item: Item, out: Path, settings: Settings) -> Row:
    """Writes the crop. Returns its row of the manifest, or its row of failures.csv."""
    face, picture = item.face, item.picture
    if picture is None or item.reason:
        return {"path": face.path, "reason": item.reason}
    height, width = picture.shape[:2]
    row: Row = {column: getattr(face, column) for column in FACE_COLUMNS}
    row |= {"path": f"faces/{item.name}", "source": face.path, "width": width, "height": height}
    if item.found is None:
        crop = resize_crop(picture, settings.size)
        row["align"] = "resized"
    elif not item.found:  # in a crop: the face is where they have it
        crop = placed(picture, settings.size)
        row["align"] = "placed"
    else:
        chosen = choose(item.found, width, height)
        front = None
        if settings.align == "frontal" and not settings.cropped:
            front = frontalize(picture, chosen.landmarks, settings.size)
        crop = align(picture, chosen.landmarks, settings.size) if front is None else front
        row |= {
            "align": "similarity" if front is None else "frontal",
            "detection": round(chosen.score, 4),
            "faces_found": len(item.found),
        }
        row |= {axis: round(value, 2) for axis, value in zip("xywh", chosen.box, strict=True)}
        for point, (x, y) in zip(POINTS, chosen.landmarks.tolist(), strict=True):
            row |= {f"{point}_x": round(x, 2), f"{point}_y": round(y, 2)}
    encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1]
    (out / "faces" / item.name).write_bytes(encoded.tobytes())
    return row


def choose(found: Sequence[Detection], width: int, height: int) -> Detection:
    """The largest face near the centre: by area, of which a face in a corner counts a quarter."""

    def weight(face: Detection) -> float:
        x, y, w, h = face.box
        away = math.hypot((x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5) / math.hypot(0.5, 0.5)
        return w * h * (1 - 0.75 * min(away, 1.0))

    return max(found, key=weight)


def crop_names(paths: Sequence[str]) -> list[str]:
    """A file name for the crop of each path: what lies below their common folder, as one safe word.

    Where two coincide, both get a digest of their path; where a path itself is listed twice, a number.
    """
    try:
        common = len(os.path.commonpath([os.path.dirname(path) for path in paths]))
    except ValueError:  # absolute beside relative paths, or several drives
        common = 0
    words = [os.path.splitext(path[common:])[0] for path in paths]
    words = [_last_bytes(re.sub(r"[^\w.+-]+", "_", word).strip("._"), 100) or "face" for word in words]
    times = Counter(word.lower() for word in words)  # some file systems do not tell cases apart
    names = []
    seen: Counter[str] = Counter()
    for word, path in zip(words, paths, strict=True):
        name = word if times[word.lower()] == 1 else f"{word}_{sha256(os.fsencode(path)).hexdigest()[:8]}"
        seen[name.lower()] += 1
        names.append(f"{name}.png" if seen[name.lower()] == 1 else f"{name}_{seen[name.lower()]}.png")
    return names


def _last_bytes(word: str, count: int) -> str:
    """The end of a word, at most so many bytes long: file systems count those."""
    return word.encode("utf-8", "replace")[-count:].decode("utf-8", "ignore")
