"""Stage 1: the straightforward loop against ours."""

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress, TaskID

from relgan.benchmark.machine import Machine, Rates, Row, operations, traffic
from relgan.benchmark.plain import PlainTrainer, plain_batch, run_steps
from relgan.config import Config, Device
from relgan.data.batches import batches_from, make_batch
from relgan.data.face import Face
from relgan.data.pairs import PairSampler
from relgan.data.tensors import FaceTensors
from relgan.expressions import classes_of
from relgan.reenactment import train_reenactment
from relgan.training import make_fabric

ROUNDS = 3
SETTLING = 10
"""Steps that are not timed: a GPU's first ones choose algorithms and record the step."""


def measure_train(config: Config, machine: Machine, seconds: float, device: Device = "cpu") -> list[Row]:
    """Pairs a second through a step of D and a step of G, and through the making of a batch alone."""
    data = packaged_data()
    # Both sides step D every time, and neither looks up from its work.
    stage = replace(
        config.reenactment,
        discriminator_threshold=-1.0,
        samples=0,
        choices=0,
        lambda_code=0.0,
        lambda_guide=0.0,
        lambda_agreement=0.0,
        pixel_focus=0.0,
        lambda_features=0.0,
        lambda_edges=0.0,
        pixel_share=0.0,
        warmup_share=0.0,
        jitter=0.0,
    )
    config = replace(config, reenactment=stage)
    sampler = PairSampler(data.faces)
    batches = batches_from(sampler, stage, 0)
    plain = PlainTrainer(data, config, device)
    # Counted on the CPU, where a step runs as it is; the parts of it are the same on a GPU.
    needed = operations(lambda: our_steps(data, config, 1)) / stage.batch_size
    moved = traffic(lambda: our_steps(data, config, 2)) - traffic(lambda: our_steps(data, config, 1))
    there, settling = data.to(torch.device(device)), SETTLING if device == "cuda" else 1

    def reference(steps: int) -> float:
        began = time.perf_counter()
        return run_steps(plain, batches, steps) / (time.perf_counter() - began)

    def ours(steps: int) -> float:
        times = our_steps(there, config, steps + settling, device)[settling - 1 :]
        return stage.batch_size * steps / (times[-1] - times[0])

    found = rounds_of({"reference": reference, "ours": ours}, stage.batch_size, seconds)
    fast = make_fabric(config.precision, device)._precision.precision != "32-true"
    peak = machine.bf16 if fast and machine.bf16 else machine.fp32
    whole = found.row(
        f"train {config.preset}, batch {stage.batch_size} at {config.size} pixels",
        "pairs/s",
        reference_share=found.median("reference") * needed / machine.fp32,
        ours_share=found.median("ours") * needed / peak,
        note=f"{needed / 1e9:.1f} Gflop a pair, "
        + bounds(needed * stage.batch_size, moved, peak, machine.copy),
    )

    def make(maker: Callable[..., Any]) -> Callable[[int], float]:
        def pairs_per_second(steps: int) -> float:
            chosen = list(itertools.islice(batches, steps))
            began = time.perf_counter()
            for pairs, variants in chosen:
                maker(there if maker is make_batch else data, pairs, variants, config.size)
            settle(device)
            return stage.batch_size * steps / (time.perf_counter() - began)

        return pairs_per_second

    loading = rounds_of(
        {"reference": make(plain_batch), "ours": make(make_batch)}, stage.batch_size, seconds / 4
    )
    return [whole, loading.row("batches alone", "pairs/s", note="crops, rotations, flips")]


def rounds_of(ways: dict[str, Callable[[int], float]], batch: int, seconds: float) -> Rates:
    """Rates of ways that take a number of steps, in turn; the numbers make each round about as long."""
    steps = {way: max(1, round(action(1) * seconds / ROUNDS / batch)) for way, action in ways.items()}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, action in ways.items():
            found[way].append(action(steps[way]))
    return Rates(found)


class StepTimes(Progress):
    """A progress bar that is not shown and notes when each step ended."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self.times: list[float] = []

    def update(self, task_id: TaskID, **changes: Any) -> None:
        self.times.append(time.perf_counter())


def settle(device: str) -> None:
    """Wait for a GPU to have done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def bounds(work: float, moved: float, peak: float, copy: float) -> str:
    """What a step takes at least: its multiplications at the peak, its bytes at the speed of a copy."""
    return f"{1e3 * work / peak:.2f} ms of products and {1e3 * moved / copy:.2f} ms of memory a step at least"


def our_steps(data: FaceTensors, config: Config, steps: int, device: Device = "cpu") -> list[float]:
    """Run stage 1 itself, logs and all, for some steps; returns when each one ended (on a GPU: was given to
    it, but for every tenth, which is waited for)."""
    config = replace(config, reenactment=config.reenactment.lasting(steps))
    times = StepTimes()
    with tempfile.TemporaryDirectory() as folder:
        fabric = make_fabric(config.precision, device)
        train_reenactment(data, config, seed=0, out=Path(folder), fabric=fabric, progress=times)
    return times.times


def packaged_data() -> FaceTensors:
    """The packaged synthetic people."""
    from relgan.data.readers import read
    from relgan.quantise import packaged_faces
    from relgan.synthesis.sample import sample_path

    faces: list[Face] = read("synthetic", sample_path()).faces
    classes = classes_of(face.expression for face in faces)
    pictures, _ = packaged_faces(classes)
    return FaceTensors.of(faces, pictures, classes)
