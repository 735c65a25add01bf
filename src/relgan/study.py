"""From the name of a data set and its root to a study: faces read, prepared once, and dealt into folds."""

import os
from pathlib import Path

from relgan.crossval import Study
from relgan.data.folds import Fold, plan_folds, write_folds
from relgan.data.manifest import NAME, load_prepared, read_manifest
from relgan.data.readers import read, reader_named
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.expressions import classes_of
from relgan.faces.prepare import prepare


def is_aligned(root: Path) -> bool:
    """Whether a folder's manifest says that its pictures are aligned faces (made by prepare or
    synthesize)."""
    manifest = root / NAME
    if not manifest.is_file():
        return False
    with manifest.open(encoding="utf-8", errors="replace") as stream:
        return {"align", "path", "expression"} <= set(stream.readline().strip().split(","))


def study_of(
    dataset: str,
    root: Path,
    out: Path,
    subject_pattern: str | None = None,
    workers: int | None = None,
    command: str = "",
    progress: bool = True,
) -> Study:
    """Read a data set, prepare its faces below ``out`` (unless ``root`` was prepared already) and plan its
    folds.

    Folds are planned on the faces as read, so a picture in which no face is found moves nobody to another
    fold.

    Raises:
        InputError: anything about the data set, its pictures or its people that does not fit.
    """
    reader = reader_named(dataset)
    notes = []
    if is_aligned(root):
        faces, pictures = load_prepared(root)
        plan = plan_folds(faces, reader.protocol)
        folds = plan.folds
        out.mkdir(parents=True, exist_ok=True)
    else:
        reading = read(dataset, root, subject_pattern)
        plan = plan_folds(reading.faces, reader.protocol)
        folder = out / "prepared"
        done = prepare(
            reading.faces,
            folder,
            cropped=reader.cropped,
            workers=workers or os.cpu_count() or 1,
            progress=progress,
        )
        faces, pictures = load_prepared(folder)
        place = {source: i for i, source in enumerate(read_manifest(folder)["source"])}
        order = [place.get(face.path, -1) for face in reading.faces]
        folds = [
            Fold(
                fold.index,
                *(
                    tuple(order[i] for i in getattr(fold, role) if order[i] >= 0)
                    for role in ("train", "validation", "test")
                ),
            )
            for fold in plan.folds
        ]
        if done.failures:
            notes.append(f"{done.failures} pictures left out, see prepared/failures.csv")
    labelled = classes_of(face.expression for face in faces)
    if len(labelled) < 2:
        raise InputError(
            f"{root}: all faces show {labelled or 'no expression'}; recognition needs two expressions or more"
        )
    write_folds(folds, faces, out / "folds.txt")
    return Study(
        dataset=reader.name,
        protocol=plan.text,
        data=FaceTensors.of(faces, pictures, labelled),
        folds=folds,
        notes=notes,
        command=command,
    )
