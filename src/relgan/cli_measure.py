"""The verbs that measure: test, probe, compare and normalise. Nothing heavy is imported before one runs."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from relgan.cli_use import warn
from relgan.cli_words import (
    Column,
    Count,
    Dataset,
    FileName,
    Folder,
    Root,
    SomeColumn,
    SomeCount,
    SomeFile,
    SomeNames,
    SomePattern,
    SomeWeights,
    optional,
)
from relgan.config import Device
from relgan.errors import InputError
from relgan.files import same_file, write_text


@dataclass(frozen=True)
class Probe:
    """How much of the person, and of the expression, any embedding in a table gives away."""

    codes_file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CODES")]
    """.csv or .parquet, a row per face: `relgan embed`'s, py-feat's, a face recogniser's."""
    subject: Column
    """Column that names the person; people the embedding was not trained on."""
    expression: Column
    """Column that names the expression."""
    take: SomeColumn = None
    """Column that names the performance or video; rows of one are never compared."""
    codes: SomePattern = None
    """Regular expression for the code's columns; code_00, code_01, ... or all numbers where not given."""
    out: SomeFile = None
    """JSON file for the findings."""
    seed: Count = 0
    """Of the drawings."""


@dataclass(frozen=True)
class Test:
    """Weights on a data set they never learnt from: accuracy, identity leakage, reenactment."""

    dataset: Dataset
    """Name of the data set (`relgan check list`)."""
    root: Root
    """The data set's folder or .zip, or a folder made by `relgan prepare`."""
    out: Folder
    """Folder for the aligned faces, test.json and predictions.csv."""
    weights: SomeWeights = None
    """Packaged weights (synthetic, wild) or a folder made by `relgan train`; wild where not given."""
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        optional("{train,validation,test}"),
    ] = None
    """This part of the data set alone, such as test for FER2013's PrivateTest."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each path below the root."""
    seed: Count = 0
    """Of the drawings."""
    workers: SomeCount = None
    """Processes that prepare faces; one a core where not given."""
    device: Device = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Compare:
    """Runs of `relgan evaluate` side by side: McNemar's test, and a bootstrap over people."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, optional("RUN...")]
    """Folders of runs; of one run its two methods are compared."""
    out: SomeFile = None
    """JSON file for the findings."""


@dataclass(frozen=True)
class Normalise:
    """Take each person's own offset out of predictions or codes; needs several pictures of everyone, or,
    where nobody is named, faces of one kind that show everything about equally often."""

    table: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TABLE")]
    """.csv or .parquet of `relgan predict` or `relgan embed`, or a predictions.csv."""
    out: FileName
    """.csv or .parquet file; "-" is standard output."""
    subject: SomeColumn = None
    """Column that names the person, or several that do so together, such as input,face in videos; subject
    where not given."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each picture's name instead."""
    together: bool = False
    """Nobody is named: take out of the predictions what all faces of the table have in common."""
    expressions: SomeNames = None
    """What people were asked to show, such as anger,fear,neutral; all of the table's where not given."""
    neutral: SomeColumn = None
    """Compare people at rest, not in all pictures: the column that holds neutral, 1, true or yes there."""
    neutral_pattern: SomePattern = None
    """The same by a regular expression that is found in the names of pictures of people at rest."""


