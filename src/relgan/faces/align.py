"""Upright, centred 112x112 faces: a similarity transform of five landmarks onto fixed places."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

# Where left eye, right eye, nose tip, left and right mouth corner go, in fractions of the aligned side.
# The proportions are the mean of 213 faces (JAFFE). The networks crop 96 of 112 pixels at the centre and in
# the corners: raised brows and the mouth of a dropped jaw lie inside every one of these crops.
TEMPLATE: NDArray[np.float64] = np.array(
    [[0.345, 0.370], [0.655, 0.370], [0.500, 0.550], [0.377, 0.710], [0.623, 0.710]]
)
TEMPLATE.setflags(write=False)
# Where they lie in crops as detectors of the time cut them: the medians over 328 of 400 photographs of
# FER2013, those in which our detector finds a face.
IN_CROPS: NDArray[np.float64] = np.array(
    [[0.313, 0.383], [0.683, 0.376], [0.498, 0.599], [0.347, 0.784], [0.657, 0.773]]
)
IN_CROPS.setflags(write=False)


def similarity(points: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """The rotation, scale and shift that bring points closest to target in the least-squares sense.

    Umeyama's closed form (1991) in the plane; a reflection is never returned.

    Args:
        points: (n, 2).
        target: (n, 2).

    Returns:
        (2, 3) matrix for ``x' = matrix[:, :2] @ x + matrix[:, 2]``. Points that coincide are only shifted.
    """
    source, goal = np.asarray(points, np.float64), np.asarray(target, np.float64)
    centre, goal_centre = source.mean(0), goal.mean(0)
    source, goal = source - centre, goal - goal_centre
    # As complex numbers a similarity without reflection is one multiplication, a + ib.
    spread = (source**2).sum()
    a = (source * goal).sum() / spread if spread > 0 else 1.0
    b = (source[:, 0] * goal[:, 1] - source[:, 1] * goal[:, 0]).sum() / spread if spread > 0 else 0.0
    rotation = np.array([[a, -b], [b, a]])
    return np.column_stack([rotation, goal_centre - rotation @ centre])


def reduced(
    picture: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A picture without the detail that a similarity would make smaller than a pixel.

    Args:
        picture: (H, W, 3) uint8.
        matrix: (2, 3), from pixels of the picture to those of the result, as from :func:`similarity`.

    Returns:
        The picture, halved and blurred as needed, and the matrix that leads from it to the same result.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        # Bilinear sampling would skip pixels: halve the picture by area first, as often as needed.
        factor = 2.0 ** np.floor(np.log2(1 / scale))
        shape = (max(1, round(picture.shape[1] / factor)), max(1, round(picture.shape[0] / factor)))
        step = np.array([picture.shape[1] / shape[0], picture.shape[0] / shape[1]])
        picture = np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)
        # pixel p of the reduced picture is pixel (p + 0.5) * step - 0.5 of the given one
        matrix = np.column_stack([matrix[:, :2] * step, matrix[:, :2] @ (0.5 * step - 0.5) + matrix[:, 2]])
        scale *= factor
    if scale < 0.95:
        # Between a half and one: blur by what the output's pixels are larger than the input's.
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.42 * np.sqrt(1 / scale**2 - 1)), np.uint8)
    return picture, matrix


def align(picture: NDArray[np.uint8], landmarks: ArrayLike, size: int = 112) -> NDArray[np.uint8]:
    """The face of a picture with its landmarks on ``TEMPLATE``.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) pixels, counted from the centre of the first pixel; order as in ``TEMPLATE``.
        size: side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB; beyond the picture its edge pixels are repeated.
    """
    # Pixel centres lie half a pixel inside: fraction f of the side is pixel f * size - 0.5.
    picture, matrix = reduced(picture, similarity(landmarks, TEMPLATE * size - 0.5))
    warped = cv2.warpAffine(
        picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def centre_square(height: int, width: int) -> tuple[int, int, int]:
    """Top, left and side of the largest square in the middle of a picture."""
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side


def resize_crop(picture: NDArray[np.uint8], size: int = 112) -> NDArray[np.uint8]:
    """A picture that is a face crop already (CK+48, FER2013): its centre square as (size, size, 3) uint8."""
    top, left, side = centre_square(*picture.shape[:2])
    square = np.ascontiguousarray(picture[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method), np.uint8)
