"""Weights from all faces of a data set: stage 1 alone (the paper's pre-training), or all a user needs."""

from pathlib import Path

from lightning.fabric import Fabric

from relgan.baseline import train_baseline
from relgan.checkpoints import CHECKPOINT
from relgan.config import Config
from relgan.data.augment import CENTRE
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.recognition import train_stage2
from relgan.reenactment import train_reenactment
from relgan.training import device_name, progress_bar
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
            baseline, classifier = None, None
            fixed = config.reenactment.fixed_code
            kept = start if fixed or config.baseline.max_steps == 0 else None
            if kept is not None:
                alike = kept.card.expressions == data.classes
                if recognition and not (alike and kept.baseline):
                    raise InputError("--from: holds no baseline for these expressions to keep")
                baseline = kept.baseline if alike else None
                classifier = kept.classifier if alike and fixed else None
            elif recognition or config.reenactment.from_baseline:
                baseline = train_baseline(
                    data,
                    config,
                    seed=seed,
                    out=out / "baseline",
                    fabric=fabric,
                    start=start.baseline if start else None,
                    progress=bar,
                ).model
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
            generator = stage1.generator
            if recognition and classifier is None:
                classifier = train_stage2(
                    generator.expression_encoder,
                    data,
                    config.recognition,
                    seed,
                    config.size,
                    fabric,
                    also=CENTRE,  # by which alone frames of videos are read
                )
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
