"""Decoded frames of videos as pictures."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def upright(raw: Any, stream: Any) -> NDArray[np.uint8]:
    """A decoded frame as (H, W, 3) uint8 RGB with square pixels, turned as its rotation mark says.

    Args:
        raw: the frame (av.VideoFrame).
        stream: the stream it comes from, which knows the shape of its pixels.
    """
    picture = raw.to_ndarray(format="rgb24")
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        width = max(1, round(picture.shape[1] * float(aspect)))
        picture = cv2.resize(picture, (width, picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    turns = round(raw.rotation / 90) % 4  # counter-clockwise
    if turns:
        picture = np.ascontiguousarray(np.rot90(picture, turns))
    turned: NDArray[np.uint8] = picture
    return turned
