"""From the name of a data set and its root to a study: faces read, prepared once, and dealt into folds."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from relgan.checkpoints import mark_of
from relgan.choosing import RULE
from relgan.config import Alignment, Config
from relgan.data.face import Face
from relgan.data.folds import ROLES, Fold, plan_folds
from relgan.data.manifest import NAME, load_prepared, read_manifest
from relgan.data.readers import read, reader_named, with_subjects
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.expressions import classes_of
from relgan.faces.prepare import prepare
from relgan.weights import Weights


@dataclass(frozen=True)
class Study:
    """What is evaluated: faces with their pictures, the folds, and the words for the report.

    Attributes:
        dataset: name of the data set.
        protocol: one sentence.
        data: all faces.
        folds: positions in ``data``.
        notes: what a reader of the results should know (failed pictures, folds made smaller, ...).
        command: the command line, for the report.
    """

    dataset: str
    protocol: str
    data: FaceTensors
    folds: list[Fold]
    notes: list[str] = field(default_factory=list)
    command: str = ""


def fingerprint(study: Study, config: Config, start: Weights | None = None) -> str:
    """Changes with the settings, the faces, their pictures, the folds, the weights to begin with or the rule
    by which steps are chosen."""
    folds = [[f.index, f.train, f.validation, f.test] for f in study.folds]
    begun = start.digest() if start else ""
    return mark_of(config.as_dict(), folds, study.data.digest(), begun, RULE)[:16]


def is_aligned(root: Path) -> bool:
    """Whether a folder's manifest says that its pictures are aligned faces (made by prepare or
    synthesize)."""
    manifest = root / NAME
    if not manifest.is_file():
        return False
    with manifest.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        return {"align", "path", "expression"} <= set(next(csv.reader(stream), []))


@dataclass(frozen=True)
class Aligned:
    """The faces of a data set with their aligned pictures.

    Attributes:
        read: faces as the reader found them.
        faces: those that could be aligned, with ``pictures`` (N, 112, 112, 3) uint8 in the same order.
        place: for each face read its position in ``faces``, -1 where no face was found in the picture.
    """

    read: list[Face]
    faces: list[Face]
    pictures: NDArray[np.uint8]
    place: list[int]

    def tensors(self, root: Path) -> FaceTensors:
        """For the training loops.

        Raises:
            InputError: fewer than two expressions.
        """
        labelled = classes_of(face.expression for face in self.faces)
        if len(labelled) < 2:
            shown = labelled[0] if labelled else "no expression"
            raise InputError(f"{root}: all faces show {shown}; recognition needs two expressions or more")
        return FaceTensors.of(self.faces, self.pictures, labelled)


def align_dataset(
    dataset: str,
    root: Path,
    out: Path,
    subject_pattern: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    inspect: Callable[[list[Face]], object] = lambda _: None,
    align: Alignment = "similarity",
    device: str = "auto",
) -> Aligned:
    """Read a data set and prepare its faces in ``out/prepared``, unless ``root`` was prepared already.

    ``inspect`` sees the faces as read, before minutes of preparing, and may refuse them.

    Raises:
        InputError: anything about the data set, its pictures or its people that does not fit.
    """
    reader = reader_named(dataset)
    if is_aligned(root):
        faces, pictures = load_prepared(root)
        if subject_pattern is not None:
            faces = with_subjects(faces, root, subject_pattern)
        inspect(faces)
        return Aligned(faces, faces, pictures, list(range(len(faces))))
    refuse_inside(root, out)
    found = read(dataset, root, subject_pattern).faces
    inspect(found)
    folder = out / "prepared"
    workers = workers or os.cpu_count() or 1
    prepare(
        found,
        folder,
        cropped=reader.cropped,
        aligned=reader.aligned,
        align=align,
        device=device,
        workers=workers,
        progress=progress,
    )
    faces, pictures = load_prepared(folder)
    place = {source: i for i, source in enumerate(read_manifest(folder)["source"])}
    return Aligned(found, faces, pictures, [place.get(face.path, -1) for face in found])


def refuse_inside(root: Path, out: Path) -> None:
    """What is made of a data set must not lie in it: the next to read it would take crops for pictures.

    Raises:
        InputError: ``out`` is the root or lies below it.
    """
    if root.resolve() in (out.resolve(), *out.resolve().parents):
        raise InputError(f"--out {out}: lies in the data set's folder; choose one outside {root}")


def align_datasets(
    sets: Sequence[tuple[str, Path]],
    out: Path,
    subject_pattern: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    align: Alignment = "similarity",
    device: str = "auto",
    also_visits: int = 1,
) -> FaceTensors:
    """All faces of one or more data sets, to train on together; people of different sets are different.

    What a data set's authors set apart for validation or testing is left out. An epoch visits each face of
    the first set once, those of the others ``also_visits`` times.

    Raises:
        InputError: anything about a data set or its pictures that does not fit.
    """
    several = len(sets) > 1
    parts: list[Aligned] = []
    for place, (name, root) in enumerate(sets):
        folder = out / f"set_{place}_{name}" if several else out
        part = align_dataset(
            name, root, folder, subject_pattern, workers, progress, align=align, device=device
        )
        parts.append(part)
    faces, pictures, visits = [], [], []
    for place, part in enumerate(parts):
        kept = [i for i, face in enumerate(part.faces) if face.split in (None, "", "train")]
        for face in (part.faces[i] for i in kept):
            faces.append(_set_apart(face, place) if several else face)
        pictures.append(part.pictures[kept])
        if part.pictures.shape[1:] != parts[0].pictures.shape[1:]:
            sides = part.pictures.shape[1], parts[0].pictures.shape[1]
            raise InputError(
                f"{sets[place][1]}: faces of {sides[0]} pixels, those of {sets[0][1]} have {sides[1]}; make "
                "both with the same --size"
            )
        visits += [also_visits if place else 1] * len(kept)
    if not faces:
        raise InputError(f"{sets[0][1]}: no faces to train on; all belong to validation or test parts")
    data = Aligned(faces, faces, np.concatenate(pictures), []).tensors(sets[0][1])
    return data if also_visits == 1 else replace(data, visits=tuple(visits))


def alignment_of(roots: Iterable[Path], asked: Alignment) -> Alignment:
    """How the faces of prepared folders are aligned, most of them; what is asked for where none is prepared.

    Weights must know it, for whoever uses them aligns faces as they were for the training.
    """
    counts: Counter[str] = Counter()
    for root in roots:
        if is_aligned(root):
            counts.update(read_manifest(root)["align"])
    return max(get_args(Alignment), key=lambda kind: (counts[kind], kind == asked))


def _set_apart(face: Face, place: int) -> Face:
    """The face with a person and a take that are no other data set's."""
    subject, take = (None if value is None else f"{place}:{value}" for value in (face.subject, face.take))
    return replace(face, subject=subject, take=take)


