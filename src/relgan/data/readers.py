"""The data sets we read, by the name the command line uses."""

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from relgan.data.affectnet import AFFECTNET
from relgan.data.bu3dfe import BU3DFE
from relgan.data.bu4dfe import BU4DFE
from relgan.data.ck48 import CK48
from relgan.data.ckplus import CKPLUS
from relgan.data.cremad import CREMAD
from relgan.data.face import Face, relative
from relgan.data.fer2013 import FER2013
from relgan.data.ferplus import FERPLUS
from relgan.data.folder import FOLDER
from relgan.data.jaffe import JAFFE
from relgan.data.kdef import KDEF
from relgan.data.mmi import MMI
from relgan.data.mug import MUG
from relgan.data.oulu_casia import OULU_CASIA
from relgan.data.rafd import RAFD
from relgan.data.rafdb import RAFDB
from relgan.data.reader import Reader, Reading, refuse
from relgan.data.sfew import SFEW
from relgan.data.synthetic import SYNTHETIC
from relgan.errors import InputError

PACKED = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".z01")  # archives that lie in a root

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        CKPLUS,
        CK48,
        OULU_CASIA,
        BU3DFE,
        BU4DFE,
        SFEW,
        JAFFE,
        KDEF,
        RAFD,
        FER2013,
        FERPLUS,
        RAFDB,
        AFFECTNET,
        CREMAD,
        MUG,
        MMI,
        FOLDER,
        SYNTHETIC,
    )
}


def reader_named(name: str) -> Reader:
    """The reader of a data set.

    Raises:
        InputError: there is none of that name; close ones are suggested.
    """
    word = re.sub(r"[-_ +.]", "", name.lower())
    for reader in READERS.values():
        if word == reader.name.replace("_", ""):
            return reader
    near = get_close_matches(name.lower(), READERS, 2, 0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(f"{name}: no such data set; {hint}We read {' '.join(READERS)}")


def read(name: str, root: Path | str, subject_pattern: str | None = None) -> Reading:
    """The faces of a data set, and what was left out.

    Args:
        name: a key of :data:`READERS`.
        root: the data set's folder or .zip (for ``folder`` a manifest .csv too).
        subject_pattern: a regular expression searched in each path relative to the root; its group
            ``subject``, or its first group, is the person. Only where people are not named otherwise.

    Raises:
        InputError: unknown name, nothing to read, files that do not fit, or a pattern that does not.
    """
    reader = reader_named(name)
    root = Path(root)
    reading = reader.read(root)
    if not reading.faces:
        left_out = (
            f" ({len(reading.skipped)} files skipped: {reading.skipped[0].reason})" if reading.skipped else ""
        )
        packed = [skip.path for skip in reading.skipped if skip.path.lower().endswith(PACKED)]
        unpack = f"; unpack {packed[0]} first" if packed else ""
        raise InputError(
            f"{root}: no pictures of {reader.title} found{left_out}{unpack}; expected {reader.layout}"
        )
    if subject_pattern is None:
        return reading
    return replace(reading, faces=with_subjects(reading.faces, root, subject_pattern))


def read_faces(name: str, root: Path | str, subject_pattern: str | None = None) -> list[Face]:
    """The faces alone of :func:`read`."""
    return read(name, root, subject_pattern).faces


def regular_expression(pattern: str, option: str) -> re.Pattern[str]:
    """A pattern compiled.

    Raises:
        InputError: it is no regular expression; ``option`` says where it was given.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(f"{option}: not a regular expression ({error})") from error


def subject_expression(pattern: str) -> re.Pattern[str]:
    """``--subject-pattern`` as a regular expression whose group "subject", or else the first, is the person.

    Raises:
        InputError: it is no regular expression or has no group.
    """
    expression = regular_expression(pattern, f"--subject-pattern {pattern}")
    if not expression.groups:
        raise InputError(f"--subject-pattern {pattern}: put the person's part in brackets, like ([A-Z]+)_")
    return expression


def subject_in(path: str, expression: re.Pattern[str]) -> str | None:
    """The person in a path, None or empty where the expression finds none."""
    match = expression.search(path)
    return match["subject" if "subject" in expression.groupindex else 1] if match else None


def with_subjects(faces: Sequence[Face], root: Path, pattern: str) -> list[Face]:
    """The faces with their people taken from their paths.

    Raises:
        InputError: the data set names its people, the pattern is no regular expression or has no group, or
            paths do not match.
    """
    if any(face.subject is not None for face in faces):
        raise InputError(f"--subject-pattern {pattern}: {root} names its people itself; leave the option out")
    expression = subject_expression(pattern)
    base = root.parent if root.suffix.lower() == ".csv" else root
    named: list[Face] = []
    wrong: list[str] = []
    for face in faces:
        path = relative(face.path, base) if face.path.startswith(f"{base}/") else face.path
        subject = subject_in(path, expression)
        if subject:
            named.append(replace(face, subject=subject))
        else:
            wrong.append(path)
    if wrong:
        refuse(wrong, f"--subject-pattern {pattern} does not match these {len(wrong)} of {len(faces)} paths")
    return named
