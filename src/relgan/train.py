"""Weights from all faces of a data set: stage 1 alone (the paper's pre-training), or all a user needs."""

from dataclasses import replace
from pathlib import Path

import torch
from lightning.fabric import Fabric
from rich.progress import Progress

from relgan.config import Config, RecognitionConfig, ReenactmentConfig
from relgan.data.augment import CENTRE
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.models import Baseline, baseline_of
from relgan.recognition import encode, fit_classifier, train_baseline, views_for
from relgan.reenactment import CHECKPOINT, fingerprint, train_reenactment
from relgan.training import device_name, load_checkpoint, progress_bar, save_beside
from relgan.weights import CARD, Card, Weights, load_weights, save_weights


def train(
    data: FaceTensors,
    config: Config,
    *,
    out: Path,
    fabric: Fabric,
    recognition: bool = True,
    start: Weights | None = None,
    seed: int = 0,
    dataset: str = "",
    command: str = "",
    half: bool = False,
    compiled: bool = False,
    progress: bool = True,
) -> Card | None:
    """Train on every face, nobody held out, and write the weights to ``out`` with a card.

    A killed run goes on where its last checkpoint was; a finished one is not run again.

    Args:
        data: all faces.
        config: size, code lengths, the stages' settings.
        out: folder for the weights, the logs and the sample grids.
        fabric: one device or several; several share every batch of stage 1 by DDP.
        recognition: train stage 2 and the CNN baseline too; without it stage 1 alone, for later runs to begin
            with.
        start: weights to begin with; their baseline is kept as it is where the settings give it no steps.
        seed: everything random follows from it.
        dataset, command: for the card.
        half: store 16-bit floats.
        compiled: compile stage 1's networks (torch.compile).
        progress: show a bar.

    Returns:
        The card; None where ``out`` holds finished weights of the same run already.

    Raises:
        InputError: ``out`` holds weights of another run, or cannot be written.
    """
    provenance = {
        "dataset": dataset,
        "faces": len(data),
        "people": len(data.people),
        "visits": None if data.visits is None else max(data.visits),
        "seed": seed,
        "start": start.digest()[:16] if start else None,
        "config": config.as_dict(),
        "data": data.digest()[:16],
        "recognition": recognition,
        "half": half,
        "command": command,
    }
    if (out / CARD).exists():
        held = load_weights(out).card.provenance
        asked = {key: value for key, value in provenance.items() if key != "command"}
        if {key: held.get(key) for key in asked} != asked:
            raise InputError(f"--out {out}: holds weights of another run; choose another folder")
        return None
    if fabric.device.type != "cpu":
        data.digest()  # of what lies here already; then all of it goes to the device
        data = data.to(fabric.device)
    card = None
    try:
        with progress_bar(progress and fabric.is_global_zero) as bar:
            baseline = None
            keeps = config.baseline.max_steps == 0 or config.reenactment.fixed_code
            kept = start if keeps else None
            if kept is not None:
                if kept.baseline is None or kept.card.expressions != data.classes:
                    raise InputError("--from: holds no baseline for these expressions to keep")
                baseline = kept.baseline
            elif recognition or config.reenactment.from_baseline:
                baseline = _baseline(data, config, seed, out / "baseline", fabric, start, bar)
            begin_there = config.reenactment.from_baseline and kept is None
            stage1 = train_reenactment(
                data,
                config,
                seed=seed,
                out=out,
                fabric=fabric,
                start=start,
                encoder=baseline.encoder if baseline and begin_there else None,
                compiled=compiled,
                progress=bar,
                name="stage 1",
            )
            generator, classifier = stage1.generator, None
            if recognition:
                views = views_for(len(data), config.recognition)
                codes = encode(generator.expression_encoder, data, (*CENTRE, *views), config.size, fabric)
                classifier = fit_classifier(codes, data, config.recognition, seed)
        if fabric.is_global_zero:
            card = save_weights(
                out,
                generator,
                data.classes,
                {
                    **provenance,
                    "before": start.datasets() if start else [],
                    "ancestors": sorted({*start.ancestors(), provenance["start"]}) if start else [],
                    "steps": stage1.steps,
                    "device": device_name(fabric),
                    "devices": fabric.world_size,
                },
                classifier=classifier,
                baseline=baseline,
                discriminator=stage1.discriminator,
                align=config.align,
                half=half,
            )
            for folder in (out, out / "baseline"):
                (folder / CHECKPOINT).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror or error})") from error
    fabric.barrier()
    return card


def _baseline(
    data: FaceTensors,
    config: Config,
    seed: int,
    out: Path,
    fabric: Fabric,
    start: Weights | None,
    progress: Progress,
) -> Baseline:
    """The trained baseline; kept in ``out`` until all is done, so that a run killed in stage 1 has it."""
    # Of its own settings alone: stage 1 may be run again with others.
    own = replace(config, reenactment=ReenactmentConfig(), recognition=RecognitionConfig())
    mark = fingerprint(data, own, seed, start)
    state = load_checkpoint(out / CHECKPOINT, mark)
    if state is not None:
        baseline = baseline_of(config, len(data.classes))
        baseline.load_state_dict(state["baseline"])
        return baseline.to(fabric.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]
    trained = train_baseline(
        data,
        config,
        seed=seed,
        out=out,
        fabric=fabric,
        start=start.baseline if start else None,
        progress=progress,
    ).model
    if fabric.is_global_zero:
        save_beside({"fingerprint": mark, "baseline": trained.state_dict()}, out / CHECKPOINT)
    return trained
