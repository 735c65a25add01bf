"""Pictures and frames with the faces in them: what detection hands to recognition."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relgan.errors import InputError
from relgan.faces.align import align, resize_crop
from relgan.faces.cropped import CropDetector, placed
from relgan.faces.crops import choose
from relgan.faces.detect import Detection, Detector
from relgan.faces.frontalize import frontalize
from relgan.pictures import Picture, read_picture

# Pictures detected and recognised together: few enough for memory, many enough for speed.
TOGETHER = 16
TOGETHER_BYTES = 64_000_000
READ_AHEAD = 4

Aligner = Callable[[Picture, NDArray[np.float64]], Picture]
"""A picture and the five landmarks of a face in it to the aligned face, (112, 112, 3)."""

Skip = Callable[[str, str], None]
"""Called with an input and the line that says why it gives nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One face in one picture.

    Attributes:
        face: number of the face in its picture, from the left; in a video, of its track.
        box: x and y of the upper left corner, width, height in pixels of the shot's picture.
        detection: the detector's score; None where the face was followed from another frame, or the picture
            given as a face.
        landmarks: (5, 2) pixels; None where the picture was given as a face.
        crop: (112, 112, 3) uint8 RGB, aligned.
    """

    face: int
    box: tuple[float, float, float, float]
    detection: float | None
    landmarks: NDArray[np.float64] | None
    crop: Picture


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture, or one frame of a video.

    Attributes:
        input: the file, or the position of the picture in the list it came in.
        frame: number of the frame in its video from 0; None for a picture.
        time_s: seconds from the video's beginning; None for a picture.
        picture: (H, W, 3) uint8 RGB.
        scale: pixels of the file that one pixel of ``picture`` stands for, along a side.
        faces: in the order of their numbers.
    """

    input: str
    frame: int | None
    time_s: float | None
    picture: Picture
    scale: float = 1.0
    faces: list[Sighting] = field(default_factory=list)


def aligner_named(name: str) -> Aligner:
    """How faces were aligned for training: "similarity", or "frontal" where the pose allows it."""

    def to_front(picture: Picture, landmarks: NDArray[np.float64]) -> Picture:
        front = frontalize(picture, landmarks)
        return align(picture, landmarks) if front is None else front

    return to_front if name == "frontal" else align


def sight(number: int, picture: Picture, found: Detection, aligner: Aligner = align) -> Sighting:
    """A detection with its aligned face."""
    landmarks = np.asarray(found.landmarks, np.float64)
    return Sighting(number, found.box, found.score, landmarks, aligner(picture, landmarks))


def whole(picture: Picture) -> Sighting:
    """A picture that is an aligned face already."""
    return _filling(picture, resize_crop(picture))


def sight_in_crop(picture: Picture, found: Sequence[Detection]) -> Sighting:
    """A picture that is cut to the face, with what the detector for crops finds in it; aligned as
    `relgan prepare` aligns such pictures."""
    if found:
        return sight(0, picture, choose(found, picture.shape[1], picture.shape[0]))
    return _filling(picture, placed(picture))


def _filling(picture: Picture, crop: Picture) -> Sighting:
    """A face that nothing was detected of: it fills the picture."""
    height, width = picture.shape[:2]
    return Sighting(0, (0.0, 0.0, float(width), float(height)), None, None, crop)


def from_left(found: Sequence[Detection]) -> list[Detection]:
    return sorted(found, key=lambda face: (face.box[0] + face.box[2] / 2, face.box[1]))


def shots_of(
    pictures: Sequence[tuple[str, Picture, float]],
    detector: Detector | CropDetector,
    skip: Skip,
    aligner: Aligner = align,
) -> list[Shot]:
    """Shots of named pictures; those without a face are reported and left out.

    Args:
        pictures: name, picture and scale of each.
        detector: one for crops where the pictures are cut to the face already; then none is left out.
        skip: hears of the pictures without a face.
        aligner: cuts out each face.
    """
    found = detector([picture for _, picture, _ in pictures])
    shots = []
    for (name, picture, scale), faces in zip(pictures, found, strict=True):
        if isinstance(detector, CropDetector):
            shots.append(Shot(name, None, None, picture, scale, [sight_in_crop(picture, faces)]))
            continue
        if not faces:
            smallest = detector.smallest(picture) * scale
            skip(name, f"{name}: no face found of at least {smallest:.0f} pixels in height")
            continue
        sightings = [sight(number, picture, face, aligner) for number, face in enumerate(from_left(faces))]
        shots.append(Shot(name, None, None, picture, scale, sightings))
    return shots


def picture_shots(
    paths: Sequence[str], detector: Detector | CropDetector, skip: Skip, aligner: Aligner = align
) -> Iterator[list[Shot]]:
    """Picture files as shots, some at a time; files that cannot be read, or show no face, are reported."""
    batch: list[tuple[str, Picture, float]] = []
    for path, read in _read_ahead(paths):
        if isinstance(read, InputError):
            skip(path, str(read))
            continue
        batch.append((path, *read))
        if len(batch) >= TOGETHER or sum(picture.nbytes for _, picture, _ in batch) >= TOGETHER_BYTES:
            yield shots_of(batch, detector, skip, aligner)
            batch = []
    if batch:
        yield shots_of(batch, detector, skip, aligner)


def _read_ahead(paths: Sequence[str]) -> Iterator[tuple[str, tuple[Picture, float] | InputError]]:
    """Files decoded in the background, a few ahead."""

    def read(path: str) -> tuple[Picture, float] | InputError:
        try:
            return read_picture(path)
        except InputError as error:
            return error

    with ThreadPoolExecutor(1) as pool:
        rest = iter(paths)
        waiting: list[tuple[str, Any]] = [
            (path, pool.submit(read, path)) for path in islice(rest, READ_AHEAD)
        ]
        while waiting:
            path, future = waiting.pop(0)
            yield path, future.result()
            waiting += [(path, pool.submit(read, path)) for path in islice(rest, 1)]
