"""Pictures that are cut to the face already: their landmarks, so that they lie as all other faces do."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.faces.align import IN_CROPS, align, centre_square, resize_crop
from relgan.faces.detect import Detection, Detector

_CROP = 112  # pixels at which faces are looked for
_MARGIN = 28  # pixels of repeated edge around them: the detector wants to see what is around a face
_SMALLEST = 56  # pixels of the face in such a crop; anything smaller is something else


class CropDetector:
    """A detector for crops: it finds what fills them, whatever their size.

    Args:
        threshold: score that a face must reach.
        device: torch device.
    """

    def __init__(self, threshold: float = 0.7, device: str = "cpu") -> None:
        self._detector = Detector(min_face=_SMALLEST, threshold=threshold, device=device)

    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """The faces in each crop (H, W, 3), in its pixels; none where the landmarks cannot be made out."""
        found = self._detector([_framed(crop) for crop in crops])
        return [
            [_unframed(face, crop) for face in faces if face.box[3] >= _SMALLEST]
            for crop, faces in zip(crops, found, strict=True)
        ]


def placed(crop: NDArray[np.uint8], size: int = _CROP) -> NDArray[np.uint8]:
    """The aligned face (size, size, 3) of a crop in which none is found: it lies where most crops have it."""
    top, left, side = centre_square(*crop.shape[:2])
    return align(crop, IN_CROPS * side - 0.5 + [left, top], size)


def _framed(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A crop in a frame of its repeated edge."""
    margins = (_MARGIN,) * 4
    framed = cv2.copyMakeBorder(resize_crop(crop, _CROP), *margins, cv2.BORDER_REPLICATE)
    return np.asarray(framed, np.uint8)


def _unframed(found: Detection, crop: NDArray[np.uint8]) -> Detection:
    """What was found in a framed crop, in pixels of the crop itself."""
    top, left, side = centre_square(*crop.shape[:2])
    scale = side / _CROP
    x, y, w, h = found.box
    # Pixel p of the frame is p - margin of the resized crop, whose pixel centres lie half a pixel inside.
    landmarks = (found.landmarks - _MARGIN + 0.5) * scale - 0.5 + np.array([left, top], np.float32)
    box = ((x - _MARGIN) * scale + left, (y - _MARGIN) * scale + top, w * scale, h * scale)
    return Detection(box, found.score, landmarks.astype(np.float32))
