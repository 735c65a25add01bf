"""Pictures inside other files: a frame of a video, the pixels in a line of a CSV file.

A path names them by a fragment: ``clip.flv#at=0.5`` is the frame half way through a video
(``#at=0.5&turn=90`` turns it clockwise), ``fer2013.csv#pixels=17+8287`` the picture whose grey values stand
as text in 8287 bytes from byte 17. Both come out as PNG, and both may lie in a zip archive.
"""

import io
import math
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from relgan.data.face import in_archive, read_bytes, reading
from relgan.errors import InputError

FRAGMENT = re.compile(
    r"(?P<file>.+)#(?:at=(?P<at>\d+\.?\d*|\.\d+)(?:&turn=(?P<turn>90|180|270))?|pixels=(?P<start>\d+)\+(?P<length>\d+))"
)

_local = threading.local()


def picture_in(path: str) -> bytes | None:
    """The PNG a path with a fragment names; None for any other path.

    Raises:
        InputError: there is no such picture in the file, or the package for videos is missing.
    """
    match = FRAGMENT.fullmatch(path)
    if match is None:
        return None
    if match["at"] is not None:
        return video_frame(match["file"], float(match["at"]), int(match["turn"] or 0))
    return text_pixels(match["file"], int(match["start"]), int(match["length"]))


def video_frame(path: str, at: float, turn: int = 0) -> bytes:
    """The frame at a fraction of a video (0 the first, 1 the last) as PNG.

    It is upright as the video's marks say, then turned clockwise by some degrees.

    Raises:
        InputError: the package av is missing, or the file is no readable video.
    """
    try:
        import av

        from relgan.frames import upright
    except ImportError as error:
        raise InputError(
            f"{path}: frames of videos need the package av; pip install 'relgan[video]'"
        ) from error
    content = read_bytes(path)
    if content.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: a Git LFS pointer, not the video; run git lfs pull in its repository")
    try:
        # FLV does not say how many frames it holds: count packets first, then decode up to the wanted one.
        with av.open(io.BytesIO(content), "r") as container:
            count = sum(bool(packet.size) for packet in container.demux(video=0))
        with av.open(io.BytesIO(content), "r") as container:
            wanted, last = min(count - 1, int(at * count)), None
            stream = container.streams.video[0]
            for position, frame in enumerate(container.decode(video=0)):
                last = frame
                if position >= wanted:
                    break
            if last is None:
                raise InputError(f"{path}: a video without frames; copy it again")
            pixels = np.rot90(upright(last, stream), -turn // 90)
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable video ({error}); copy it again") from error
    return png(pixels)


def text_pixels(path: str, start: int, length: int) -> bytes:
    """The square grey picture whose values stand as text in a range of bytes of a file, as PNG.

    Raises:
        InputError: the range holds no such text.
    """
    stream = open_binary(path)
    with reading(path):
        stream.seek(start)
        text = stream.read(length)
    try:
        values = np.array(text.strip(b' "').split(), dtype=np.int64)
    except ValueError as error:
        raise InputError(f"{path}: no pixels at byte {start} ({error}); read the data set again") from error
    side = math.isqrt(values.size)
    if not side or side * side != values.size or values.min() < 0 or values.max() > 255:
        raise InputError(f"{path}: {values.size} values at byte {start} are no square picture; read it again")
    return png(values.astype(np.uint8).reshape(side, side))


def open_binary(path: str) -> IO[bytes]:
    """A file or a member of a zip archive, seekable; the one used last stays open in each thread.

    Raises:
        InputError: it cannot be opened.
    """
    # The process is part of the key: a forked child would share the file position with its parent.
    key = (os.getpid(), path)
    if getattr(_local, "key", None) != key:
        with reading(path):
            packed = in_archive(path)
            if packed is None:
                stream: IO[bytes] = Path(path).open("rb")  # noqa: SIM115
            else:
                stream = zipfile.ZipFile(packed[0]).open(packed[1])  # noqa: SIM115
        _local.key, _local.stream = key, stream
    opened: IO[bytes] = _local.stream
    return opened


def lines_of(path: str) -> Iterator[bytes]:
    """The lines of a file or of a member of a zip archive, with their ends.

    Raises:
        InputError: it cannot be opened, or not be read to its end.
    """
    stream = open_binary(path)
    with reading(path):
        stream.seek(0)
        yield from stream


def png(pixels: np.ndarray) -> bytes:
    """Pixels (H, W) or (H, W, 3) uint8 as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
