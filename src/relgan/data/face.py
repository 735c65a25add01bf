"""One record per face picture, and the bytes behind its path (a file, or a member of a zip archive)."""

import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from relgan.errors import InputError

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Face:
    """One picture of one person.

    Attributes:
        path: the picture; inside an archive it reads ``/data/jaffe.zip/jaffe/KA.AN1.39.jpg``, in a video
            ``clip.flv#at=0.5`` (see :mod:`relgan.data.embedded`).
        expression: a canonical expression, or None where the data set does not say.
        subject: the person (or, where people are unknown, None).
        sequence: the take the picture was cut from; pictures of one sequence look almost alike.
        frame: position in the sequence, counted from its end where takes end at the apex (0 = last frame).
        intensity: 0 to 1 where the data set grades it.
        view: camera or head direction where there are several ("frontal", "left45", ...).
        split: "train", "validation" or "test" where the data set fixes it.
        sitting: pictures of one person in one sitting share camera, light and background; None: all do.
        take: the performance; pictures of different people with the same expression, take and frame show the
            same movement, as synthetic people do.
    """

    path: str
    expression: str | None = None
    subject: str | None = None
    sequence: str | None = None
    frame: int | None = None
    intensity: float | None = None
    view: str | None = None
    split: str | None = None
    sitting: str | None = None
    take: str | None = None


def is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def in_archive(path: str) -> tuple[str, str] | None:
    """The archive and the member that a path names, or None where it names a file."""
    end = path.lower().find(".zip/") + 4
    return (path[:end], path[end + 1 :]) if end >= 4 and is_archive(Path(path[:end])) else None


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Around whatever opens and reads a file or a member of an archive.

    Raises:
        InputError: it is not there, or damaged, encrypted or packed in an unknown way.
    """
    try:
        yield
    except (OSError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({str(error) or type(error).__name__})") from error


def walk(root: Path) -> Iterator[str]:
    """Every file below a folder or in a zip archive, sorted, as paths that :func:`read_bytes` opens.

    Hidden files, ``__MACOSX`` and ``Thumbs.db`` are passed over. Links to what is not there are not, so that
    whoever opens one says which file is missing.

    Raises:
        InputError: root does not exist, or is neither a folder nor a readable zip archive.
    """
    if is_archive(root):
        try:
            with zipfile.ZipFile(root) as archive:
                names = [info.filename for info in archive.infolist() if not info.is_dir()]
        except zipfile.BadZipFile as error:
            raise InputError(
                f"{root}: not a readable zip archive ({error}); download or copy it again"
            ) from error
        paths = [f"{root}/{name}" for name in names]
    elif whether(root.is_dir):
        paths = [str(path) for path in root.rglob("*") if path.is_file() or _leads_nowhere(path)]
    elif whether(root.exists):
        raise InputError(f"{root}: neither a folder nor a .zip archive; give the data set's root folder")
    else:
        raise InputError(f"{root}: no such folder or archive; give the data set's root folder")
    for path in sorted(paths):
        parts = relative(path, root).split("/")
        if not any(part.startswith(".") or part in {"__MACOSX", "Thumbs.db"} for part in parts):
            yield path


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def relative(path: str, root: Path) -> str:
    """The part of a path from :func:`walk` below its root, with forward slashes."""
    above = str(root)
    prefix = 0 if above == "." else len(above.rstrip("/")) + 1  # the paths below "." do not begin with it
    return path[prefix:].replace("\\", "/")


def whether(question: Callable[[], bool]) -> bool:
    """What a path answers about itself; False where its name is too long for any file."""
    try:
        return question()
    except OSError:
        return False


def read_bytes(path: str) -> bytes:
    """The bytes of a file, of a member of a zip archive, or (as PNG) of a picture embedded in either.

    Raises:
        InputError: there is no such file or member, or it cannot be read.
    """
    if "#" in path:
        from relgan.data.embedded import picture_in

        embedded = picture_in(path)
        if embedded is not None:
            return embedded
    with reading(path):
        packed = in_archive(path)
        if packed is None:
            return Path(path).read_bytes()
        archive, member = packed
        # One open archive per thread: zipfile objects are not safe to share, opening costs a directory read.
        # And one per process: a forked child would share the file position with its parent.
        opened: dict[tuple[int, str], zipfile.ZipFile] = _local.__dict__.setdefault("archives", {})
        key = (os.getpid(), archive)
        if key not in opened:
            opened[key] = zipfile.ZipFile(archive)
        return opened[key].read(member)
