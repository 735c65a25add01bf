"""MUG: expressions of 86 people (52 of them open to licensees) as sequences neutral - apex - neutral.

``subjects3/001/001/anger/take000/img_0000.jpg``; the person's folder is often doubled, and sessions may lie
between (as read by several public parsers; Aifanti et al. 2010). The middle three frames of a take are read.
"""

import re
from pathlib import Path

from relgan.data.face import Face
from relgan.data.reader import (
    TEN_FOLDS,
    Published,
    Reader,
    Reading,
    Skipped,
    by_folder,
    folders,
    pictures_in,
    refuse,
    stem,
)
from relgan.expressions import canonical

PERSON = re.compile(r"\d{3}")
FRAMES = 3


def read(root: Path) -> Reading:
    """The middle three frames of each take.

    Raises:
        InputError: pictures that lie in no <person>/<expression>/<take> folder.
    """
    pictures, skipped = pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for folder, frames in by_folder(pictures, root).items():
        above = folders(f"{folder}/")
        expression = next((name for name in map(canonical, above) if name), None)
        # The outermost number is the person: a doubled folder repeats it, a session may be one too.
        person = next((name for name in reversed(above) if PERSON.fullmatch(name)), None)
        if expression is None or person is None:
            wrong += frames
            continue
        ordered = sorted(frames, key=lambda path: (len(stem(path)), stem(path)))
        first = max(0, (len(ordered) - FRAMES) // 2)
        for position, path in enumerate(ordered):
            if first <= position < first + FRAMES:
                faces.append(Face(path, expression, person, folder, position - first))
            else:
                skipped.append(Skipped(path, "frame away from the middle of its take"))
    if wrong:
        refuse(wrong, "MUG lies as 001/001/anger/take000/img_0000.jpg; remove or rename what differs")
    return Reading(faces, skipped)


MUG = Reader(
    name="mug",
    title="MUG",
    read=read,
    layout="subjects3/001/001/anger/take000/img_0000.jpg",
    protocol=TEN_FOLDS,
    citation="Aifanti, Papachristou, Delopoulos: The MUG facial expression database, WIAMIS 2010",
    published=Published(source="Aifanti et al. 2010: 52 people are open to licensees", subjects=52),
)
