"""What the machine can do, and two ways of doing one thing timed in turn."""

import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from relgan.devices import usable_device
from relgan.training import bf16_is_native

MATRIX = 2048
COPIED = 64_000_000
"""Numbers in the copied tensor: far more than a cache holds."""
GPU_MATRIX, GPU_COPIED = 8192, 1_000_000_000
"""The same for a GPU."""
ROUNDS = 3


@dataclass(frozen=True)
class Machine:
    """Peaks measured by torch with the threads this process may use: of 32-bit and bf16 matrix products
    (bf16: None where it would be emulated) in operations a second, of a copy in bytes read and written."""

    name: str
    cores: int
    threads: int
    fp32: float
    bf16: float | None
    copy: float

    def words(self) -> str:
        bf16 = "" if self.bf16 is None else f", {self.bf16 / 1e9:.0f} Gflop/s in bf16"
        peak = (
            f"matrix product {self.fp32 / 1e9:.0f} Gflop/s in 32 bit{bf16}; copy {self.copy / 1e9:.1f} GB/s"
        )
        return f"{self.name}, {self.threads} threads: {peak}"

    @property
    def best(self) -> float:
        return max(self.fp32, self.bf16 or 0.0)


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name, unit: what is measured; of seconds and bytes less is better, of rates more.
        reference, ours: medians over the rounds; None where there is nothing to compare with.
        reference_share, ours_share: of the machine's matrix product at the precision each uses.
        spread: lowest and highest round of each.
        note: what a reader should know.
    """

    name: str
    unit: str
    reference: float | None
    ours: float | None
    reference_share: float | None = None
    ours_share: float | None = None
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if not self.reference or not self.ours:
            return None
        return self.ours / self.reference if "/s" in self.unit else self.reference / self.ours


def measure_machine(device: str = "cpu") -> Machine:
    """The peaks of the CPU or of a GPU.

    Raises:
        InputError: there is no GPU.
    """
    usable_device(device)
    size, copied = (MATRIX, COPIED) if device == "cpu" else (GPU_MATRIX, GPU_COPIED)

    def product(dtype: torch.dtype) -> float:
        a, b = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
        return 2 * size**3 / best_of(lambda: done(a @ b))

    def done(result: torch.Tensor) -> None:
        if result.is_cuda:
            torch.cuda.synchronize()

    source = torch.zeros(copied, device=device)
    target = torch.empty_like(source)
    return Machine(
        name=_processor() if device == "cpu" else torch.cuda.get_device_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        fp32=product(torch.float32),
        bf16=product(torch.bfloat16) if bf16_is_native() else None,
        copy=2 * 4 * copied / best_of(lambda: done(target.copy_(source))),
    )


def best_of(action: Callable[[], object], times: int = 7) -> float:
    """Seconds of the fastest of some calls; the first one, which warms up, does not count."""
    action()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def rate(action: Callable[[], int], seconds: float) -> float:
    """Things a second of an action that returns how many it did, repeated for so long."""
    done, began = 0, time.perf_counter()
    while True:
        done += action()
        passed = time.perf_counter() - began
        if passed >= seconds:
            return done / passed


@dataclass(frozen=True)
class Rates:
    """Rates of several ways, a list of rounds each."""

    rounds: dict[str, list[float]]

    def median(self, way: str) -> float:
        return statistics.median(self.rounds[way])

    @property
    def spread(self) -> dict[str, tuple[float, float]]:
        return {way: (min(values), max(values)) for way, values in self.rounds.items()}

    def row(self, name: str, unit: str, **more: object) -> Row:
        """The ways "reference" and "ours" as a row."""
        reference = self.median("reference") if "reference" in self.rounds else None
        return Row(name, unit, reference, self.median("ours"), spread=self.spread, **more)  # type: ignore[arg-type]


def in_turn(ways: dict[str, Callable[[], int]], seconds: float, rounds: int = ROUNDS) -> Rates:
    """Rates of several ways of doing one thing, one after the other and all again, so that a busy moment of
    the machine meets each of them. One call of each comes before and does not count."""
    for action in ways.values():
        action()
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, action in ways.items():
            found[way].append(rate(action, seconds / rounds))
    return Rates(found)


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the bytes that operations must read and write at least: each tensor once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # the signature torch asks for
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum({id(t): t.numel() * t.element_size() for t in tensors}.values())
        return result


def traffic(action: Callable[[], object]) -> float:
    """Bytes through memory that the operations of one call, one by one, cannot do without."""
    with _Traffic() as counter:
        action()
    return float(counter.bytes)


def operations(action: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products and convolutions of one call."""
    with FlopCounterMode(display=False) as counter:
        action()
    return float(counter.get_total_flops())


@dataclass
class Memory:
    """Bytes resident at the beginning and at most."""

    start: int = 0
    peak: int = 0

    @property
    def growth(self) -> int:
        return self.peak - self.start


@contextmanager
def watched(every: float = 0.02) -> Iterator[Memory]:
    """Follow how much memory this process holds; zeros where the system does not tell (other than Linux)."""
    memory, over = Memory(), threading.Event()
    memory.start = memory.peak = resident()

    def look() -> None:
        while not over.wait(every):
            memory.peak = max(memory.peak, resident())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()
        memory.peak = max(memory.peak, resident())


def resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processor() -> str:
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
