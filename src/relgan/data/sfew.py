"""SFEW 2.0: frames from films, seven expressions, people unnamed.

``Train/Angry/Airheads_000519240_00000005.png`` and the same names in ``Train_Aligned_Faces/Angry``; the
validation part likewise under ``Val`` (``Val_Aligned_Faces_new/Val_Aligned_Faces``), the test part without
class folders (the organisers of EmotiW 2015 keep its labels). Layouts as read by several public parsers;
Dhall et al. 2011. Where both are there, the aligned face is read: a whole frame may show other people too.
"""

import re
from pathlib import Path

from relgan.data.face import Face, relative
from relgan.data.reader import (
    Protocol,
    Published,
    Reader,
    Reading,
    Skipped,
    folders,
    pictures_in,
    refuse,
    stem,
)
from relgan.expressions import canonical

NAME = re.compile(r"(?P<film>.+?)_(?P<time>\d+)_(?P<frame>\d+)")
SPLIT = re.compile(r"(train|val|test)", re.IGNORECASE)
SPLITS = {"train": "train", "val": "validation", "test": "test"}


def read(root: Path) -> Reading:
    """Faces by split and class folder; the film is the sequence.

    Raises:
        InputError: a picture below no Train, Val or Test folder, in no class folder, or without its film.
    """
    pictures, skipped = pictures_in(root)
    wrong: list[str] = []
    chosen: dict[tuple[str, str], Face] = {}
    # Aligned copies first, so that the whole frame is the one left out.
    for path in sorted(pictures, key=lambda path: ("align" not in relative(path, root).lower(), path)):
        above = folders(relative(path, root))
        part = next((match[1].lower() for name in above if (match := SPLIT.match(name))), None)
        name = NAME.fullmatch(stem(path))
        expression = canonical(above[0]) if above else None
        if part == "test" and expression is None:
            skipped.append(Skipped(path, "test picture, its label is not published"))
        elif part is None or name is None or expression is None:
            wrong.append(path)
        elif (part, stem(path)) in chosen:
            skipped.append(Skipped(path, "another copy (whole frame or aligned face) of a picture"))
        else:
            chosen[part, stem(path)] = Face(path, expression, sequence=name["film"], split=SPLITS[part])
    if wrong:
        refuse(wrong, "SFEW lies as Train/Angry/Airheads_000519240_00000005.png; remove what differs")
    return Reading(list(chosen.values()), skipped)


SFEW = Reader(
    name="sfew",
    title="SFEW 2.0",
    read=read,
    layout="{Train,Val}/<expression>/<film>_000519240_00000005.png",
    protocol=Protocol("split", "trained on train, tested on validation (test labels are not published)"),
    citation="Dhall, Goecke, Lucey, Gedeon: Static facial expression analysis in tough conditions: data, "
    "evaluation protocol and benchmark, ICCVW 2011",
    published=Published(
        source="Dhall et al. 2015 (EmotiW) and the paper; the aligned faces are fewer",
        splits={"train": 958, "validation": 436},
    ),
)
