"""A training step on a GPU: recorded once as a CUDA graph and replayed.

A step of stage 1 is more than a thousand small kernels, and launching one costs the processor more than
running it costs the GPU. A replay launches them all at once. What changes from step to step is copied into
tensors that stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

if TYPE_CHECKING:  # seconds to import, and prediction does without
    from lightning.fabric import Fabric

WARM_UP = 3
"""Steps that run as they are before one is recorded: libraries choose their algorithms in them."""

T = TypeVar("T")


def placed(told: T, device: torch.device) -> T:
    """The same with every number in a tensor of the device."""
    moved: T = tree_map(lambda value: torch.as_tensor(value).to(device, non_blocking=True), told)
    return moved


class Recorded(Generic[T]):
    """A step that is recorded at its fourth call and replayed from then on.

    Args:
        step: takes what :func:`placed` gives, waits for no number, and returns a tensor of a fixed shape.
        device: a CUDA device.
    """

    def __init__(self, step: Callable[[T], Tensor], device: torch.device) -> None:
        self._step, self._device = step, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._told: T | None = None
        self._result: Tensor | None = None

    def __call__(self, told: T) -> Tensor:
        """One step; the result is good until the next call."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self._aside(placed(told, self._device))
        if self._graph is None:
            self._told = placed(told, self._device)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):  # records, but does not run
                self._result = self._step(self._told)
        assert self._result is not None
        for ours, theirs in zip(tree_leaves(self._told), tree_leaves(told), strict=True):
            ours.copy_(torch.as_tensor(theirs), non_blocking=True)
        self._graph.replay()
        return self._result

    def _aside(self, told: T) -> Tensor:
        """On a stream of its own, as recording does."""
        stream: torch.cuda.Stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        here = torch.cuda.current_stream(self._device)
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            result = self._step(told)
        here.wait_stream(stream)
        result.record_stream(here)
        return result


def recorded(step: Callable[[T], Tensor], fabric: Fabric) -> Callable[[T], Tensor]:
    """The step recorded where one GPU trains, else as it is."""
    alone_on_gpu = fabric.device.type == "cuda" and fabric.world_size == 1
    return Recorded(step, fabric.device) if alone_on_gpu else step
