"""RAF-DB, the basic expressions: 15,339 pictures from the web, people unknown, with a fixed split.

``basic/EmoLabel/list_patition_label.txt`` (spelt so) has lines ``train_00001.jpg 5``; the aligned faces are
``basic/Image/aligned/train_00001_aligned.jpg`` (ReadMe of the distribution; Li et al. 2017). Copies without
the list, with folders 1 to 7 below train and test, are read too. Whole photographs are left out: many show
several people, and the label belongs to one of them. So is ``compound``, which has the same file names and
other codes.
"""

from pathlib import Path, PurePath

from relgan.data.face import Face, relative
from relgan.data.reader import (
    ABSENT,
    UNLISTED,
    Protocol,
    Published,
    Reader,
    Reading,
    Skipped,
    folders,
    pictures_in,
    refuse,
    stem,
    text_of,
)
from relgan.errors import InputError

CODES = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happiness",
    "5": "sadness",
    "6": "anger",
    "7": "neutral",
}
LIST = ("list_patition_label.txt", "list_partition_label.txt")
ALIGNED = "_aligned"
WHOLE = "whole photograph, its aligned face is read"


def read(root: Path) -> Reading:
    """Aligned faces by the label list, or by folders named 1 to 7.

    Raises:
        InputError: there are no aligned faces, or a line or a picture without a known label and split.
    """
    pictures, others = pictures_in(root)
    compound = [path for path in pictures if is_compound(path, root)]
    pictures = [path for path in pictures if not is_compound(path, root)]
    others = [other for other in others if not is_compound(other.path, root)]
    aligned = {stem(path).lower(): path for path in pictures if stem(path).lower().endswith(ALIGNED)}
    if pictures and not aligned:
        raise InputError(f"{root}: no pictures named train_00001_aligned.jpg; unpack Image/aligned.zip")
    read_here = set(aligned.values())
    skipped = [Skipped(path, WHOLE) for path in pictures if path not in read_here]
    skipped += [Skipped(path, "compound expression") for path in compound]
    lists = [other.path for other in others if PurePath(other.path).name.lower() in LIST]
    skipped += [other for other in others if other.path not in lists]
    labels: dict[str, str] = {}
    wrong: list[str] = []
    for path in lists[:1]:
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            name, _, code = line.strip().partition(" ")
            if code.strip() in CODES:
                labels[stem(name).lower().removesuffix(ALIGNED)] = code.strip()
            elif line.strip():
                wrong.append(f"{path} line {number}: {line.strip()[:40]!r}")
    if not lists:
        for name, path in aligned.items():
            labels[name.removesuffix(ALIGNED)] = next(iter(folders(relative(path, root))), "")
    faces: list[Face] = []
    for name, path in aligned.items():
        label = labels.get(name.removesuffix(ALIGNED))
        split = name.partition("_")[0]
        if label is None and lists:
            skipped.append(Skipped(path, UNLISTED))
        elif label not in CODES or split not in ("train", "test"):
            wrong.append(path)
        else:
            faces.append(Face(path, CODES[label], split=split))
    skipped += [Skipped(name, ABSENT) for name in labels if f"{name}{ALIGNED}" not in aligned]
    if wrong:
        refuse(
            wrong, "RAF-DB has lines like 'train_00001.jpg 5' with 1 to 7; take the list of the distribution"
        )
    return Reading(faces, skipped)


def is_compound(path: str, root: Path) -> bool:
    """Whether a file belongs to the compound expressions, which lie beside the basic ones."""
    return "compound" in folders(relative(path, root).lower())


RAFDB = Reader(
    name="rafdb",
    title="RAF-DB (basic)",
    read=read,
    layout="basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/train_00001_aligned.jpg",
    protocol=Protocol("split", "trained on train, tested on test"),
    citation="Li, Deng, Du: Reliable crowdsourcing and deep locality-preserving learning, CVPR 2017",
    cropped=True,
    published=Published(
        source="Li et al. 2017 and the label list",
        faces=15_339,
        expressions={
            "anger": 867,
            "disgust": 877,
            "fear": 355,
            "happiness": 5957,
            "neutral": 3204,
            "sadness": 2460,
            "surprise": 1619,
        },
        splits={"train": 12_271, "test": 3068},
    ),
)
