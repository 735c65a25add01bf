"""The verbs that train: evaluate, pretrain, train, demo. Nothing heavy is imported before one runs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from relgan.cli_use import warn
from relgan.cli_words import (
    Count,
    Dataset,
    Folder,
    Numbers,
    Root,
    SomeCount,
    SomeNumbers,
    SomePattern,
    SomeWeights,
    WeightsName,
    optional,
)
from relgan.config import Device, Front
from relgan.errors import InputError

if TYPE_CHECKING:
    from relgan.weights import Weights


@dataclass(frozen=True)
class Evaluate:
    """The paper's protocol: baseline and REL-GAN on the same person-independent folds; resumable."""

    dataset: Dataset
    """Name of the data set (`relgan check list`)."""
    root: Root
    """The data set's folder or .zip, or a folder made by `relgan prepare`."""
    out: Folder
    """Folder for the run: results.json, report.html, folds.txt, a folder per seed and fold."""
    preset: Literal["fast", "best", "paper"] = "fast"
    """fast ends within an hour on two CPU cores with bf16 for a thousand faces; paper is the paper and
    wants a GPU."""
    folds: SomeNumbers = None
    """Folds to run, such as 0,1; all where not given."""
    seeds: Numbers = "0"
    """Seeds, such as 0,1,2; the whole protocol is run once per seed."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each path below the root."""
    start: Annotated[SomeWeights, tyro.conf.arg(name="from")] = None
    """What every fold begins with: packaged weights (synthetic, wild), a folder made by `relgan pretrain` or
    `train` on other people's faces, or scratch. Where not given: wild, and scratch for preset paper."""
    workers: SomeCount = None
    """Processes that prepare faces; one a core where not given."""
    device: Device = "auto"
    """Where to look for faces and to train."""
    faces: bool = True
    """Show pictures of people in report.html; --no-faces where the data set's terms forbid it."""
    cluster: bool = False
    """Run the folds as tasks of a Ray cluster: the one RAY_ADDRESS names, else this machine's."""


@dataclass(frozen=True)
class Pretrain:
    """Stage 1 alone, on all faces of a data set: weights for `relgan evaluate --from`; resumable."""

    dataset: Dataset
    """Name of the data set (`relgan check list`)."""
    root: Root
    """The data set's folder or .zip, or a folder made by `relgan prepare` or `relgan synthesize`."""
    out: Folder
    """Folder for generator.safetensors, card.json, the log and the sample grids."""
    also: Annotated[tuple[str, ...], optional("NAME=ROOT ...")] = ()
    """More data sets to learn from, each as NAME=ROOT, such as fer2013=fer2013.zip."""
    also_visits: Count = 1
    """How often an epoch visits each face of --also; each of the first data set is visited once."""
    start: Annotated[WeightsName, tyro.conf.arg(name="from")] = "scratch"
    """What to begin with: packaged weights (synthetic, wild), a folder of weights, or scratch."""
    preset: Literal["fast", "best", "paper"] = "fast"
    """Size and settings."""
    front: Annotated[Front | None, optional("{picture,edges,middle,middle-edges}")] = None
    """What reads expressions looks at pictures, at their edges in units of those around, at the middle of
    them (brows to mouth, enlarged) or at its edges; the preset's, or that of --from, where not given. What
    --from brings learns to see anew where it is another."""
    max_steps: SomeCount = None
    """Steps of stage 1; the preset's where not given."""
    baseline_steps: SomeCount = None
    """Steps of the baseline, where it is trained; the preset's where not given. 0 keeps that of --from."""
    fixed_code: bool = False
    """Leave the expression encoder of --from as it is: better pictures from the same codes."""
    seed: Count = 0
    """Everything random follows from it."""
    half: bool = False
    """Store 16-bit floats: half the size."""
    subject_pattern: SomePattern = None
    """Regular expression whose group is the person, searched in each path below the root."""
    workers: SomeCount = None
    """Processes that prepare faces; one a core where not given."""
    device: Device = "auto"
    """Where to look for faces and to train."""
    devices: Count = 1
    """How many GPUs (or CPU processes) share every batch of stage 1."""
    compile: bool = False
    """On a GPU: compile stage 1's networks first (torch.compile): a minute, then steps take three quarters of
    the time."""


@dataclass(frozen=True)
class Train(Pretrain):
    """Both stages and the baseline on all faces of a data set: weights for use; resumable."""


@dataclass(frozen=True)
class Average:
    """The mean of weights that went on from the same ones: at times better on unlike faces."""

    weights: Annotated[tuple[str, ...], tyro.conf.Positional, optional("NAME|FOLDER ...")]
    """Packaged weights (synthetic, wild) or folders made by `relgan train`, two at least."""
    out: Folder
    """Folder for the weights."""
    half: bool = False
    """Store 16-bit floats: half the size."""


@dataclass(frozen=True)
class Demo:
    """The packaged synthetic people, both stages and a report, within five minutes on two CPU cores."""

    out: Folder = Path("relgan-demo")
    """Folder for the run."""
    seed: Count = 0
    """Everything random follows from it."""
    device: Device = "auto"
    """Where to train."""


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
        verb.faces,
        verb.cluster,
    )


