"""One chunk of faces from picture files to aligned crops on disk: what each process of ``prepare`` does."""

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
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
from relgan.faces.detect import Detection, Detector
from relgan.faces.frontalize import frontalize
from relgan.faces.image import decode

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a crop depends on besides its picture; see :func:`relgan.faces.prepare.prepare`."""

    cropped: bool
    size: int
    align: str
    min_face: float | None
    threshold: float


def write_crops(
    faces: Sequence[Face], names: Sequence[str], out: Path, settings: Settings, detector: Detector | None
) -> tuple[list[Row], list[Row]]:
    """Writes ``out/faces/<name>`` for each face that can be found.

    Args:
        detector: None where the pictures are crops already.

    Returns:
        Rows for the manifest and rows for failures.csv, each in the order of the faces.

    Raises:
        OSError: ``out`` cannot be written.
    """
    pictures: dict[int, NDArray[np.uint8]] = {}
    failures: dict[int, str] = {}
    for index, record in enumerate(faces):
        try:
            pictures[index] = decode(read_bytes(record.path), record.path)
        except InputError as error:
            failures[index] = str(error).removeprefix(f"{record.path}: ")
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
        elif found[index]:
            face = choose(found[index], width, height)
            front = None
            if settings.align == "frontal":
                front = frontalize(picture, face.landmarks, settings.size)
            crop = align(picture, face.landmarks, settings.size) if front is None else front
            row |= {
                "align": "similarity" if front is None else "frontal",
                "detection": round(face.score, 4),
                "faces_found": len(found[index]),
            }
            row |= {axis: round(value, 2) for axis, value in zip("xywh", face.box, strict=True)}
            for point, (x, y) in zip(POINTS, face.landmarks.tolist(), strict=True):
                row |= {f"{point}_x": round(x, 2), f"{point}_y": round(y, 2)}
        else:
            failures[index] = f"no face found of at least {detector.smallest(picture):.0f} pixels in height"
            continue
        encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1]
        (out / "faces" / names[index]).write_bytes(encoded.tobytes())
        rows.append(row)
    return rows, [{"path": faces[index].path, "reason": failures[index]} for index in sorted(failures)]


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
    words = [re.sub(r"[^\w.+-]+", "_", word).strip("._")[-100:] or "face" for word in words]
    times = Counter(word.lower() for word in words)  # some file systems do not tell cases apart
    names = []
    seen: Counter[str] = Counter()
    for word, path in zip(words, paths, strict=True):
        name = word if times[word.lower()] == 1 else f"{word}_{sha256(path.encode()).hexdigest()[:8]}"
        seen[name.lower()] += 1
        names.append(f"{name}.png" if seen[name.lower()] == 1 else f"{name}_{seen[name.lower()]}.png")
    return names
