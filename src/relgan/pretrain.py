"""Stage 1 alone, on all faces of a data set: weights for later runs to begin with (the paper: BU-4DFE)."""

from pathlib import Path

from lightning.fabric import Fabric

from relgan.config import Config
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.reenactment import CHECKPOINT, Reenactment, train_reenactment
from relgan.training import device_name, progress_bar
from relgan.weights import GENERATOR, load_generator, save_generator


def pretrain(
    data: FaceTensors,
    config: Config,
    *,
    out: Path,
    fabric: Fabric,
    seed: int = 0,
    dataset: str = "",
    command: str = "",
    progress: bool = True,
) -> Reenactment | None:
    """Train the generator on every face and write its moving average to ``out`` with a card.

    A killed run goes on where its last checkpoint was; a finished one is not run again.

    Args:
        data: all faces; nobody is held out.
        config: size, code lengths, stage 1's settings.
        out: folder for the weights, the log and the sample grids.
        fabric: one device or several; several train by DDP, each on its share of every batch.
        seed: everything random follows from it.
        dataset, command: for the card.
        progress: show a bar.

    Returns:
        What stage 1 left; None where ``out`` holds finished weights of the same settings.

    Raises:
        InputError: ``out`` holds weights of another run, or cannot be written.
    """
    provenance = {
        "dataset": dataset,
        "faces": len(data),
        "people": len(data.people),
        "seed": seed,
        "config": config.as_dict(),
        "command": command,
    }
    if (out / GENERATOR).exists():
        _, card = load_generator(out)
        held = {key: card.provenance.get(key) for key in ("dataset", "faces", "seed", "config")}
        if held != {key: provenance[key] for key in held}:
            raise InputError(f"--out {out}: holds weights of another run; choose another folder")
        return None
    try:
        with progress_bar(progress and fabric.is_global_zero) as bar:
            done = train_reenactment(
                data, config, seed=seed, out=out, fabric=fabric, progress=bar, name="stage 1"
            )
        if fabric.is_global_zero:
            save_generator(
                out,
                done.generator,
                data.classes,
                {
                    **provenance,
                    "steps": done.steps,
                    "device": device_name(fabric),
                    "devices": fabric.world_size,
                },
            )
            (out / CHECKPOINT).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror or error})") from error
    fabric.barrier()
    return done
