"""The canonical expressions and the codes each data set uses for them.

Class orders differ between data sets, so the package speaks of expressions by name. An integer exists only
inside one run, as the position of a name in that run's own sorted list of expressions.
"""

from collections.abc import Iterable, Mapping

CANONICAL: tuple[str, ...] = (
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)

# Spellings met in file and folder names. A reader with codes of its own (numbers, letters) keeps its table
# in its file.
SYNONYMS: Mapping[str, str] = {
    "angry": "anger",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "suprise": "surprise",  # folders of FER+ on Kaggle
    "contemptuous": "contempt",
    **{name: name for name in CANONICAL},
}


def canonical(name: str) -> str | None:
    """The canonical expression a word stands for (case and surrounding blanks do not matter), or None."""
    return SYNONYMS.get(name.strip().lower())


def classes_of(expressions: Iterable[str | None]) -> list[str]:
    """The expressions that occur, in alphabetical order: the class order of one run."""
    return sorted({name for name in expressions if name is not None})
