"""Numbers on their way to a device, and work that the processor does while a GPU is busy."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

HANDS = 4
"""Threads beside a GPU."""

A = TypeVar("A")
B = TypeVar("B")


def upload(values: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers as a tensor of a device, without waiting for what the device is busy with."""
    return torch.tensor(values).to(device=device, dtype=dtype, non_blocking=True)


def beside(device: torch.device | str, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """The work on each item in order: by several threads where a GPU renders, else by this one."""
    if torch.device(device).type == "cpu":
        return [work(item) for item in items]
    return list(_hands().map(work, items))


@cache
def _hands() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(HANDS, initializer=torch.set_num_threads, initargs=(1,))
