"""Who trains, who chooses, who tests: folds without a shared person, and the refusal to run any other.

A fold holds positions into the list of faces it was made from. Faces without an expression stand in no fold.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from relgan.data.face import Face
from relgan.data.reader import Protocol, Reader, refuse
from relgan.errors import InputError
from relgan.expressions import classes_of
from relgan.files import write_text

ROLES = ("train", "validation", "test")


@dataclass(frozen=True)
class Fold:
    """Positions of faces: weights fit train, every choice is made on validation, test is looked at once."""

    index: int
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The folds of a protocol on actual faces, and what was done, in words for the report."""

    folds: list[Fold]
    text: str


def plan_folds(faces: Sequence[Face], protocol: Protocol, seed: int = 0) -> Plan:
    """The folds of a data set's protocol; faces that name a split are always evaluated on that split.

    Raises:
        InputError: see :func:`person_independent_folds` and :func:`split_fold`.
    """
    if protocol.kind == "cross":
        raise InputError("a cross-data-set run has two data sets; make its fold with cross_dataset_fold")
    unlabelled = sum(face.expression is None for face in faces)
    left_out = f"; {unlabelled} faces without an expression left out" if unlabelled else ""
    if protocol.kind == "split" or any(face.split for face in faces):
        fold = split_fold(faces, seed)
        there = {face.split for face in faces}
        if protocol.kind == "split" and protocol.splits in (None, there):
            text = protocol.text
        else:
            parts = [role for role in ROLES if role in there]
            tested = "" if "test" in parts else ", the latter for testing"
            text = f"{', '.join(parts[:-1])} and {parts[-1]} as the data set splits them{tested}"
        own = any(faces[position].split == "train" for position in fold.validation)
        note = "; validation: 10 % of train, stratified" + (f", seed {seed}" if seed else "") if own else ""
        return Plan([fold], text + note + left_out)
    if protocol.kind == "loso":
        folds = leave_one_subject_out(faces)
        return Plan(folds, f"{protocol.text}; {len(folds)} subjects{left_out}")
    folds = person_independent_folds(faces, protocol.folds)
    text = protocol.text
    if len(folds) < protocol.folds:
        text = (
            f"{len(folds)}-fold person-independent cross-validation, one subject per fold "
            f"(too few subjects for {protocol.folds} folds)"
        )
    return Plan(folds, text + left_out)


def person_independent_folds(faces: Sequence[Face], k: int = 10) -> list[Fold]:
    """Folds by person: subjects sorted, fold i tests subjects[i::k] and validates on fold (i + 1) mod k.

    With fewer than k subjects each fold is one subject, and there are as many folds as subjects.

    Raises:
        InputError: fewer than three folds asked for, a face without a subject, or fewer than three subjects.
    """
    if k < 3:
        raise InputError(f"{k} folds: give at least 3, one each for training, validation and test")
    labelled = [position for position, face in enumerate(faces) if face.expression is not None]
    nameless = [faces[position].path for position in labelled if faces[position].subject is None]
    if nameless:
        refuse(
            nameless,
            f"{len(nameless)} faces name no person, so folds could share one; give --subject-pattern, "
            "a manifest with a subject column, or train and test folders",
        )
    subjects = sorted({str(faces[position].subject) for position in labelled})
    if len(subjects) < 3:
        raise InputError(
            f"{len(subjects)} labelled subjects ({' '.join(subjects)}): folds without a shared person need "
            "at least 3; add people or check the subject pattern"
        )
    k = min(k, len(subjects))
    number = {subject: position % k for position, subject in enumerate(subjects)}
    groups: list[list[int]] = [[] for _ in range(k)]
    for position in labelled:
        groups[number[str(faces[position].subject)]].append(position)
    folds = []
    for index in range(k):
        after = (index + 1) % k
        train = [position for other in range(k) if other not in (index, after) for position in groups[other]]
        folds.append(Fold(index, tuple(sorted(train)), tuple(groups[after]), tuple(groups[index])))
    return folds


def leave_one_subject_out(faces: Sequence[Face]) -> list[Fold]:
    """A fold per subject, validated on the next subject in sorted order.

    Raises:
        InputError: see :func:`person_independent_folds`.
    """
    subjects = {face.subject for face in faces if face.expression is not None}
    return person_independent_folds(faces, max(3, len(subjects)))


def split_fold(faces: Sequence[Face], seed: int = 0) -> Fold:
    """The data set's own split as one fold.

    Where it has only two parts, the part that is not train is the test, and a tenth of train validates.

    Raises:
        InputError: a face without a split, or no train or no test faces.
    """
    parts: dict[str, list[int]] = {role: [] for role in ROLES}
    lost: list[str] = []
    for position, face in enumerate(faces):
        if face.split not in parts:
            lost.append(face.path)
        elif face.expression is not None:
            parts[face.split].append(position)
    if lost:
        refuse(
            lost,
            f"{len(lost)} faces stand in none of train, validation, test; move them into one or remove them",
        )
    train, validation, test = (parts[role] for role in ROLES)
    if not test:
        validation, test = [], validation
    if not train or not test:
        counts = ", ".join(f"{role} {len(parts[role])}" for role in ROLES)
        raise InputError(
            f"labelled faces by split: {counts}; training needs a train part, and a test or validation part"
        )
    if not validation:
        train, validation = hold_out(faces, train, seed)
    return Fold(0, tuple(train), tuple(validation), tuple(test))


