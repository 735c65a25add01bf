"""Worker processes that end when whoever started them has ended."""

import multiprocessing
import os
import signal
import threading


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
