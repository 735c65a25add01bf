"""CK+ as delivered: picture sequences from neutral to apex, and a label file for 327 of the 593 sequences.

``cohn-kanade-images/S005/001/S005_001_00000001.png`` and ``Emotion/S005/001/S005_001_00000011_emotion.txt``
(ReadMe of the distribution; Lucey et al. 2010). The label text is a float such as ``   3.0000000e+00``.
The protocol of the literature takes the last three frames of every labelled sequence: 981 pictures.
"""

import re
from collections import defaultdict
from pathlib import Path

from relgan.data.face import Face, read_bytes
from relgan.data.reader import (
    EARLIER_FRAME,
    NOT_A_PICTURE,
    TEN_FOLDS,
    Published,
    Reader,
    Reading,
    Skipped,
    from_end,
    named_pictures_in,
    refuse,
    stem,
)
from relgan.errors import InputError

CODES = {
    0: "neutral",
    1: "anger",
    2: "contempt",
    3: "disgust",
    4: "fear",
    5: "happiness",
    6: "sadness",
    7: "surprise",
}
SEQUENCES = {
    "anger": 45,
    "contempt": 18,
    "disgust": 59,
    "fear": 25,
    "happiness": 69,
    "sadness": 28,
    "surprise": 83,
}
FRAMES = 3
NAME = re.compile(r"(?P<sequence>(?P<person>S\d{3})_(?P<take>\d{3}))_(?P<frame>\d{8})", re.IGNORECASE)
LABEL = re.compile(NAME.pattern + r"_emotion\.txt", re.IGNORECASE)


def read(root: Path) -> Reading:
    """The last three frames of each labelled sequence; the last has frame 0.

    Raises:
        InputError: no label files, a label we do not know, or a picture that is not named as CK+ names it.
    """
    pictures, others = named_pictures_in(root)
    skipped = [other for other in others if not LABEL.fullmatch(Path(other.path).name)]
    labels: dict[str, tuple[str, str]] = {}  # sequence -> expression, path of its label
    for path in sorted(other.path for other in others if other.reason == NOT_A_PICTURE):
        if name := LABEL.fullmatch(Path(path).name):
            labels.setdefault(name["sequence"].upper(), (expression_in(path), path))
    takes: dict[str, list[str]] = defaultdict(list)
    wrong: list[str] = []
    for path in pictures:
        if name := NAME.fullmatch(stem(path)):
            takes[name["sequence"].upper()].append(path)
        else:
            wrong.append(path)
    if wrong:
        refuse(wrong, "CK+ names its pictures like S005_001_00000001.png; remove the others")
    if takes and not labels:
        raise InputError(
            f"{root}: no *_emotion.txt file; unpack Emotion_labels.zip beside cohn-kanade-images "
            "(for the folder of 48x48 crops use ck48)"
        )
    faces: list[Face] = []
    for sequence, frames in sorted(takes.items()):
        if sequence not in labels:
            skipped += [Skipped(path, "sequence without an emotion label") for path in frames]
            continue
        expression, label = labels[sequence]
        positions = from_end(frames)
        if label_frame(label) != stem(next(iter(positions))).upper():
            skipped.append(
                Skipped(label, "label names another frame than the last picture (frames missing?)")
            )
        for path, position in positions.items():
            if position < FRAMES:
                faces.append(Face(path, expression, sequence[:4], sequence, position))
            else:
                skipped.append(Skipped(path, EARLIER_FRAME))
    skipped += [
        Skipped(path, "label without pictures") for name, (_, path) in labels.items() if name not in takes
    ]
    return Reading(faces, skipped)


def label_frame(label: str) -> str:
    """The frame a label file is named after, as the stem of its picture."""
    return stem(label).upper().removesuffix("_EMOTION")


def expression_in(label: str) -> str:
    """The expression in a label file.

    Raises:
        InputError: the text is no number, or a number without a meaning.
    """
    text = read_bytes(label).decode("ascii", "replace").strip()
    try:
        return CODES[int(float(text))] if float(text).is_integer() else CODES[-1]
    except (ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"{label}: label {text[:30]!r}, expected a number from 0 to 7; unpack the label again"
        ) from error


CKPLUS = Reader(
    name="ckplus",
    title="CK+ (Extended Cohn-Kanade)",
    read=read,
    layout="cohn-kanade-images/S005/001/*.png, Emotion/S005/001/S005_001_00000011_emotion.txt",
    protocol=TEN_FOLDS,
    citation="Lucey, Cohn, Kanade, Saragih, Ambadar, Matthews: The extended Cohn-Kanade dataset, CVPRW 2010",
    published=Published(
        source="Lucey et al. 2010, three frames of each labelled sequence",
        faces=FRAMES * 327,
        subjects=118,
        sequences=327,
        expressions={name: FRAMES * count for name, count in SEQUENCES.items()},
        expression_sequences=SEQUENCES,
    ),
)
