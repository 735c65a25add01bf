"""The verbs for pictures to learn from: check, prepare, synthesize. Nothing heavy is imported here."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from relgan.cli_words import Count, Dataset, Folder, Number, Root, SomeCount, SomeNames, SomePattern, SomeRoot
from relgan.config import Device
from relgan.errors import InputError

if TYPE_CHECKING:
    from relgan.data.reader import Reading


@dataclass(frozen=True)
class Check:
    """Census of a data set: subjects x expressions, against the published counts."""

    dataset: Dataset
    """ckplus, ck48, jaffe, folder, ... (`relgan check list` names them all)."""
    root: SomeRoot = None
    """The data set's folder or .zip; for `folder` a manifest .csv too."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each path below the root."""


@dataclass(frozen=True)
class Prepare:
    """Detect, align and crop every face of a data set; can be killed and run again."""

    dataset: Dataset
    """Name of the data set (`relgan check list`)."""
    root: Root
    """The data set's folder or .zip."""
    out: Folder
    """Folder for the aligned faces, manifest.csv and failures.csv."""
    align: Literal["similarity", "frontal"] = "similarity"
    """Bring faces upright, or turn them to the front; the manifest says which of them could not be."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each path below the root."""
    workers: SomeCount = None
    """Processes (beside a GPU, threads); one a core where not given."""
    device: Device = "auto"
    """Where to look for faces; auto is cuda where there is one and no more than four workers, else cpu."""


@dataclass(frozen=True)
class Synthesize:
    """Labelled synthetic faces: any number of people, every expression; can be killed and run again."""

    people: Count
    """How many people."""
    out: Folder
    """Folder for the pictures and manifest.csv."""
    expressions: SomeNames = None
    """Which, such as happiness,neutral; all eight where not given."""
    frames: Count = 3
    """Pictures of each performance, from onset over apex to offset."""
    size: Count = 112
    """Side of the pictures in pixels."""
    yaw: Number = 20.0
    """The largest turn of the head, degrees."""
    sittings: Count = 1
    """How often each person is photographed, in another pose and light each time."""
    takes: Count = 32
    """Performances of each expression; people who give the same one are each other's exact truth."""
    cameras: Literal["usual", "worse"] = "usual"
    """worse: heads askew, careless crops, hard light, grey, blurred and coarse pictures."""
    seed: Count = 0
    """Everything drawn follows from it."""
    workers: SomeCount = None
    """Processes; where not given one a core, or one for every four cores that share a GPU."""
    device: Device = "auto"
    """Where to render; auto is cuda where there is one."""


def check(verb: Check) -> None:
    from relgan.data.census import check as census_of
    from relgan.data.census import print_check
    from relgan.data.readers import READERS

    if verb.dataset == "list":
        for reader in READERS.values():
            print(f"{reader.name:12s} {reader.title}: {reader.layout}")
        return
    if verb.root is None:
        raise InputError(f"check {verb.dataset}: give the data set's folder or .zip too")
    print_check(census_of(verb.dataset, verb.root, verb.subject_pattern))


def prepare(verb: Prepare) -> None:
    from relgan.data.readers import read, reader_named
    from relgan.faces.prepare import prepare as prepare_faces
    from relgan.study import refuse_inside

    refuse_inside(verb.root, verb.out)
    reading: Reading = read(verb.dataset, verb.root, verb.subject_pattern)
    reader = reader_named(verb.dataset)
    done = prepare_faces(
        reading.faces,
        verb.out,
        cropped=reader.cropped,
        aligned=reader.aligned,
        align=verb.align,
        device=verb.device,
        workers=verb.workers or os.cpu_count() or 1,
    )
    print(f"{done.faces} faces in {verb.out} ({done.seconds:.0f} s)")
    if done.failures:
        print(f"{done.failures} pictures left out, listed with the reason in {verb.out / 'failures.csv'}")


def synthesize(verb: Synthesize) -> None:
    from relgan.synthesis.generate import synthesize as run

    done = run(
        verb.people,
        verb.out,
        expressions=verb.expressions.split(",") if verb.expressions else None,
        frames=verb.frames,
        size=verb.size,
        yaw=verb.yaw,
        sittings=verb.sittings,
        takes=verb.takes,
        cameras=verb.cameras,
        seed=verb.seed,
        workers=verb.workers,
        device=verb.device,
    )
    print(f"{done.faces} faces in {verb.out} ({done.seconds:.0f} s, {done.rejected} taken again)")
