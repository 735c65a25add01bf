"""Copies of pictures and frames with boxes around the faces and a bar for each expression."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from relgan.errors import InputError
from relgan.files import whole
from relgan.pictures import Picture
from relgan.shots import Shot
from relgan.timeline import COLOURS
from relgan.tracks import Box

BARS = 3  # the most likely expressions
READABLE = 320  # pixels; a longer side below this is multiplied


def annotated(
    shot: Shot, probabilities: NDArray[np.float64], classes: Sequence[str], numbers: bool = False
) -> Picture:
    """A shot's picture with a box around each face and, beside it, bars for its likeliest expressions.

    A small picture is enlarged, for words need room.

    Args:
        shot: the picture and its faces.
        probabilities: (faces, C).
        classes: C expressions.
        numbers: write the faces' numbers, too.
    """
    image = Image.fromarray(shot.picture)
    times = max(1, math.ceil(READABLE / max(image.size)))
    if times > 1:
        image = image.resize((times * image.width, times * image.height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image, "RGBA")
    boxes = [(times * x, times * y, times * w, times * h) for x, y, w, h in (f.box for f in shot.faces)]
    panels: list[Box] = []
    for place, (face, row) in enumerate(zip(shot.faces, probabilities, strict=True)):
        x, y, width, height = boxes[place]
        text = max(9, round(min(height / 9, min(image.height, image.width) / 24)))
        order = np.argsort(-row, kind="stable")[:BARS]
        colour = COLOURS.get(classes[order[0]], "#444444")
        pen.rectangle((x, y, x + width, y + height), outline=colour, width=max(2, round(height / 60)))
        taken = [*boxes[:place], *boxes[place + 1 :], *panels]
        number = face.face if numbers else None
        panels.append(_panel(image, pen, number, boxes[place], taken, row, order, classes, text))
    return np.asarray(image)


def _panel(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    number: int | None,
    box: Box,
    taken: Sequence[Box],
    row: NDArray[np.float64],
    order: NDArray[np.intp],
    classes: Sequence[str],
    largest: int,
) -> Box:
    """The bars of one face, below its box; above or beside where what is taken leaves no room, else small on
    its brow. Where they are."""
    x, y, width, height = box
    words = [f"{classes[k]} {100 * row[k]:.0f}%" for k in order]
    lines = len(words) + (number is not None)
    for text in (largest, max(9, largest // 2)):
        font, line = ImageFont.load_default(text), round(1.35 * text)
        wide = max(max(pen.textlength(word, font) for word in words) + text, min(width, 8.0 * text))
        high = lines * line
        left = min(max(0.0, x), max(0.0, image.width - wide))
        level = min(max(0.0, y), max(0.0, image.height - high))
        places = (
            (left, y + height + 2),
            (left, y - 2 - high),
            (x + width + 2, level),
            (x - 2 - wide, level),
        )
        free = [
            place
            for place in places
            if 0 <= place[0] <= image.width - wide
            and 0 <= place[1] <= image.height - high
            and not any(_overlap((*place, wide, high), other) for other in taken)
        ]
        if free:
            break
    left, top = free[0] if free else (left, level)
    panel = (left, top, wide, high)
    pen.rectangle((left, top, left + wide, top + high), fill=(0, 0, 0, 150))
    if number is not None:
        pen.text((left + text / 3, top + text / 8), f"face {number}", fill="white", font=font)
        top += line
    for k, word in zip(order, words, strict=True):
        colour = COLOURS.get(classes[k], "#444444")
        pen.rectangle((left, top + 1, left + wide * float(row[k]), top + line - 1), fill=colour)
        pen.text(
            (left + text / 3, top + text / 8), word, fill="white", font=font, stroke_width=max(1, text // 12),
            stroke_fill="black",
        )  # fmt: skip
        top += line
    return panel


def _overlap(one: Box, other: Box) -> bool:
    return all(one[k] < other[k] + other[k + 2] and other[k] < one[k] + one[k + 2] for k in (0, 1))


def save_picture(picture: Picture | Image.Image, path: Path) -> None:
    """Write a picture whole or not at all, in the format of its suffix.

    Raises:
        InputError: the suffix names no format, or the file cannot be written.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise InputError(f"{path}: not a picture format that can be written; take .png or .jpg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as beside:
            image.save(beside, format=kind, **({"quality": 92} if kind in ("JPEG", "WEBP") else {}))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
