"""What people hand over as pictures: files, folders, globs, PIL images, arrays. What comes out is RGB."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from relgan.data.embedded import FRAGMENT
from relgan.data.face import is_archive, read_bytes, walk
from relgan.data.reader import PICTURE_SUFFIXES
from relgan.data.video import VIDEO_SUFFIXES
from relgan.errors import InputError
from relgan.faces.align import resize_crop
from relgan.faces.image import MAX_SIDE, decode, original_size, to_rgb, upright

Picture = NDArray[np.uint8]

PICTURES = PICTURE_SUFFIXES | {".gif", ".avif", ".jp2", ".tga", ".jfif", ".mpo", ".dib"}
VIDEOS = VIDEO_SUFFIXES | {".m4v", ".wmv", ".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".vob", ".mxf"}
AUDIO = {".mp3", ".wav", ".m4a", ".flac", ".ogg", ".aac", ".opus"}  # opened as videos, to say what they are
ALIGNED = 112  # side of an aligned face


def is_video(path: str) -> bool:
    """Whether a file is read as a video, by its suffix; an animated GIF is a picture."""
    return os.path.splitext(path)[1].lower() in VIDEOS | AUDIO


def find_files(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[str], list[str], int]:
    """The pictures and videos that paths name: files as they are, folders and archives searched, globs.

    A file named outright is taken whatever its suffix; in folders and .zip archives only files with a known
    suffix are.

    Returns:
        The files in order, each once; a line for each path that names nothing; and how many files of
        folders were passed over.
    """
    found: dict[str, None] = {}
    wrong: list[str] = []
    passed = 0
    for path in (os.fspath(path) for path in paths):
        try:
            if not path:
                raise InputError("an empty name; give pictures, videos or folders")
            if "\0" in path:
                raise InputError(f"{path!r}: holds a zero byte and can be no path")
            if os.path.isdir(path) or is_archive(Path(path)):
                below = list(walk(Path(path)))
                known = [file for file in below if _known(file)]
                passed += len(below) - len(known)
                if not known:
                    wrong.append(f"{path}: holds no pictures or videos")
            elif os.path.isfile(path) or ".zip/" in path.lower() or FRAGMENT.fullmatch(path):
                known = [path]
            elif os.path.exists(path):
                known = []
                wrong.append(f"{path}: not a regular file; give pictures, videos or folders")
            else:
                known = sorted(file for file in glob.iglob(path, recursive=True) if os.path.isfile(file))
                if not known:
                    missing = "matches no file" if glob.has_magic(path) else "no such file or folder"
                    wrong.append(f"{path}: {missing}")
        except InputError as error:
            known = []
            wrong.append(str(error))
        found.update(dict.fromkeys(known))
    return list(found), wrong, passed


def _known(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in PICTURES or is_video(path)


def unread(skipped: Iterable[str]) -> list[str]:
    """Of the lines on inputs that gave nothing, those on other ones than pictures without a face."""
    return [line for line in skipped if "no face found" not in line]


def read_picture(path: str) -> tuple[Picture, float]:
    """A picture file as (H, W, 3) uint8 RGB, upright, and how many of the file's pixels one of its pixels is.

    Raises:
        InputError: the file is missing, empty, no picture, damaged or too large.
    """
    if not os.path.exists(path) and ".zip/" not in path.lower() and not FRAGMENT.fullmatch(path):
        missing = "a link to a file that is not there" if os.path.islink(path) else "no such file"
        raise InputError(f"{path}: {missing}")
    try:
        data = Path(path).read_bytes() if os.path.isfile(path) else read_bytes(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        picture = decode(data, path)
    except MemoryError as error:
        raise InputError(f"{path}: not enough memory to decode it; reduce it first") from error
    longer = max(picture.shape[:2])
    return picture, original_size(data) / longer if longer == MAX_SIDE else 1.0


def as_picture(picture: Any, name: str = "picture") -> Picture:
    """A path, PIL image or array as (H, W, 3) uint8 RGB.

    Args:
        picture: a path; a PIL image of any mode; or an array, (H, W, 3) uint8 in the order red, green, blue
            (not OpenCV's blue, green, red), or (H, W) grey.
        name: what to call it in an error.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(picture, str | os.PathLike):
        return read_picture(os.fspath(picture))[0]
    if isinstance(picture, Image.Image):
        return np.array(to_rgb(upright(picture)))
    array = np.asarray(picture)
    if not array.ndim:
        raise InputError(f"{name}: of type {type(picture).__name__}; give a file, a PIL image or an array")
    shape = "x".join(map(str, array.shape))
    if array.dtype != np.uint8:
        remedy = "give uint8 from 0 to 255"
        if array.dtype.kind == "f":
            remedy += ", such as (255 * picture).round().astype('uint8')"
        raise InputError(f"{name}: an array of {array.dtype}; {remedy}")
    if array.ndim == 2 and array.size:
        return np.repeat(array[..., None], 3, 2)
    if array.ndim == 3 and array.shape[2] == 3 and array.size:
        return np.ascontiguousarray(array)
    if array.ndim == 3 and array.shape[0] == 3:
        remedy = "the channels come last: picture.transpose(1, 2, 0)"
    elif array.ndim == 3 and array.shape[2] == 4:
        remedy = "leave the alpha channel out: picture[..., :3]"
    else:
        remedy = "give (height, width, 3) RGB"
    raise InputError(f"{name}: an array of shape {shape}; {remedy}")


def each_of(pictures: Any) -> Iterator[Any]:
    """What a list of pictures holds.

    Raises:
        InputError: it is no list of anything, or bytes, which are files not yet decoded.
    """
    if not isinstance(pictures, bytes | bytearray | Mapping):
        with suppress(TypeError):
            return iter(pictures)
    kind = type(pictures).__name__
    raise InputError(f"pictures of type {kind}: give files, PIL images or arrays, or a list of these")


def as_faces(faces: Any) -> Picture:
    """Aligned or closely cropped faces as (n, 112, 112, 3) uint8 RGB; other sizes are resized.

    Args:
        faces: (n, H, W, 3) uint8 RGB, or a sequence of what :func:`as_picture` takes; one face alone is
            taken as n = 1.

    Raises:
        InputError: something is no picture.
    """
    if isinstance(faces, str | os.PathLike | Image.Image):
        faces = [faces]
    if hasattr(faces, "ndim") and faces.ndim in (2, 3) and faces.size:
        faces = [faces]
    pictures = [as_picture(face, f"face {position}") for position, face in enumerate(each_of(faces))]
    if not pictures:
        return np.zeros((0, ALIGNED, ALIGNED, 3), np.uint8)
    square = (ALIGNED, ALIGNED)
    return np.stack([face if face.shape[:2] == square else resize_crop(face, ALIGNED) for face in pictures])


def looks_bgr(crops: Sequence[Picture]) -> bool:
    """Whether most of some aligned faces look as if red and blue were exchanged.

    Skin of every colour reflects more red than green and more green than blue; a face whose middle says the
    opposite is either lit in blue or was read by OpenCV, which gives blue first. Grey faces say nothing.
    """
    swapped = 0
    for crop in crops:
        height, width = crop.shape[:2]
        middle = crop[height // 3 : height * 3 // 4, width // 4 : width * 3 // 4].reshape(-1, 3)
        red, green, blue = np.median(middle, 0)
        swapped += bool(blue - red > 10 and red <= green <= blue)
    return 2 * swapped > len(crops)


def shrunk(picture: Picture, side: int) -> tuple[Picture, float]:
    """A picture reduced so that its longer side is at most ``side``, and by how much it was."""
    factor = max(picture.shape[:2]) / side
    if factor <= 1:
        return picture, 1.0
    size = (max(1, round(picture.shape[1] / factor)), max(1, round(picture.shape[0] / factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), factor
