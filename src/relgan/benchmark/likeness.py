"""How like photographs rendered faces are: ``python -m relgan.benchmark.likeness RENDERED PHOTOGRAPHS``.

Both are folders as `relgan synthesize` and `relgan prepare` make them; of photographs the training part is
taken. Nothing is learnt: a light meter within the face, the mean faces, looked at where brows, lids and lips
are, how high brows stand, and the proportions of resting faces by a detector's landmarks. Rendered faces
count from half of their strength on.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.data.face import Face
from relgan.data.manifest import load_prepared
from relgan.errors import InputError
from relgan.faces.cropped import CropDetector

Floats = NDArray[np.float32]
BANDS = ((1, 2), (2, 4), (4, 8), (8, 16))
"""Differences of Gaussians, pixels at 112."""
PLACES: dict[str, tuple[str, slice, slice]] = {
    "brow": ("neutral", slice(31, 34), slice(36, 41)),
    "outer half of the eye": ("neutral", slice(39, 42), slice(30, 34)),
    "inner half of the eye": ("neutral", slice(39, 42), slice(44, 48)),
    "upper lip": ("neutral", slice(75, 78), slice(52, 60)),
    "mouth's line in anger": ("anger", slice(77, 80), slice(52, 60)),
    "mouth's line in sadness": ("sadness", slice(77, 80), slice(52, 60)),
    "mouth's corner in happiness": ("happiness", slice(77, 80), slice(42, 46)),
    "mouth's upper edge in surprise": ("surprise", slice(75, 79), slice(52, 60)),
}
"""The expression whose mean face is looked at, rows and columns of the left half at 112 pixels."""
EYES = slice(36, 46), (slice(32, 44), slice(67, 79))
"""Rows and columns at 112 pixels where the eyes of aligned faces are."""
FOREHEAD, LID = 18, 5
"""The row that brows are looked for from, and how many pixels above the eye's darkest row they end."""
FAINT = 12
"""Grey levels that a brow is darker than the lid under it at least."""
BROWED = ("neutral", "surprise", "fear", "sadness", "anger", "disgust")
"""Expressions whose brows are looked at."""
AHEAD = 0.12
"""In distances between the eyes, how far the nose of a face that looks ahead is from the middle at most."""
ENOUGH = 1000
"""Resting faces that proportions are taken of."""


def oval(size: int) -> NDArray[np.bool_]:
    """(size, size): where the face is in an aligned picture, without hair and background."""
    rows, columns = np.mgrid[:size, :size] / size
    inside: NDArray[np.bool_] = ((columns - 0.496) / 0.33) ** 2 + ((rows - 0.536) / 0.4) ** 2 < 1
    return inside


def light(grey: Floats) -> dict[str, float]:
    """The mean grey level of pictures (N, S, S), their contrast within the face, and how much lies in each
    band."""
    within = oval(grey.shape[1])
    found = {"grey level": float(grey[:, within].mean()), "contrast": float(grey[:, within].std(1).mean())}
    for fine, coarse in BANDS:
        layers = [cv2.GaussianBlur(x, (0, 0), fine) - cv2.GaussianBlur(x, (0, 0), coarse) for x in grey]
        found[f"{fine} to {coarse} pixels"] = float(np.median([layer[within].std() for layer in layers]))
    return found


def mean_faces(grey: Floats, expressions: Iterable[str | None]) -> dict[str, Floats]:
    """The mean face of each expression, its left half like its right: 0 is the mean within a face, 1 one
    standard deviation."""
    within = oval(grey.shape[1])
    mean, deviation = (of(grey[:, within], 1)[:, None, None] for of in (np.mean, np.std))
    even = (grey - mean) / np.maximum(deviation, 8)  # a picture of fog has no face
    shown = np.array([expression or "" for expression in expressions])
    means = {name: even[shown == name].mean(0) for name in np.unique(shown)}
    return {str(name): (face + face[:, ::-1]) / 2 for name, face in means.items()}


