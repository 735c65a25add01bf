"""CREMA-D: 7,442 clips of 91 actors speaking a sentence with one of six expressions.

``VideoFlash/1001_DFA_ANG_XX.flv``: actor, sentence, expression, level (low, medium, high, unspecified). Names
as in the README of github.com/CheyneyComputerScience/CREMA-D; one file of the distribution is named with a
single X. The label is the intended expression. Three frames are taken from each clip, a quarter, half and
three quarters through.
"""

import re
from pathlib import Path

from relgan.data.face import Face
from relgan.data.reader import TEN_FOLDS, Published, Reader, Reading, Skipped, refuse, stem
from relgan.data.video import frames_at, videos_in

CODES = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
LEVELS = {"LO": 1 / 3, "MD": 2 / 3, "HI": 1.0, "XX": None, "X": None}
PLACES = (0.25, 0.5, 0.75)
CLIPS = {**dict.fromkeys(CODES.values(), 1271), "neutral": 1087}
NAME = re.compile(
    r"(?P<person>\d{4})_(?P<sentence>[A-Z]{3})_(?P<code>[A-Z]{3})_(?P<level>[A-Z]{1,2})", re.IGNORECASE
)


def read(root: Path) -> Reading:
    """Three frames of each clip; a clip is a sequence.

    Raises:
        InputError: a video that is not named as CREMA-D names it.
    """
    videos, others, skipped = videos_in(root)
    skipped += [Skipped(path, "not a video") for path in others]
    faces: list[Face] = []
    wrong: list[str] = []
    for video in videos:
        name = NAME.fullmatch(stem(video))
        if name is None or name["code"].upper() not in CODES or name["level"].upper() not in LEVELS:
            wrong.append(video)
            continue
        expression, level = CODES[name["code"].upper()], LEVELS[name["level"].upper()]
        faces += [
            Face(path, expression, name["person"], stem(video), frame, level)
            for frame, path in enumerate(frames_at(video, PLACES))
        ]
    if wrong:
        refuse(wrong, f"CREMA-D names clips like 1001_DFA_ANG_XX.flv ({' '.join(CODES)}); remove the others")
    return Reading(faces, skipped)


CREMAD = Reader(
    name="cremad",
    title="CREMA-D",
    read=read,
    layout="VideoFlash/1001_DFA_ANG_XX.flv",
    protocol=TEN_FOLDS,
    citation="Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D, IEEE Trans. Affective Computing 2014",
    published=Published(
        source="the data set's README and its file names, three frames of each clip",
        faces=len(PLACES) * 7442,
        subjects=91,
        sequences=7442,
        expressions={name: len(PLACES) * count for name, count in CLIPS.items()},
        expression_sequences=CLIPS,
    ),
)
