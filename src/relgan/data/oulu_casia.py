"""Oulu-CASIA NIR&VIS: six expressions of 80 people as sequences from neutral to apex.

``OriginalImg/VL/Strong/P001/Anger/000.jpeg``: VL is the visible-light camera and NI the near-infrared one,
Strong, Weak and Dark the illumination (layout as read by several public parsers of ``B_OriginalImg``; Zhao et
al. 2011). The authors' own face crops, ``PreProcess_Img/VL_Acropped/Strong/P001/Anger``, are read where the
whole frames are not there. The paper, like most of the literature, takes the last three frames of the 480
sequences in strong visible light.
"""

import re
from pathlib import Path, PurePath

from relgan.data.face import Face
from relgan.data.reader import (
    EARLIER_FRAME,
    SECOND_COPY,
    TEN_FOLDS,
    Published,
    Reader,
    Reading,
    Skipped,
    by_folder,
    folders,
    from_end,
    pictures_in,
    refuse,
)
from relgan.expressions import canonical

FRAMES = 3
PERSON = re.compile(r"P\d{3}", re.IGNORECASE)
SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
CROPPED = "_acropped"
OTHER_RECORDINGS = {"ni": "near infrared", "weak": "weak illumination", "dark": "dark illumination"}


def read(root: Path) -> Reading:
    """The last three frames of each sequence in strong visible light; the last has frame 0.

    The root may also be one of the folders VL or Strong.

    Raises:
        InputError: pictures that lie in no <person>/<expression> folder.
    """
    pictures, skipped = pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    seen: set[str] = set()
    # Whole frames first, so that a crop of the same sequence is the second copy.
    for folder, frames in sorted(
        by_folder(pictures, root).items(), key=lambda item: CROPPED in item[0].lower()
    ):
        above = folders(f"{folder}/")
        # The root may be a camera's and a light's own folder.
        place = {part.lower().removesuffix(CROPPED) for part in (*PurePath(root).parts[-2:], *above)}
        other = next((reason for name, reason in OTHER_RECORDINGS.items() if name in place), None)
        person = next((name.upper() for name in above if PERSON.fullmatch(name)), None)
        expression = canonical(above[0]) if above else None
        if other:
            skipped += [Skipped(path, other) for path in frames]
        elif person is None or expression is None:
            wrong += frames
        elif (sequence := f"{person}_{expression}") in seen:
            skipped += [Skipped(path, SECOND_COPY) for path in frames]
        else:
            seen.add(sequence)
            for path, position in from_end(frames).items():
                if position < FRAMES:
                    faces.append(Face(path, expression, person, sequence, position))
                else:
                    skipped.append(Skipped(path, EARLIER_FRAME))
    if wrong:
        refuse(wrong, "Oulu-CASIA lies as VL/Strong/P001/Anger/000.jpeg; remove or rename what differs")
    return Reading(faces, skipped)


OULU_CASIA = Reader(
    name="oulu_casia",
    title="Oulu-CASIA NIR&VIS",
    read=read,
    layout="OriginalImg/VL/Strong/P001/Anger/000.jpeg",
    protocol=TEN_FOLDS,
    citation="Zhao, Huang, Taini, Li, Pietikäinen: Facial expression recognition from near-infrared videos, "
    "Image and Vision Computing 2011",
    published=Published(
        source="Zhao et al. 2011, three frames of each sequence in strong visible light",
        faces=FRAMES * 480,
        subjects=80,
        sequences=480,
        expressions=dict.fromkeys(SIX, FRAMES * 80),
        expression_sequences=dict.fromkeys(SIX, 80),
    ),
)
