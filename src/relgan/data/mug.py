"""MUG: expressions of 86 people (52 of them open to licensees) as sequences neutral - apex - neutral.

``subjects3/001/001/anger/take000/img_0000.jpg``; the person's folder is often doubled, and sessions may lie
between (as read by several public parsers; Aifanti et al. 2010). The middle three frames of a take are read.
The archive of the frames with landmarks, ``manual/images/001_an_001_0071.jpg`` (person, expression, take,
frame; read so by github.com/AntonioMarceddu/Facial_Expressions_Databases_Classifier), is read where it lies
alone.
"""

import re
from collections import Counter
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

CODES = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "ne": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
PERSON = re.compile(r"\d{3}")
ANNOTATED = re.compile(
    rf"(?P<sequence>(?P<person>\d{{3}})_(?P<code>{'|'.join(CODES)})_\d{{3}})_(?P<frame>\d{{4}})"
)
FRAMES = 3


def read(root: Path) -> Reading:
    """The middle three frames of each take, or the annotated frames where there are no takes.

    Raises:
        InputError: pictures that lie in no <person>/<expression>/<take> folder.
    """
    pictures, skipped = pictures_in(root)
    annotated = [path for path in pictures if ANNOTATED.fullmatch(stem(path))]
    if annotated and len(annotated) == len(pictures):
        return Reading(annotated_faces(annotated), skipped)
    skipped += [Skipped(path, "annotated frame, its take is read") for path in annotated]
    takes = (path for path in pictures if not ANNOTATED.fullmatch(stem(path)))
    faces: list[Face] = []
    wrong: list[str] = []
    for folder, frames in by_folder(takes, root).items():
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


def annotated_faces(paths: list[str]) -> list[Face]:
    """The faces of ``manual/images``; frames of one take are numbered in their order."""
    faces: list[Face] = []
    seen: Counter[str] = Counter()
    for path in sorted(paths, key=stem):
        name = ANNOTATED.fullmatch(stem(path))
        if name:
            sequence = name["sequence"]
            faces.append(Face(path, CODES[name["code"]], name["person"], sequence, seen[sequence]))
            seen[sequence] += 1
    return faces


MUG = Reader(
    name="mug",
    title="MUG",
    read=read,
    layout="subjects3/001/001/anger/take000/img_0000.jpg, or manual/images/001_an_001_0071.jpg",
    protocol=TEN_FOLDS,
    citation="Aifanti, Papachristou, Delopoulos: The MUG facial expression database, WIAMIS 2010",
    published=Published(source="Aifanti et al. 2010: 52 people are open to licensees", subjects=52),
)
