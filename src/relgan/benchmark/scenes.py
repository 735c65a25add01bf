"""Pictures to find faces in: faces of known place and size pasted into 640x480 scenes."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from relgan.errors import InputError

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
SIDES = (80, 120, 180, 240)
"""Pixels of the pasted squares, of which the face is most."""


@dataclass(frozen=True)
class Scene:
    """A JPEG file and the squares (x, y, side) in which it shows a face."""

    content: bytes
    squares: list[tuple[int, int, int]]

    def found(self, boxes: Sequence[tuple[float, float, float, float]]) -> int:
        """How many of the faces some boxes (x, y, width, height) find: one whose centre lies in the middle of
        the square and whose height is between a third of its side and 1.3 of it."""
        return sum(any(_fits(box, square) for box in boxes) for square in self.squares)


def _fits(box: tuple[float, float, float, float], square: tuple[int, int, int]) -> bool:
    x, y, width, height = box
    left, top, side = square
    across, down = (x + width / 2 - left) / side, (y + height / 2 - top) / side
    return abs(across - 0.5) < 0.25 and abs(down - 0.5) < 0.25 and side / 3 < height < 1.3 * side


def photographs(source: Path | None, count: int) -> list[Picture]:
    """Pictures with one face each, spread over a folder or .zip; of the packaged people where None."""
    if source is None:
        from relgan.quantise import packaged_faces

        faces, _ = packaged_faces([])
        return [faces[i] for i in _spread(len(faces), count)]
    from relgan.pictures import find_files, read_picture

    files, wrong, _ = find_files([source])
    if wrong:
        raise InputError(f"--faces {wrong[0]}")
    return [read_picture(files[i])[0] for i in _spread(len(files), count)]


def _spread(total: int, count: int) -> list[int]:
    return [round(value) for value in np.linspace(0, total - 1, min(count, total))]


def scenes(count: int, source: Path | None = None, seed: int = 0) -> list[Scene]:
    """Scenes with one or two faces each, of several sizes, before blurred noise, as JPEG."""
    rng = np.random.default_rng(seed)
    faces = photographs(source, 2 * count)
    made = []
    for number in range(count):
        scene = backdrop(rng)
        squares = []
        for half in range(1 + number % 2):
            face = faces[(2 * number + half) % len(faces)]
            side = SIDES[int(rng.integers(len(SIDES)))]
            left = half * WIDTH // 2 + int(rng.integers(0, WIDTH // 2 - side + 1))
            top = int(rng.integers(0, HEIGHT - side + 1))
            paste(scene, face, left, top, side)
            squares.append((left, top, side))
        stream = io.BytesIO()
        Image.fromarray(scene).save(stream, "JPEG", quality=90)
        made.append(Scene(stream.getvalue(), squares))
    return made


def backdrop(rng: np.random.Generator) -> Picture:
    """Blurred coloured noise, (480, 640, 3)."""
    coarse = rng.integers(40, 216, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)
    smooth = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.asarray(np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255), np.uint8)


def paste(scene: Picture, face: Picture, left: int, top: int, side: int) -> None:
    method = cv2.INTER_AREA if side < len(face) else cv2.INTER_LINEAR
    scene[top : top + side, left : left + side] = cv2.resize(face, (side, side), interpolation=method)