def train(verb: Pretrain, command: str) -> None:
    """`relgan train` and `relgan pretrain`."""
    from relgan.config import preset

    config = preset(verb.preset)
    for option, steps in (("--max-steps", verb.max_steps), ("--baseline-steps", verb.baseline_steps)):
        least = 0 if option == "--baseline-steps" and verb.start != "scratch" else 1
        if steps is not None and steps < least:
            raise InputError(f"{option} {steps}: give at least {least}")
    if verb.max_steps is not None:
        config = replace(config, reenactment=config.reenactment.lasting(verb.max_steps))
    if verb.baseline_steps is not None:
        config = replace(config, baseline=config.baseline.lasting(verb.baseline_steps))
    if verb.also_visits < 1:
        raise InputError(f"--also-visits {verb.also_visits}: give at least 1")
    if verb.fixed_code:
        if verb.start == "scratch":
            raise InputError("--fixed-code: there is no code yet; give --from")
        config = replace(config, reenactment=replace(config.reenactment, fixed_code=True))
    sets = [(verb.dataset, verb.root), *(_named_root(text) for text in verb.also)]
    from relgan.study import align_datasets, alignment_of
    from relgan.train import train as run
    from relgan.training import compiler_is_here, make_fabric

    start = starting_weights(verb.start)
    if verb.front is not None:
        if start and start.card.front != verb.front:
            if verb.fixed_code or verb.baseline_steps == 0:
                raise InputError(
                    f"--front {verb.front}: the weights of --from {verb.start} have --front "
                    f"{start.card.front} and must learn to see; leave out --fixed-code and --baseline-steps 0"
                )
            start = start.looking_at(verb.front)
        config = replace(config, front=verb.front)
    config = replace(start.fitted(config) if start else config, start=verb.start)
    there = alignment_of((root for _, root in sets), config.align)
    if there != config.align:
        warn(f"relgan: note: most faces are aligned as {there}, not {config.align}; the card will say so")
        config = replace(config, align=there)
    fabric = make_fabric(config.precision, verb.device, verb.devices)
    if verb.compile and not compiler_is_here(fabric):
        raise InputError("--compile: wants a CUDA GPU and Triton; leave it out")
    fabric.launch()
    # One process prepares the faces; the others find them done.
    with fabric.rank_zero_first():
        data = align_datasets(
            sets,
            verb.out,
            verb.subject_pattern,
            verb.workers,
            align=config.align,
            device=verb.device,
            also_visits=verb.also_visits,
        )
    done = run(
        data,
        config,
        out=verb.out,
        fabric=fabric,
        recognition=isinstance(verb, Train),
        start=start,
        seed=verb.seed,
        dataset=" + ".join(name for name, _ in sets),
        command=command,
        half=verb.half,
        compiled=verb.compile,
    )
    if fabric.is_global_zero:
        print(f"{verb.out}" + ("" if done else ": was there already"))


def demo(verb: Demo, command: str) -> None:
    from relgan.synthesis.sample import sample_path

    run_protocol("synthetic", sample_path(), verb.out, "demo", command, [verb.seed], [0], verb.device)


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
    start: str | None = None,
    faces: bool = True,
    cluster: bool = False,
) -> None:
    """Prepare, evaluate, print the table and where the report is."""
    from relgan.config import preset, tuned

    config = preset(preset_name)
    from relgan.crossval import evaluate as run
    from relgan.report import print_results
    from relgan.study import study_of
    from relgan.training import make_fabric

    weights = starting_weights(start, config.start)
    start = start or config.start
    if weights is not None:
        config = tuned(weights.fitted(config), weights.baseline is not None)
    config = replace(config, start=start)
    study = study_of(dataset, root, out, subject_pattern, workers, command, align=config.align, device=device)
    if weights is not None:
        learnt = " + ".join(weights.datasets()) or "faces unknown"
        began = f"began from the weights {start}, which learnt from {learnt}"
        if weights.baseline is None:
            study.notes.append(f"REL-GAN {began}; they hold no baseline, which began from scratch")
        else:
            study.notes.append(f"both methods {began}")
        caution = weights.caution(dataset, f"--from {start}", study.data.digest())
        if study.data.people and caution:
            study.notes.append(caution)
            warn(f"relgan: warning: {caution}")
    fabric = make_fabric(config.precision, device)
    results = run(
        study,
        config,
        out=out,
        fabric=fabric,
        seeds=seeds,
        folds=folds,
        start=weights,
        show_faces=faces,
        cluster=cluster,
    )
    print_results(results)
    print(f"{out / 'results.json'}\n{out / 'report.html'}")


def average(verb: Average, command: str) -> None:
    from relgan.averaging import average as run

    run(
        verb.weights,
        verb.out,
        half=verb.half,
        command=command,
        warn=lambda line: warn(f"relgan: warning: {line}"),
    )
    print(verb.out)


def starting_weights(named: str | None, default: str = "scratch") -> "Weights | None":
    """What a training begins with: the weights somebody named, or a preset's; None for "scratch"."""
    if (named or default) == "scratch":
        return None
    from relgan.weights import load_or_packaged

    return load_or_packaged(named, default)


def _named_root(text: str) -> tuple[str, Path]:
    name, equals, root = text.partition("=")
    if not equals or not root:
        raise InputError(f"--also {text}: give NAME=ROOT, such as fer2013=fer2013.zip")
    return name, Path(root)


def numbers(text: str, option: str) -> list[int]:
    """Whole numbers from text such as "0,1,2"; each once."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text}: give whole numbers separated by commas, such as 0,1,2") from None
    if min(values) < 0:
        raise InputError(f"{option} {text}: give numbers from 0 upwards")
    return list(dict.fromkeys(values))
