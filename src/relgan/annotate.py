"""Copies of pictures and frames with boxes around the faces and a bar for each expression."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from relgan.errors import InputError
from relgan.pictures import Picture
from relgan.shots import Shot
from relgan.timeline import COLOURS

BARS = 3  # the most likely expressions


def annotated(
    shot: Shot, probabilities: NDArray[np.float64], classes: Sequence[str], numbers: bool = False
) -> Picture:
    """A shot's picture with a box around each face and, beside it, bars for its likeliest expressions.

    Args:
        shot: the picture and its faces.
        probabilities: (faces, C).
        classes: C expressions.
        numbers: write the faces' numbers, too.
    """
    image = Image.fromarray(shot.picture)
    pen = ImageDraw.Draw(image, "RGBA")
    for face, row in zip(shot.faces, probabilities, strict=True):
        x, y, width, height = face.box
        text = round(float(np.clip(height / 9, 9, max(image.height, image.width) / 24)))
        text = max(text, 9)
        order = np.argsort(-row, kind="stable")[:BARS]
        colour = COLOURS.get(classes[order[0]], "#444444")
        pen.rectangle((x, y, x + width, y + height), outline=colour, width=max(2, round(height / 60)))
        _panel(image, pen, face.face if numbers else None, face.box, row, order, classes, text)
    return np.asarray(image)


def _panel(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    number: int | None,
    box: tuple[float, float, float, float],
    row: NDArray[np.float64],
    order: NDArray[np.intp],
    classes: Sequence[str],
    text: int,
) -> None:
    """The bars of one face, below its box; above or inside where there is no room."""
    font = ImageFont.load_default(text)
    x, y, width, height = box
    line = round(1.35 * text)
    words = [f"{classes[k]} {100 * row[k]:.0f}%" for k in order]
    lines = len(words) + (number is not None)
    wide = max(max(pen.textlength(word, font) for word in words) + text, min(width, 8.0 * text))
    left = min(max(0.0, x), max(0.0, image.width - wide))
    top = y + height + 2
    if top + lines * line > image.height:
        top = y - 2 - lines * line if y - 2 - lines * line >= 0 else image.height - lines * line
    pen.rectangle((left, top, left + wide, top + lines * line), fill=(0, 0, 0, 150))
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


def save_picture(picture: Picture | Image.Image, path: Path) -> None:
    """Write a picture whole or not at all, in the format of its suffix.

    Raises:
        InputError: the suffix names no format, or the file cannot be written.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise InputError(f"{path}: not a picture format that can be written; take .png or .jpg")
    beside = path.with_name(path.name + ".part")
    try:
        image.save(beside, format=kind, **({"quality": 92} if kind in ("JPEG", "WEBP") else {}))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
