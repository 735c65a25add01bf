"""Whether bf16 trains as 32 bit does: ``python -m relgan.benchmark.numerics [STEPS]``.

The same run of stage 1 (preset fast, packaged synthetic people) in 32 bit with two seeds, which shows what
chance does, and in bf16 with the first seed. Prints the mean losses over the last quarter of the steps.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from relgan.benchmark.train import packaged_data
from relgan.config import Precision, preset
from relgan.reenactment import train_reenactment
from relgan.training import make_fabric

RUNS: tuple[tuple[Precision, int], ...] = (("32-true", 0), ("32-true", 1), ("bf16-mixed", 0))
LOSSES = ("pixel", "expression", "identity", "adversarial", "discriminator", "generator")


def late_losses(precision: Precision, seed: int, steps: int) -> dict[str, float]:
    """Mean losses over the last quarter of a run."""
    config = preset("fast")
    stage = replace(config.reenactment.lasting(steps), choices=0, samples=0)
    with tempfile.TemporaryDirectory() as folder:
        train_reenactment(
            packaged_data(),
            replace(config, reenactment=stage),
            seed=seed,
            out=Path(folder),
            fabric=make_fabric(precision, "cpu"),
        )
        log = (Path(folder) / "log.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in log.splitlines()]
    late = [row for row in rows if row["step"] > 0.75 * steps]
    return {name: float(np.mean([row[name] for row in late])) for name in LOSSES}


def main(steps: int) -> None:
    print("precision   seed " + " ".join(f"{name:>13}" for name in LOSSES))
    for precision, seed in RUNS:
        losses = late_losses(precision, seed, steps)
        print(f"{precision:11} {seed:4} " + " ".join(f"{losses[name]:13.4f}" for name in LOSSES), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
