"""The command line: one verb, one function. Nothing heavy is imported before a verb is chosen."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

import relgan
from relgan.errors import InputError

if TYPE_CHECKING:
    from relgan.data.reader import Reading

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Check:
    """Census of a data set: subjects x expressions, against the published counts."""

    dataset: Annotated[str, tyro.conf.Positional]
    """ckplus, ck48, jaffe, folder, ... (`relgan check list` names them all)."""
    root: Annotated[Path, tyro.conf.Positional] = Path()
    """The data set's folder or .zip; for `folder` a manifest .csv too."""
    subject_pattern: str | None = None
    """Regular expression whose group is the person, searched in each path below the root."""


@dataclass(frozen=True)
class Prepare:
    """Detect, align and crop every face of a data set; can be killed and run again."""

    dataset: Annotated[str, tyro.conf.Positional]
    """Name of the data set (`relgan check list`)."""
    root: Annotated[Path, tyro.conf.Positional]
    """The data set's folder or .zip."""
    out: Path
    """Folder for the aligned faces, manifest.csv and failures.csv."""
    subject_pattern: str | None = None
    """Regular expression whose group is the person, searched in each path below the root."""
    workers: int | None = None
    """Processes; one a core where not given."""


@dataclass(frozen=True)
class Evaluate:
    """The paper's protocol: baseline and REL-GAN on the same person-independent folds; resumable."""

    dataset: Annotated[str, tyro.conf.Positional]
    """Name of the data set (`relgan check list`)."""
    root: Annotated[Path, tyro.conf.Positional]
    """The data set's folder or .zip, or a folder made by `relgan prepare`."""
    out: Path
    """Folder for the run: results.json, report.html, folds.txt, a folder per seed and fold."""
    preset: Literal["fast", "paper"] = "fast"
    """fast ends within an hour on two CPU cores for a thousand faces; paper is the paper and wants a GPU."""
    folds: str | None = None
    """Folds to run, such as 0,1; all where not given."""
    seeds: str = "0"
    """Seeds, such as 0,1,2; the whole protocol is run once per seed."""
    subject_pattern: str | None = None
    """Regular expression whose group is the person, searched in each path below the root."""
    start: Path | None = None
    """Weights made by `relgan pretrain`, on other people's faces, that stage 1 of every fold begins with."""
    workers: int | None = None
    """Processes that prepare faces; one a core where not given."""
    device: Device = "auto"
    """Where to train."""


@dataclass(frozen=True)
class Pretrain:
    """Stage 1 alone, on all faces of a data set: weights for `relgan evaluate --start`; resumable."""

    dataset: Annotated[str, tyro.conf.Positional]
    """Name of the data set (`relgan check list`)."""
    root: Annotated[Path, tyro.conf.Positional]
    """The data set's folder or .zip, or a folder made by `relgan prepare` or `relgan synthesize`."""
    out: Path
    """Folder for generator.safetensors, card.json, the log and the sample grids."""
    preset: Literal["fast", "paper"] = "fast"
    """Size and settings of stage 1."""
    max_steps: int | None = None
    """Steps to take; the preset's where not given."""
    seed: int = 0
    """Everything random follows from it."""
    subject_pattern: str | None = None
    """Regular expression whose group is the person, searched in each path below the root."""
    workers: int | None = None
    """Processes that prepare faces; one a core where not given."""
    device: Device = "auto"
    """Where to train."""
    devices: int = 1
    """How many GPUs (or CPU processes) share every batch."""


@dataclass(frozen=True)
class Demo:
    """The packaged synthetic people, both stages and a report, in about five minutes on two CPU cores."""

    out: Path = Path("relgan-demo")
    """Folder for the run."""
    seed: int = 0
    """Everything random follows from it."""
    device: Device = "auto"
    """Where to train."""


@dataclass(frozen=True)
class Synthesize:
    """Labelled synthetic faces: any number of people, every expression; can be killed and run again."""

    people: int
    """How many people."""
    out: Path
    """Folder for the pictures and manifest.csv."""
    expressions: str | None = None
    """Which, such as happiness,neutral; all eight where not given."""
    frames: int = 3
    """Pictures of each performance, from onset over apex to offset."""
    size: int = 112
    """Side of the pictures in pixels."""
    yaw: float = 20.0
    """The largest turn of the head, degrees."""
    sittings: int = 1
    """How often each person is photographed, in another pose and light each time."""
    seed: int = 0
    """Everything drawn follows from it."""
    workers: int | None = None
    """Processes; one a core where not given."""


