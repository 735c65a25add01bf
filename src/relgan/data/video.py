"""What readers of video data sets share: which files are videos, and names for frames in them."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from relgan.data.face import walk
from relgan.data.reader import SECOND_COPY, Skipped, stem

VIDEO_SUFFIXES = frozenset({".flv", ".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"})


def videos_in(root: Path) -> tuple[list[str], list[str], list[Skipped]]:
    """The videos below a root (one per name), every other file, and second copies of videos as skipped."""
    first: dict[str, str] = {}
    others: list[str] = []
    skipped: list[Skipped] = []
    for path in walk(root):
        if PurePosixPath(path).suffix.lower() not in VIDEO_SUFFIXES:
            others.append(path)
        elif first.setdefault(stem(path).lower(), path) != path:
            skipped.append(Skipped(path, SECOND_COPY))
    return list(first.values()), others, skipped


def frames_at(video: str, places: Sequence[float], turn: int = 0) -> list[str]:
    """Paths of the frames at some fractions of a video, turned clockwise by some degrees."""
    suffix = f"&turn={turn}" if turn else ""
    return [f"{video}#at={place:g}{suffix}" for place in places]
