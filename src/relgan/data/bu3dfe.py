"""BU-3DFE: 100 people, six expressions in four intensities and neutral, 3D scans with frontal textures.

``F0001/F0001_AN01WH_F2D.bmp``: person, expression and intensity (01 to 04; neutral is NE00), ancestry, and
F2D for the frontal texture picture (vendor layout as read by several public parsers; Yin et al. 2006). The
paper takes the two highest intensities of the six expressions; neutral stands apart.
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
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
LEVELS = 4
NAME = re.compile(
    r"(?P<person>[FM]\d{4})_(?P<code>[A-Z]{2})(?P<level>0[0-4])(?P<ancestry>[A-Z]{2})_(?P<kind>\w+)",
    re.IGNORECASE,
)


def read(root: Path) -> Reading:
    """The textures of intensities 03 and 04; intensity 04 has frame 0 and intensity 1.0.

    Raises:
        InputError: a picture that is not named as BU-3DFE names it.
    """
    pictures, skipped = named_pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        name = NAME.fullmatch(stem(path))
        expression = CODES.get(name["code"].upper()) if name else None
        if name is None or expression is None:
            wrong.append(path)
        elif name["kind"].upper() != "F2D":
            skipped.append(Skipped(path, "not a frontal texture (F2D)"))
        elif expression == "neutral":
            skipped.append(Skipped(path, "neutral, not one of the six expressions of the protocol"))
        elif (level := int(name["level"])) < 3:
            skipped.append(Skipped(path, "one of the two lower intensities"))
        else:
            person = name["person"].upper()
            sequence = f"{person}_{name['code'].upper()}"
            faces.append(Face(path, expression, person, sequence, LEVELS - level, level / LEVELS))
    if wrong:
        refuse(
            wrong,
            "BU-3DFE names pictures like F0001_AN01WH_F2D.bmp (AN DI FE HA NE SA SU); remove the others",
        )
    return Reading(faces, skipped)


BU3DFE = Reader(
    name="bu3dfe",
    title="BU-3DFE",
    read=read,
    layout="F0001/F0001_AN01WH_F2D.bmp",
    protocol=TEN_FOLDS,
    citation="Yin, Wei, Sun, Wang, Rosato: A 3D facial expression database for facial behavior research, "
    "FG 2006",
    published=Published(
        source="Yin et al. 2006: 100 people, here with two intensities of six expressions",
        faces=1200,
        subjects=100,
        sequences=600,
        expressions={name: 200 for name in CODES.values() if name != "neutral"},
    ),
)