Verb = (
    Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Synthesize, tyro.conf.subcommand("synthesize")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command ``relgan``; bad input ends in one line and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"relgan {relgan.__version__}")
        return
    verb: object = tyro.cli(
        Verb,
        prog="relgan",
        description="Identity-free facial expression codes: REL-GAN (Ali and Hughes 2020).",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
    )
    try:
        if isinstance(verb, Check):
            check(verb)
        elif isinstance(verb, Prepare):
            prepare(verb)
        elif isinstance(verb, Evaluate):
            evaluate(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Pretrain):
            pretrain(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Demo):
            demo(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Synthesize):
            synthesize(verb)
    except InputError as error:
        print(f"relgan: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("relgan: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None


def numbers(text: str, option: str) -> list[int]:
    """Whole numbers from text such as "0,1,2"; each once."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text}: give whole numbers separated by commas, such as 0,1,2") from None
    if min(values) < 0:
        raise InputError(f"{option} {text}: give numbers from 0 upwards")
    return list(dict.fromkeys(values))


def check(verb: Check) -> None:
    from relgan.data.census import check as census_of
    from relgan.data.census import print_check
    from relgan.data.readers import READERS

    if verb.dataset == "list":
        for reader in READERS.values():
            print(f"{reader.name:12s} {reader.title}: {reader.layout}")
        return
    if verb.root == Path():
        raise InputError(f"relgan check {verb.dataset}: give the data set's folder or .zip too")
    print_check(census_of(verb.dataset, verb.root, verb.subject_pattern))


def prepare(verb: Prepare) -> None:
    from relgan.data.readers import read, reader_named
    from relgan.faces.prepare import prepare as prepare_faces

    reading: Reading = read(verb.dataset, verb.root, verb.subject_pattern)
    reader = reader_named(verb.dataset)
    done = prepare_faces(
        reading.faces, verb.out, cropped=reader.cropped, workers=verb.workers or os.cpu_count() or 1
    )
    print(f"{done.faces} faces in {verb.out} ({done.seconds:.0f} s)")
    if done.failures:
        print(f"{done.failures} pictures left out, listed with the reason in {verb.out / 'failures.csv'}")


def evaluate(verb: Evaluate, command: str) -> None:
    seeds = numbers(verb.seeds, "--seeds")
    folds = None if verb.folds is None else numbers(verb.folds, "--folds")
    run_protocol(
        verb.dataset,
        verb.root,
        verb.out,
        verb.preset,
        command,
        seeds,
        folds,
        verb.device,
        verb.subject_pattern,
        verb.workers,
        verb.start,
    )


def pretrain(verb: Pretrain, command: str) -> None:
    from dataclasses import replace

    from relgan.config import preset

    config = preset(verb.preset)
    if verb.max_steps is not None:
        if verb.max_steps < 1:
            raise InputError(f"--max-steps {verb.max_steps}: give at least 1")
        stage1 = replace(config.reenactment, max_steps=verb.max_steps, epochs=verb.max_steps)
        config = replace(config, reenactment=stage1)
    from relgan.pretrain import pretrain as run
    from relgan.study import align_dataset
    from relgan.training import make_fabric

    fabric = make_fabric(config.precision, verb.device, verb.devices)
    fabric.launch()
    # One process prepares the faces; the others find them done.
    with fabric.rank_zero_first():
        faces = align_dataset(verb.dataset, verb.root, verb.out, verb.subject_pattern, verb.workers)
    data = faces.tensors(verb.root)
    done = run(
        data, config, out=verb.out, fabric=fabric, seed=verb.seed, dataset=verb.dataset, command=command
    )
    if fabric.is_global_zero:
        print(f"{verb.out / 'generator.safetensors'}" + ("" if done else " was there already"))


def run_protocol(
    dataset: str,
    root: Path,
    out: Path,
    preset_name: str,
    command: str,
    seeds: list[int],
    folds: list[int] | None,
    device: Device,
    subject_pattern: str | None = None,
    workers: int | None = None,
    start: Path | None = None,
) -> None:
    """Prepare, evaluate, print the table and where the report is."""
    from dataclasses import replace

    from relgan.config import preset

    config = preset(preset_name)
    from relgan.crossval import evaluate as run
    from relgan.report import print_results
    from relgan.study import study_of
    from relgan.training import make_fabric

    generator = None
    if start is not None:
        from relgan.weights import load_generator

        generator, card = load_generator(start)
        config = replace(
            config, size=card.size, expression_dim=card.expression_dim, identity_dim=card.identity_dim
        )
    study = study_of(dataset, root, out, subject_pattern, workers, command)
    if start is not None:
        study.notes.append(f"REL-GAN's stage 1 began from {start}, the baseline from scratch")
    fabric = make_fabric(config.precision, device)
    print_results(run(study, config, out=out, fabric=fabric, seeds=seeds, folds=folds, start=generator))
    print(f"{out / 'results.json'}\n{out / 'report.html'}")


def demo(verb: Demo, command: str) -> None:
    from relgan.synthesis.sample import sample_path

    run_protocol("synthetic", sample_path(), verb.out, "demo", command, [verb.seed], [0], verb.device)


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
        seed=verb.seed,
        workers=verb.workers or os.cpu_count() or 1,
    )
    print(f"{done.faces} faces in {verb.out} ({done.seconds:.0f} s, {done.rejected} taken again)")


if __name__ == "__main__":
    main()