def hold_out(
    faces: Sequence[Face], train: Sequence[int], seed: int, fraction: float = 0.1
) -> tuple[list[int], list[int]]:
    """Positions split in train and validation: seeded, stratified, people and sequences kept whole.

    Raises:
        InputError: everything is one person or one sequence.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for position in train:
        face = faces[position]
        groups[face.subject or face.sequence or position].append(position)
    if len(groups) < 2:
        raise InputError(
            "train holds one person or one sequence only, nothing can be held out; add a validation part"
        )
    left = Counter(faces[position].expression for position in train)
    room = {name: max(1, round(fraction * count)) for name, count in left.items()}
    order = list(groups.values())
    held: set[int] = set()
    for place in np.random.default_rng(seed).permutation(len(order)):
        counts = Counter(faces[position].expression for position in order[place])
        fits = sum(min(count, room[name]) for name, count in counts.items())
        # A group that mostly overshoots the tenth stays in train; so does the last one, of an expression too.
        if 2 * fits > len(order[place]) and all(count < left[name] for name, count in counts.items()):
            held.update(order[place])
            left -= counts
            for name, count in counts.items():
                room[name] = max(0, room[name] - count)
    if not held:
        held.update(min((len(group), group) for group in order)[1])
    return [position for position in train if position not in held], sorted(held)


def cross_dataset_fold(
    train: tuple[Reader, Sequence[Face]], test: tuple[Reader, Sequence[Face]], seed: int = 0
) -> tuple[list[Face], Fold]:
    """Train on one data set, test on another, on the expressions both have.

    Subjects get the data set's name in front, so that S01 here and S01 there are two people. A tenth of the
    training faces validates.

    Returns:
        The faces of both, and the fold over them.

    Raises:
        InputError: both are pictures of the same people, or they share fewer than two expressions.
    """
    (train_reader, train_faces), (test_reader, test_faces) = train, test
    if train_reader.people == test_reader.people:
        raise InputError(
            f"{train_reader.name} and {test_reader.name} show the same people; test on another data set"
        )
    shared = set(classes_of(face.expression for face in train_faces)) & set(
        classes_of(face.expression for face in test_faces)
    )
    if len(shared) < 2:
        raise InputError(
            f"{train_reader.name} and {test_reader.name} share only the expressions {sorted(shared)}; "
            "pick data sets that share two or more"
        )
    faces: list[Face] = []
    for reader, split, some in ((train_reader, "train", train_faces), (test_reader, "test", test_faces)):
        for face in some:
            if face.expression in shared:
                subject = face.subject and f"{reader.people}:{face.subject}"
                faces.append(replace(face, subject=subject, split=split))
    return faces, split_fold(faces, seed)


def verify(fold: Fold, faces: Sequence[Face]) -> None:
    """Refuse a fold that would make its own result dishonest; every runner calls this before it starts.

    Raises:
        InputError: a role is empty, a face or a subject stands in two roles, or a position is out of range.
    """
    owner_of_face: dict[int, str] = {}
    owner_of_subject: dict[str, str] = {}
    for role in ROLES:
        positions: tuple[int, ...] = getattr(fold, role)
        if not positions:
            raise InputError(f"fold {fold.index}: no {role} faces; use fewer folds or add people")
        for position in positions:
            if not 0 <= position < len(faces):
                raise InputError(
                    f"fold {fold.index}: position {position} in {role}, but there are {len(faces)} faces; "
                    "make the folds from these faces"
                )
            face = faces[position]
            other = owner_of_face.setdefault(position, role)
            if other != role:
                raise InputError(
                    f"fold {fold.index}: {face.path} stands in {other} and in {role}; put it in one"
                )
            if face.subject is not None and owner_of_subject.setdefault(face.subject, role) != role:
                raise InputError(
                    f"fold {fold.index}: subject {face.subject} stands in {owner_of_subject[face.subject]} "
                    f"and in {role} ({face.path}); split by person"
                )


def write_folds(folds: Sequence[Fold], faces: Sequence[Face], path: Path | str) -> None:
    """Write folds as tab-separated text: fold, role, subject, path; written beside and renamed.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(path)
    lines = ["fold\trole\tsubject\tpath"]
    for fold in folds:
        for role in ROLES:
            for position in getattr(fold, role):
                lines.append(
                    f"{fold.index}\t{role}\t{faces[position].subject or '-'}\t{faces[position].path}"
                )
    try:
        write_text("\n".join(lines) + "\n", path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error}); give a folder you may write to") from error
