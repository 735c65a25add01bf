"""KDEF: 70 actors, seven expressions, five views, two sessions.

``KDEF/AF01/AF01ANFL.JPG``: series (A, B), sex, number, expression, view (README of the distribution,
Lundqvist et al. 1998; counts on emotionlab.se). The averages of AKDEF are named ``FAFFL.JPG``: sex,
expression, view (kdef.se). We read the straight views, as recognition studies do: 980 of 4,900 pictures.
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

CODES = {
    "AF": "fear",
    "AN": "anger",
    "DI": "disgust",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
NAME = re.compile(
    r"(?P<series>[AB])(?P<person>[FM]\d{2})(?P<code>[A-Z]{2})(?P<view>FL|HL|S|HR|FR)", re.IGNORECASE
)
AVERAGE = re.compile(r"[FM](?:AF|AN|DI|HA|NE|SA|SU)(?:FL|HL|S|HR|FR)", re.IGNORECASE)
TRUNCATED = re.compile(r"[AB][FM]\d{2}[A-Z]{0,3}", re.IGNORECASE)


def read(root: Path) -> Reading:
    """Straight views by person and expression; the two series are two takes, no sequence.

    Raises:
        InputError: a picture that is not named as KDEF names it.
    """
    pictures, skipped = named_pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        name = NAME.fullmatch(stem(path))
        expression = CODES.get(name["code"].upper()) if name else None
        if AVERAGE.fullmatch(stem(path)):
            skipped.append(Skipped(path, "average of many faces (AKDEF)"))
        elif name is None and TRUNCATED.fullmatch(stem(path)):
            skipped.append(Skipped(path, "name without expression or view"))
        elif name is None or expression is None:
            wrong.append(path)
        elif name["view"].upper() != "S":
            skipped.append(Skipped(path, "half or full profile"))
        else:
            faces.append(Face(path, expression, name["person"].upper(), view="frontal"))
    if wrong:
        refuse(
            wrong,
            f"KDEF names pictures like AF01ANFL.JPG ({' '.join(CODES)}); remove the others. Copies with "
            "numbers alone (angry/0_25.jpg) no longer tell who is who: take KDEF_and_AKDEF.zip",
        )
    return Reading(faces, skipped)


KDEF = Reader(
    name="kdef",
    title="KDEF",
    read=read,
    layout="KDEF/AF01/AF01ANS.JPG",
    protocol=TEN_FOLDS,
    citation="Lundqvist, Flykt, Öhman: The Karolinska Directed Emotional Faces, Karolinska Institutet 1998",
    published=Published(
        source="Lundqvist et al. 1998: 70 people, 7 expressions, 2 series, here the straight view",
        faces=980,
        subjects=70,
        expressions=dict.fromkeys(CODES.values(), 140),
    ),
)
