"""JAFFE: 213 photographs of ten women.

File names are ``KA.AN1.39.tiff``: person, expression code with the take, running number (README of the
distribution, and Lyons et al. 1998). The label is the expression the woman was asked to pose.
"""

import re
from pathlib import Path

from relgan.data.face import Face
from relgan.data.reader import TEN_FOLDS, Published, Reader, Reading, named_pictures_in, refuse, stem

CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
NAME = re.compile(r"(?P<person>[A-Z]{2})\.(?P<code>[A-Z]{2})(?P<take>\d*)\.(?P<number>\d+)", re.IGNORECASE)


def read(root: Path) -> Reading:
    """Faces by person and posed expression; the photographs of one woman are single shots, no sequences.

    Raises:
        InputError: a picture is not named as JAFFE names it.
    """
    pictures, skipped = named_pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        name = NAME.fullmatch(stem(path))
        expression = CODES.get(name["code"].upper()) if name else None
        if name is None or expression is None:
            wrong.append(path)
        else:
            faces.append(Face(path, expression, subject=name["person"].upper()))
    if wrong:
        refuse(
            wrong,
            f"JAFFE names pictures like KA.AN1.39.tiff with the codes {' '.join(CODES)}; remove the others",
        )
    return Reading(faces, skipped)


JAFFE = Reader(
    name="jaffe",
    title="JAFFE",
    read=read,
    layout="KA.AN1.39.tiff (or .jpg)",
    protocol=TEN_FOLDS,
    citation="Lyons, Akamatsu, Kamachi, Gyoba: Coding facial expressions with Gabor wavelets, FG 1998",
    published=Published(
        source="counted from the file names of the distribution; total and people in Lyons et al. 1998",
        faces=213,
        subjects=10,
        expressions={
            "anger": 30,
            "disgust": 29,
            "fear": 32,
            "happiness": 31,
            "neutral": 30,
            "sadness": 31,
            "surprise": 30,
        },
    ),
)
