"""BU-4DFE: 101 people, six expressions as sequences of about 100 frames; the paper pre-trains on them.

``F001/Angry/000.jpg`` beside ``000.wrl`` and ``000.mtl`` (layout as read by public parsers; Yin et al. 2008).
Every sequence goes from neutral over the expression back to neutral and is labelled as a whole, so its first
and last frames look neutral whatever their label says.
"""

import re
from pathlib import Path

from relgan.data.face import Face, relative
from relgan.data.reader import TEN_FOLDS, Published, Reader, Reading, folders, pictures_in, refuse, stem
from relgan.expressions import canonical

SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
PERSON = re.compile(r"[FM]\d{3}", re.IGNORECASE)


def read(root: Path) -> Reading:
    """Every texture frame; frames count from the start, since sequences end neutral.

    Raises:
        InputError: a picture that does not lie in <person>/<expression>/, or whose name is no number.
    """
    pictures, skipped = pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        above = folders(relative(path, root))
        expression = canonical(above[0]) if above else None
        person = next((name.upper() for name in above if PERSON.fullmatch(name)), None)
        if expression is None or person is None or not stem(path).isdecimal():
            wrong.append(path)
        else:
            faces.append(Face(path, expression, person, f"{person}_{expression}", int(stem(path))))
    if wrong:
        refuse(wrong, "BU-4DFE lies as F001/Angry/000.jpg; remove or rename what differs")
    return Reading(faces, skipped)


BU4DFE = Reader(
    name="bu4dfe",
    title="BU-4DFE",
    read=read,
    layout="F001/Angry/000.jpg",
    protocol=TEN_FOLDS,
    citation="Yin, Chen, Sun, Worm, Reale: A high-resolution 3D dynamic facial expression database, FG 2008",
    published=Published(
        source="Yin et al. 2008; the number of frames is stated as approximately 60,600",
        faces=60_600,
        subjects=101,
        sequences=606,
        expression_sequences=dict.fromkeys(SIX, 101),
    ),
)
