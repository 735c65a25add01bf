"""Work in several processes, which end when whoever started them has ended."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(pool: Executor, work: Callable[[T], R], tasks: Iterable[T], most: int) -> Iterator[R]:
    """The results in the order of their tasks, of which at most so many are under way or wait for an earlier
    one."""
    waiting: deque[Future[R]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def in_processes(
    work: Callable[[T], R],
    tasks: Iterable[T],
    workers: int,
    start: Callable[..., None],
    told: tuple[Any, ...],
) -> Iterator[R]:
    """The results in the order of their tasks.

    Args:
        work: what a worker does with a task.
        tasks: taken up as they are needed.
        workers: how many processes.
        start: what each does first; it calls :func:`begin_worker`.
        told: the arguments of ``start``.
    """
    context = multiprocessing.get_context("spawn")  # a forked torch may hang in its thread pool
    with ProcessPoolExecutor(workers, context, start, told) as pool:
        try:
            yield from in_order(pool, work, tasks, 4 * workers)
        finally:
            pool.shutdown(cancel_futures=True)


def begin_worker() -> None:
    """What a worker does first: leave Ctrl-C to the first process, and end when that has been killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
