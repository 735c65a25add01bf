"""Where a GPU's time goes in a step of stage 1: `python -m relgan.benchmark.kernels [PRESET] [BATCH]`."""

import sys
from collections import defaultdict
from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

from relgan.benchmark.train import our_steps, packaged_data
from relgan.config import preset

STEPS = 40
CLASSES = {
    "batch norm": ("batch_norm", "batchnorm", "bn_fw", "bn_bw", "welford"),  # cuDNN's too, so before "cudnn"
    "convolutions and products": (
        "conv",
        "gemm",
        "xmma",
        "cutlass",
        "cudnn",
        "nvjet",
        "sm90",
        "wgrad",
        "dgrad",
    ),
    "pooling": ("pool",),
    "upsampling and sampling": ("upsample", "grid_sampler", "affine_grid", "reflection"),
    "optimisers and averages": ("multi_tensor", "foreach", "adam"),
    "copies": ("copy", "memcpy", "cat", "transpose"),
    "sums": ("reduce",),
    "element by element": ("elementwise", "vectorized", "unrolled"),
}
"""The first class one of whose words a kernel's name contains."""


def class_of(kernel: str) -> str:
    name = kernel.lower()
    return next((kind for kind, words in CLASSES.items() if any(word in name for word in words)), "other")


def shares(name: str, batch: int | None = None) -> dict[str, float]:
    """Seconds a step that each class of kernels takes on the GPU, in stage 1 of a preset."""
    data = packaged_data().to(torch.device("cuda"))
    config = preset(name)
    stage = replace(config.reenactment, samples=0, batch_size=batch or config.reenactment.batch_size)
    config = replace(config, reenactment=stage)
    our_steps(data, config, 5, "cuda")
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        our_steps(data, config, STEPS, "cuda")
    total: dict[str, float] = defaultdict(float)
    for event in seen.key_averages():
        total[class_of(event.key)] += event.self_device_time_total / 1e6 / STEPS
    return dict(sorted(total.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    found = shares(
        sys.argv[1] if len(sys.argv) > 1 else "paper", int(sys.argv[2]) if len(sys.argv) > 2 else None
    )
    whole = sum(found.values())
    for kind, seconds in found.items():
        print(f"{kind:28s} {1e3 * seconds:7.3f} ms {seconds / whole:6.1%}")
    print(f"{'together':28s} {1e3 * whole:7.3f} ms a step")