def brow_height(grey: Floats) -> float:
    """How many pixels above the darkest row of the eyes the brows of pictures (N, 112, 112) are darkest, the
    median over those that have brows darker than their lids; NaN where none has."""
    rows, (left, right) = EYES
    found = []
    for picture in grey:
        soft = cv2.GaussianBlur(picture, (0, 0), 1)
        strip = (soft[:, left].mean(1) + soft[:, right].mean(1)) / 2  # (112,)
        eye = rows.start + int(strip[rows].argmin())
        above = strip[FOREHEAD : eye - LID]
        brow = int(above.argmin())
        inside = 0 < brow < len(above) - 1  # at an end it is hair, or the eye's own shade
        if inside and strip[FOREHEAD + brow : eye].max() - above[brow] > FAINT:
            found.append(eye - FOREHEAD - brow)
    return float(np.median(found)) if found else float("nan")


def proportions(landmarks: Floats) -> dict[str, float]:
    """Means over faces that look ahead, in distances between the eyes; landmarks (N, 5, 2) as
    `relgan.faces.detect` finds them; NaN where there is none."""
    left, right, *others = (landmarks[..., 0] + 1j * landmarks[..., 1]).T
    # With the eyes at -0.5 and 0.5, real to the right and imaginary down.
    nose, corner, other = ((point - (left + right) / 2) / (right - left) for point in others)
    ahead = np.abs(nose.real) < AHEAD
    found = {
        "eyes to mouth": (corner + other).imag / 2,
        "eyes to nose": nose.imag,
        "mouth's width": np.abs(other - corner),
    }
    return {
        name: float(values[ahead].mean()) if ahead.any() else float("nan") for name, values in found.items()
    }


def found_landmarks(pictures: NDArray[np.uint8]) -> Floats:
    """(M, 5, 2) of those aligned faces (N, S, S, 3) in which the detector finds them."""
    detector, found = CropDetector(), []
    for start in range(0, len(pictures), 64):
        found += [faces[0].landmarks for faces in detector(list(pictures[start : start + 64])) if faces]
    return np.array(found, np.float32).reshape(-1, 5, 2)


def meters(faces: list[Face], pictures: NDArray[np.uint8]) -> dict[str, float]:
    """All numbers of one set of faces, pictures (N, 112, 112, 3); NaN where an expression is missing."""
    shown = np.array([face.expression or "" for face in faces])
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]).astype(np.float32)
    means = mean_faces(grey, shown)
    places = {
        place: float(means[name][rows, columns].mean()) if name in means else float("nan")
        for place, (name, rows, columns) in PLACES.items()
    }
    brows = {f"brow above the eye, {name}": brow_height(grey[shown == name]) for name in BROWED}
    resting = pictures[shown == "neutral"]
    some = resting[:: max(1, len(resting) // ENOUGH)][:ENOUGH]
    return {**light(grey), **places, **brows, **proportions(found_landmarks(some))}


def strong(faces: Sequence[Face]) -> list[int]:
    """The places of the training part's faces that are at rest or show at least half of their strength."""
    return [
        place
        for place, face in enumerate(faces)
        if face.split in (None, "train")
        and (face.expression == "neutral" or face.intensity is None or face.intensity >= 0.5)
    ]


def set_of(folder: Path) -> dict[str, float]:
    """The numbers of a prepared folder.

    Raises:
        InputError: the folder is not one, or its faces are not of 112 pixels.
    """
    faces, pictures = load_prepared(folder)
    if pictures.shape[1] != 112:
        raise InputError(f"{folder}: faces of {pictures.shape[1]} pixels; make them with --size 112")
    counted = strong(faces)
    return meters([faces[place] for place in counted], pictures[counted])


def main(folders: list[str]) -> None:
    if not folders:
        raise InputError("give folders that relgan synthesize or relgan prepare made")
    found = [set_of(Path(folder)) for folder in folders]
    print(f"{'':32}" + "".join(f"{Path(folder).name:>14.14}" for folder in folders))
    for name in found[0]:
        print(f"{name:32}" + "".join(f"{numbers[name]:14.2f}" for numbers in found))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
