"""What every training loop needs: devices, seeds, the moving average, checkpoints, logs and a progress
bar."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from torch import Tensor, nn

from relgan.config import Device, Precision
from relgan.errors import InputError
from relgan.files import write_text
from relgan.loggers import hushed

if TYPE_CHECKING:  # seconds to import, and prediction does without
    from lightning.fabric import Fabric


def bf16_is_native() -> bool:
    """Whether the device multiplies bf16 in hardware; elsewhere it is emulated and slower than 32-bit."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def make_fabric(precision: Precision = "auto", accelerator: Device = "auto", devices: int = 1) -> Fabric:
    """Lightning Fabric on the best device there is; several devices train by DDP.

    Raises:
        InputError: the accelerator or that many devices are not there.
    """
    from lightning.fabric import Fabric

    chosen = ("bf16-mixed" if bf16_is_native() else "32-true") if precision == "auto" else precision
    if accelerator in ("auto", "cuda") and torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True  # every step has the shapes of the one before
    try:
        with hushed("lightning.fabric", "lightning.pytorch"):  # they would say which precision it is
            fabric = Fabric(accelerator=accelerator, devices=devices, precision=chosen)
    except Exception as error:
        asked = f"--device {accelerator}" + (f" --devices {devices}" if devices != 1 else "")
        raise InputError(
            f"{asked}: not available here; take cpu or auto, and no more devices than there are ({error})"
        ) from error
    return fabric


def compiler_is_here(fabric: Fabric) -> bool:
    """Whether torch.compile has what it needs, where it pays: a CUDA device, and Triton."""
    return fabric.device.type == "cuda" and importlib.util.find_spec("triton") is not None


def device_name(fabric: Fabric) -> str:
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def freshness(decay: float, step: int) -> float:
    """The weight of this step in a moving average: large at first, then 1 - ``decay``."""
    return 1 - min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, weight: float | Tensor) -> None:
    """Exponential moving average of weights and batch norm statistics (see :func:`freshness`)."""
    theirs = [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]
    ours = [*average.parameters(), *(b for b in average.buffers() if b.is_floating_point())]
    if not isinstance(weight, Tensor):
        torch._foreach_lerp_(ours, theirs, weight)
        return
    change = torch._foreach_sub(theirs, ours)
    torch._foreach_mul_(change, weight)
    torch._foreach_add_(ours, list(change))


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A network's weights and statistics as they are now, for ``load_state_dict``."""
    return {key: value.clone() for key, value in model.state_dict().items()}


def digest_of(*networks: nn.Module) -> str:
    """SHA-256 over all weights and statistics of some networks."""
    digest = hashlib.sha256()
    for network in networks:
        for value in network.state_dict().values():
            digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


def decayed(step: int, total: int) -> float:
    """Half a cosine over a run, from 1 to a fiftieth (Loshchilov and Hutter 2017, without restarts)."""
    return 0.02 + 0.98 * (1 + math.cos(math.pi * step / total)) / 2


def set_rate(optimiser: Any, rate: float) -> None:
    """Give every parameter of an optimiser this learning rate."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def make_adam(network: nn.Module, rate: float, beta1: float, device: torch.device) -> torch.optim.Adam:
    """Adam for a network that trains on a device, in one kernel where the device has it."""
    adam = torch.optim.Adam(
        network.parameters(), rate, betas=(beta1, 0.999), fused=device.type in ("cpu", "cuda")
    )
    place_rates(adam, device)
    return adam


def place_rates(optimiser: Any, device: torch.device) -> None:
    """Rates as numbers for a CPU, as tensors of the device for a GPU, where steps are recorded; a checkpoint
    may come from the other."""
    on_gpu = device.type == "cuda"
    for group in optimiser.param_groups:
        rate = float(group["lr"])
        group["lr"] = torch.tensor(rate, device=device) if on_gpu else rate
        group["capturable"] = on_gpu


def load_fitting(model: nn.Module, other: nn.Module, but: tuple[str, ...] = ()) -> None:
    """Take over another network's weights, leaving the layers whose shapes differ as they are, and those
    whose names begin as in ``but``."""
    own = model.state_dict()
    theirs = {
        key: value
        for key, value in other.state_dict().items()
        if own[key].shape == value.shape and not key.startswith(but)
    }
    model.load_state_dict({**own, **theirs})


class RunLog:
    """Losses as JSON lines and as TensorBoard scalars; a resumed run cuts what lies after its step."""

    def __init__(self, folder: Path, from_step: int = 0) -> None:
        from tensorboardX import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "log.jsonl"
        kept = []
        if path.exists() and from_step:
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= from_step]
        write_text("".join(line + "\n" for line in kept), path)
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(
            str(folder / "tensorboard"), purge_step=from_step + 1 if from_step else None
        )
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, float], count: int = 1) -> None:
        """Take values into the mean of the next row, each the sum of so many."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + count

    def write(self, step: int, **now: float) -> None:
        """Write the means since the last row, and values of this moment, as the row of this step."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        row = {"step": step, **{name: round(value, 6) for name, value in {**means, **now}.items()}}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in row.items():
            if name != "step":
                self._board.add_scalar(name, value, step)
        self._sums, self._counts = {}, {}

    def close(self) -> None:
        self._file.close()
        self._board.close()


class Tally:
    """Sums of losses of several steps, kept on the device so that no step waits for a number."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        self._count = 0

    def add(self, names: tuple[str, ...], values: Tensor) -> None:
        """Take in a step's values (K,); the names stay the same until :meth:`take`."""
        assert not self._count or names == self._names
        self._names, self._count = names, self._count + 1
        self._sums = values.double() if self._sums is None else self._sums + values

    def differs(self, names: tuple[str, ...]) -> bool:
        return self._count > 0 and names != self._names

    def take(self) -> tuple[dict[str, float], int]:
        """The sums and the number of steps since the last call."""
        sums = [] if self._sums is None else self._sums.tolist()
        taken = dict(zip(self._names, sums, strict=True)) if self._count else {}, self._count
        self._sums, self._count = None, 0
        return taken


class ImagesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        images = task.fields.get("images", 1)
        return Text("" if speed is None else f"{speed * images:.0f} images/s", style="progress.data.speed")


@contextmanager
def progress_bar(shown: bool = True) -> Iterator[Progress]:
    """A rich progress bar with images a second and time left; a task's field ``images`` is images a step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        ImagesPerSecond(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=not (shown and console.is_terminal), transient=True
    ) as bar:
        yield bar


class Bar:
    """A task of a progress bar; nothing where there is no bar."""

    def __init__(self, progress: Progress | None, name: str, total: int, done: int, images: int) -> None:
        self._progress = progress
        self._task = (
            None
            if progress is None
            else progress.add_task(name, total=total, completed=done, images=images, note="")
        )

    def show(self, step: int, note: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=step, note=note)

    def close(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)


def moments(total: int, count: int) -> set[int]:
    """``count`` steps spread evenly over a run, the last one among them."""
    return {max(1, round(total * (k + 1) / count)) for k in range(count)} if count else set()


class Clock:
    """True once every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._last = seconds, time.monotonic()

    def struck(self) -> bool:
        now = time.monotonic()
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True
