"""A training step on a GPU: recorded once as a CUDA graph and replayed.

A step of stage 1 is more than a thousand small kernels, and launching one costs the processor more than
running it costs the GPU. A replay launches them all at once. What changes from step to step is copied into
tensors that stay where they are.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import torch
from torch import Tensor

from relgan.steps import Shift

WARM_UP = 3
"""Steps that run as they are before one is recorded: libraries choose their algorithms in them."""


class Told(NamedTuple):
    """All that a step is told besides the faces: which pairs, which views, which light, and three numbers."""

    source: Tensor  # (B,) int64, positions of faces
    target: Tensor
    truth: Tensor  # -1 where there is none
    variants: Tensor  # (B, 2) int64, see make_batch
    lights: tuple[Tensor, Tensor]  # (B, 7) each, see draw_lights
    shift: Shift
    warmth: float | Tensor
    freshness: float | Tensor

    def on_gpu(self, device: torch.device) -> Self:
        """The same with every number in a tensor of the device."""

        def placed(value: Tensor | tuple[int, int] | float) -> Tensor:
            return torch.as_tensor(value).to(device)

        return self._replace(
            source=placed(self.source),
            target=placed(self.target),
            truth=placed(self.truth),
            variants=placed(self.variants),
            lights=(placed(self.lights[0]), placed(self.lights[1])),
            shift=placed(self.shift),
            warmth=placed(self.warmth),
            freshness=placed(self.freshness),
        )

    def copy_(self, other: Self) -> None:
        """Take over the numbers of another, on the CPU or here."""
        for ours, theirs in zip(self._parts(), other._parts(), strict=True):
            ours.copy_(torch.as_tensor(theirs))

    def _parts(self) -> list[Tensor]:
        flat = (*self[:4], *self.lights, *self[5:])
        return [torch.as_tensor(part) for part in flat]


class Recorded:
    """A step that is recorded at its fourth call and replayed from then on.

    Args:
        step: takes a :class:`Told` whose parts are tensors of the device, waits for no number, and returns a
            tensor of a fixed shape.
        device: a CUDA device.
    """

    def __init__(self, step: Callable[[Told], Tensor], device: torch.device) -> None:
        self._step, self._device = step, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._told: Told | None = None
        self._result: Tensor | None = None

    def __call__(self, told: Told) -> Tensor:
        """One step; the result is good until the next call."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self._aside(told.on_gpu(self._device))
        if self._graph is None:
            self._told = told.on_gpu(self._device)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):  # records, but does not run
                self._result = self._step(self._told)
        assert self._told is not None
        assert self._result is not None
        self._told.copy_(told)
        self._graph.replay()
        return self._result

    def _aside(self, told: Told) -> Tensor:
        """On a stream of its own, as recording does."""
        stream: torch.cuda.Stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        here = torch.cuda.current_stream(self._device)
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            result = self._step(told)
        here.wait_stream(stream)
        result.record_stream(here)
        return result
