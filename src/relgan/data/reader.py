"""What a data set reader is and returns, and the few steps that most readers share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, NoReturn

from relgan.data.face import Face, read_bytes, relative, walk
from relgan.errors import InputError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
NOT_A_PICTURE = "not a picture"
SECOND_COPY = "second copy of a picture"
EARLIER_FRAME = "earlier frame of a labelled sequence"
ABSENT = "listed, but absent"
UNLISTED = "not listed"


class Skipped(NamedTuple):
    """A file (or take) that is no part of the protocol, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """Everything a reader found: the faces of the protocol, and what it left out for which reason."""

    faces: list[Face]
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class Published:
    """Counts the authors of a data set (or of a protocol) state; what nobody states is None or absent.

    Attributes:
        source: where the counts stand.
        expressions: faces per canonical expression.
        expression_sequences: sequences per canonical expression.
        splits: faces per "train", "validation", "test".
    """

    source: str
    faces: int | None = None
    subjects: int | None = None
    sequences: int | None = None
    expressions: Mapping[str, int] = field(default_factory=dict)
    expression_sequences: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """How a data set is evaluated; :func:`relgan.data.folds.plan_folds` turns it into folds.

    Attributes:
        kind: "k-fold" (person-independent), "split" (the data set's own), "loso" (leave one subject out) or
            "cross" (train on one data set, test on another).
        folds: number of folds of "k-fold".
        text: the sentence that reports print.
        splits: the parts of "split" that the sentence speaks of; None: whichever there are.
    """

    kind: Literal["k-fold", "split", "loso", "cross"]
    text: str
    folds: int = 10
    splits: frozenset[str] | None = None


TEN_FOLDS = Protocol("k-fold", "10-fold person-independent cross-validation")


@dataclass(frozen=True)
class Reader:
    """One data set.

    Attributes:
        name: the word used on the command line.
        title: the data set's own name.
        read: from the root (a folder or a .zip) to faces.
        layout: the files expected below the root, one line; printed when nothing is found.
        protocol: how it is evaluated.
        citation: authors, title, year.
        cropped: the pictures are face crops already, which all hold a face, found or not.
        aligned: the faces are aligned already as ours are (relgan.faces.align): they are resized.
        published: the counts to compare a census with.
        people: data sets of the same people share this word; by default the name.
    """

    name: str
    title: str
    read: Callable[[Path], Reading]
    layout: str
    protocol: Protocol
    citation: str
    cropped: bool = False
    aligned: bool = False
    published: Published | None = None
    people: str = ""

    def __post_init__(self) -> None:
        if not self.people:
            object.__setattr__(self, "people", self.name)


def pictures_in(root: Path) -> tuple[list[str], list[Skipped]]:
    """The pictures below a root, and every other file as skipped.

    Archives met in the wild hold everything twice, in ``images/train`` and in ``images/images/train``: of
    such pictures, if they are the same, one is read.
    """
    found, skipped = _all_pictures_in(root)
    pictures: list[str] = []
    first: dict[tuple[str, ...], str] = {}
    for path in found:
        parts = relative(path, root).split("/")
        place = tuple(part for part, before in zip(parts, ["", *parts], strict=False) if part != before)
        twin = first.setdefault(place, path)
        if twin != path and read_bytes(twin) == read_bytes(path):
            skipped.append(Skipped(path, SECOND_COPY))
        else:
            pictures.append(path)
    return pictures, skipped


def named_pictures_in(root: Path) -> tuple[list[str], list[Skipped]]:
    """Like :func:`pictures_in` for data sets whose file names are unique: a second copy of a name is skipped.

    Archives met in the wild repeat themselves in a nested folder, or hold a TIFF and a JPEG of each picture.
    """
    pictures, skipped = _all_pictures_in(root)  # the name tells a copy: nothing need be compared
    first: dict[str, str] = {}
    for path in pictures:
        if first.setdefault(stem(path).lower(), path) != path:
            skipped.append(Skipped(path, SECOND_COPY))
    return list(first.values()), skipped


def _all_pictures_in(root: Path) -> tuple[list[str], list[Skipped]]:
    """Every picture below a root, copies too, and every other file as skipped."""
    pictures: list[str] = []
    skipped: list[Skipped] = []
    for path in walk(root):
        if PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES:
            pictures.append(path)
        else:
            skipped.append(Skipped(path, NOT_A_PICTURE))
    return pictures, skipped


def stem(path: str) -> str:
    """The file name without its last suffix."""
    return PurePosixPath(path).stem


def folders(below_root: str) -> list[str]:
    """The folder names of a path relative to the root, nearest to the file first."""
    return [part.strip() for part in reversed(below_root.split("/")[:-1])]


def by_folder(pictures: Iterable[str], root: Path) -> dict[str, list[str]]:
    """Pictures grouped by the folder they lie in, named relative to the root ("" is the root itself)."""
    groups: dict[str, list[str]] = {}
    for path in pictures:
        groups.setdefault(relative(path, root).rpartition("/")[0], []).append(path)
    return groups


def text_of(path: str) -> str:
    """The text of a file.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error


def refuse(wrong: Sequence[str], remedy: str) -> NoReturn:
    """Raise the one-line error for files or lines that do not fit: the first five, how many more, the remedy.

    Raises:
        InputError: always.
    """
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    raise InputError(f"{'; '.join(wrong[:5])}{more}; {remedy}")


def from_end(frames: Iterable[str]) -> dict[str, int]:
    """Positions of a sequence's pictures counted from its end: the last in sorted order has 0."""
    return {path: position for position, path in enumerate(sorted(frames, key=stem, reverse=True))}
