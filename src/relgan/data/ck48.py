"""CK+48: the last three frames of the labelled CK+ sequences as 48x48 face crops, one folder per expression.

``CK+48/anger/S010_004_00000017.png``, as it circulates on Kaggle; the file names hold person and sequence.
"""

from collections import defaultdict
from pathlib import Path, PurePath

from relgan.data.ckplus import CKPLUS, NAME
from relgan.data.face import Face, relative
from relgan.data.reader import (
    NOT_A_PICTURE,
    TEN_FOLDS,
    Reader,
    Reading,
    Skipped,
    folders,
    from_end,
    named_pictures_in,
    refuse,
    stem,
)
from relgan.errors import InputError
from relgan.expressions import canonical

NAMELESS = "ckextended.csv"


def read(root: Path) -> Reading:
    """Faces by class folder; frames are counted from the end of each sequence.

    Raises:
        InputError: a class folder we do not know, a picture that is not named as CK+ names it, or the table
            that circulates, which names nobody.
    """
    alone = root.name.lower() == NAMELESS
    pictures, skipped = ([], [Skipped(str(root), NOT_A_PICTURE)]) if alone else named_pictures_in(root)
    table = next((skip.path for skip in skipped if PurePath(skip.path).name.lower() == NAMELESS), None)
    if table and not pictures:
        raise InputError(f"{table}: does not say who is who; take the pictures, {CK48.layout}")
    takes: dict[str, list[str]] = defaultdict(list)
    expressions: dict[str, str] = {}
    wrong: list[str] = []
    for path in pictures:
        name = NAME.fullmatch(stem(path))
        expression = canonical(next(iter(folders(relative(path, root))), ""))
        if name is None or expression is None:
            wrong.append(path)
        else:
            takes[name["sequence"].upper()].append(path)
            expressions[path] = expression
    if wrong:
        refuse(wrong, "CK+48 lies as <expression>/S010_004_00000017.png; rename or remove what differs")
    faces = [
        Face(path, expressions[path], sequence[:4], sequence, position)
        for sequence, frames in sorted(takes.items())
        for path, position in from_end(frames).items()
    ]
    return Reading(faces, skipped)


CK48 = Reader(
    name="ck48",
    title="CK+48 (CK+ as 48x48 crops)",
    read=read,
    layout="<expression>/S010_004_00000017.png in anger contempt disgust fear happy sadness surprise",
    protocol=TEN_FOLDS,
    citation=CKPLUS.citation,
    cropped=True,
    published=CKPLUS.published,
    people=CKPLUS.people,
)
