"""Anybody's pictures: ``ROOT/<expression>/<file>``, with or without splits above, or a manifest CSV.

Deeper nesting is fine (``ROOT/train/happy/anna/001.png``): the nearest folder that names an expression
counts, and the nearest folder above it that names a split. People come from a manifest or from
``--subject-pattern``.
"""

from pathlib import Path

from relgan.data.face import Face, relative
from relgan.data.listing import SPLITS, find_manifest, read_manifest
from relgan.data.reader import TEN_FOLDS, Reader, Reading, folders, pictures_in, refuse
from relgan.expressions import SYNONYMS, canonical


def read(root: Path) -> Reading:
    """Faces of a manifest where there is one, else of folders named after expressions.

    Raises:
        InputError: a manifest that cannot be understood, or pictures in no folder named after an expression.
    """
    if manifest := find_manifest(root):
        return read_manifest(manifest, root)
    pictures, skipped = pictures_in(root)
    faces: list[Face] = []
    wrong: list[str] = []
    for path in pictures:
        above = folders(relative(path, root))
        level = next((level for level, name in enumerate(above) if canonical(name)), None)
        if level is None:
            wrong.append(path)
            continue
        split = next((SPLITS[name.lower()] for name in above[level + 1 :] if name.lower() in SPLITS), None)
        faces.append(Face(path, canonical(above[level]), split=split))
    if wrong:
        known = " ".join(sorted(SYNONYMS))
        refuse(
            wrong,
            f"no folder above names an expression ({known}); rename the folders or write a manifest.csv",
        )
    return Reading(faces, skipped)


FOLDER = Reader(
    name="folder",
    title="pictures in folders",
    read=read,
    layout="<expression>/<file>, {train,validation,test}/<expression>/<file>, or a manifest.csv",
    protocol=TEN_FOLDS,
    citation="",
)
