"""RaFD: 67 models, eight expressions, five camera angles, three directions of gaze.

``Rafd090_28_Caucasian_male_angry_frontal.jpg``: camera angle in degrees (090 is frontal), model, group, sex,
expression, gaze (rafd.socsci.ru.nl, FAQ and overview; Langner et al. 2010). We read the frontal camera: 1,608
of 8,040 pictures.
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
    named_pictures_in,
    refuse,
    stem,
)
from relgan.expressions import CANONICAL, canonical

GAZES = {"frontal": 0, "left": 1, "right": 2}
NAME = re.compile(
    r"Rafd(?P<angle>000|045|090|135|180)_(?P<person>\d+)_[A-Z]+_(?:fe)?male_(?P<expression>[A-Z]+)_(?P<gaze>[A-Z]+)",
    re.IGNORECASE,
)


def read(root: Path) -> Reading:
    """Frontal views by model and expression; the three gazes of one expression are one sequence.

    Raises:
        InputError: a picture that is not named as RaFD names it.
    """
    pictures, skipped = named_pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        name = NAME.fullmatch(stem(path))
        expression = canonical(name["expression"]) if name else None
        if name is None or expression is None or name["gaze"].lower() not in GAZES:
            wrong.append(path)
        elif name["angle"] != "090":
            skipped.append(Skipped(path, "half or full profile"))
        else:
            person = f"{int(name['person']):02d}"
            frame = GAZES[name["gaze"].lower()]
            faces.append(Face(path, expression, person, f"{person}_{expression}", frame, view="frontal"))
    if wrong:
        refuse(wrong, "RaFD names pictures like Rafd090_28_Caucasian_male_angry_frontal.jpg; remove the rest")
    return Reading(faces, skipped)


RAFD = Reader(
    name="rafd",
    title="RaFD",
    read=read,
    layout="Rafd090_28_Caucasian_male_angry_frontal.jpg",
    protocol=TEN_FOLDS,
    citation="Langner, Dotsch, Bijlstra, Wigboldus, Hawk, van Knippenberg: Presentation and validation of "
    "the Radboud Faces Database, Cognition and Emotion 2010",
    published=Published(
        source="Langner et al. 2010: 67 models, 8 expressions, 3 gazes, here the frontal camera",
        faces=1608,
        subjects=67,
        expressions=dict.fromkeys(CANONICAL, 201),
    ),
)