def study_of(
    dataset: str,
    root: Path,
    out: Path,
    subject_pattern: str | None = None,
    workers: int | None = None,
    command: str = "",
    progress: bool = True,
    align: Alignment = "similarity",
    device: str = "auto",
) -> Study:
    """Read a data set, prepare its faces, and plan its folds.

    Folds are planned on the faces as read, so a picture in which no face is found moves nobody.

    Raises:
        InputError: anything about the data set, its pictures or its people that does not fit.
    """
    reader = reader_named(dataset)
    # Whether there are folds at all is asked before the faces are prepared.
    aligned = align_dataset(
        dataset,
        root,
        out,
        subject_pattern,
        workers,
        progress,
        inspect=lambda faces: plan_folds(faces, reader.protocol),
        align=align,
        device=device,
    )
    plan = plan_folds(aligned.read, reader.protocol)
    folds = [
        Fold(fold.index, *(_placed(getattr(fold, role), aligned.place) for role in ROLES))
        for fold in plan.folds
    ]
    data = aligned.tensors(root)
    lost = aligned.place.count(-1)
    notes = [f"{lost} pictures left out, see prepared/failures.csv"] if lost else []
    alignments = read_manifest(root if is_aligned(root) else out / "prepared")["align"].value_counts()
    if set(alignments.index) != {align}:
        counts = ", ".join(f"{count} {name}" for name, count in alignments.items())
        notes.append(f"alignment of the faces, asked to be {align}: {counts}")
    return Study(
        dataset=reader.name,
        protocol=plan.text,
        data=data,
        folds=folds,
        notes=notes,
        command=command,
    )


def _placed(positions: tuple[int, ...], place: list[int]) -> tuple[int, ...]:
    return tuple(place[i] for i in positions if place[i] >= 0)