def test(verb: Test, command: str) -> None:
    from relgan.data.tensors import FaceTensors
    from relgan.recognizer import DEFAULT_WEIGHTS
    from relgan.study import align_dataset
    from relgan.training import make_fabric
    from relgan.transfer import measure_transfer, print_transfer, refuse_other_test, write_transfer
    from relgan.weights import load_or_packaged

    weights = load_or_packaged(verb.weights, DEFAULT_WEIGHTS)
    made_by: dict[str, Any] = {
        "command": command,
        "weights": weights.digest()[:16],
        "dataset": verb.dataset,
        "split": verb.split,
    }
    refuse_other_test(verb.out, made_by)
    aligned = align_dataset(
        verb.dataset,
        verb.root,
        verb.out,
        verb.subject_pattern,
        verb.workers,
        align=weights.card.align,
        device=verb.device,
    )
    kept = [i for i, face in enumerate(aligned.faces) if verb.split in (None, face.split)]
    if not kept:
        raise InputError(f"--split {verb.split}: {verb.root} has no such part")
    faces = [aligned.faces[i] for i in kept]
    fabric = make_fabric("auto", verb.device)
    data = FaceTensors.of(faces, aligned.pictures[kept], weights.card.expressions)
    digest = data.digest()
    made_by["pictures"] = digest[:16]
    refuse_other_test(verb.out, made_by)
    data = data.to(fabric.device)
    found = measure_transfer(weights, data, fabric, verb.seed)
    caution = weights.caution(verb.dataset, f"--weights {verb.weights or DEFAULT_WEIGHTS}", digest)
    if caution and any(face.split in (None, "train") for face in faces):
        made_by["warning"] = caution
        warn(f"relgan: warning: {caution}")
    paths = write_transfer(found, verb.out, made_by)
    print_transfer(found.findings)
    for path in paths:
        print(path)


def probe(verb: Probe) -> None:
    from relgan.probe_file import print_probe, read_embedding
    from relgan.probe_file import probe as run

    _refuse_input(verb.out, verb.codes_file)
    embedding = read_embedding(verb.codes_file, verb.subject, verb.expression, verb.take, verb.codes)
    found = {"file": str(verb.codes_file), **run(embedding, verb.seed)}
    if verb.out:
        _write(found, verb.out)
    print_probe(found)


def compare(verb: Compare) -> None:
    from relgan.compare import compare as run
    from relgan.compare import load_run, print_comparison

    if not verb.runs:
        raise InputError("compare: give the folder of a run, or of several")
    found = run([load_run(folder) for folder in dict.fromkeys(verb.runs)])
    if verb.out:
        _write(found, verb.out)
    print_comparison(found)


def normalise(verb: Normalise) -> None:
    from relgan.cli_use import ending
    from relgan.expressions import canonical
    from relgan.normalise import all_alike, normalised, numbers_in, people_in, rest_in
    from relgan.probe_file import read_table
    from relgan.tables import table_writer

    _refuse_input(verb.out, verb.table)
    table = numbers_in(read_table(verb.table), verb.table)
    words = None if verb.expressions is None else verb.expressions.split(",")
    shown = words and [canonical(word) or word for word in words]
    for word in ("subject", "neutral"):
        column, pattern = getattr(verb, word), getattr(verb, f"{word}_pattern")
        if column is not None and pattern is not None:
            raise InputError(f"--{word} {column}: --{word}-pattern says it too; leave out one of them")
    if verb.together:
        for option in ("subject", "subject_pattern", "neutral", "neutral_pattern"):
            if getattr(verb, option) is not None:
                raise InputError(f"--together: knows no people; leave --{option.replace('_', '-')} out")
        people = all_alike(table, verb.table)
    else:
        people = people_in(table, verb.subject_pattern, verb.subject)
    at_rest = rest_in(table, verb.neutral_pattern, verb.neutral)
    result = normalised(table, people, shown, at_rest)
    with ending([]):
        writer = table_writer(verb.out, [str(name) for name in result])
        writer.write(result)
        writer.close()
    counts = Counter(people)
    place = "" if verb.out == "-" else f"; see {verb.out}"
    if verb.together:
        warn(f"{len(result)} rows taken together{place}")
        return
    warn(f"{len(result)} rows of {len(counts)} {'person' if len(counts) == 1 else 'people'}{place}")
    if len(counts) == 1:
        warn(f"note: all rows are of one person, {people[0]}; is that so?")
    elif at_rest is None and max(counts.values()) == 1:
        warn("note: everyone has one row, which stays as it is; is everyone somebody else?")


def _refuse_input(out: Path | str | None, table: Path) -> None:
    """What is made of a table is not written over it.

    Raises:
        InputError: ``out`` is that table.
    """
    if out is not None and same_file(Path(out), table):
        raise InputError(f"--out {out}: is the input; choose another name")


def _write(found: dict[str, Any], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", path)
    except OSError as error:
        raise InputError(
            f"--out {path}: cannot be written ({error.strerror or error}); choose another file"
        ) from error
