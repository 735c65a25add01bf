"""Files that are there whole or not at all, and journals of work that may be killed."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK = ".lock"
Entry = dict[str, Any]


@contextmanager
def whole(path: Path, shared: bool = False) -> Iterator[Path]:
    """Where to write a file that takes its name when the block ends, and is not there at all if it fails.

    Args:
        path: the file.
        shared: other processes may write the same file at the same time.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part" if shared else f".{path.name}.part")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all; names of files in it need not be UTF-8."""
    with whole(path, shared=True) as beside:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file that is there."""
    return one.exists() and other.exists() and one.samefile(other)


@contextmanager
def alone(lock: Path, waiting: str = "") -> Iterator[None]:
    """Waits until no other process is in the block of the same lock file, and keeps others waiting.

    Args:
        lock: a file beside what is worked on; it stays.
        waiting: what to say where another process is at work.
    """
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        if waiting:
            print(waiting, file=sys.stderr)
        held.acquire()
    try:
        yield
    finally:
        held.release()


@dataclass(frozen=True)
class Journal:
    """What is done of some work: a line that says which work it is, then a line for each part of it.

    Attributes:
        path: a file of JSON lines.
    """

    path: Path

    def resume(self, work: Entry, same: Callable[[bytes], None], parts: Callable[[Entry], int]) -> int:
        """Begin it, or cut off what a kill left torn.

        Args:
            work: the first line, where there is none yet.
            same: is given the first line there is; refuses that of other work.
            parts: how many parts of the work a line stands for.

        Returns:
            How many parts are done.
        """
        length, done = 0, 0
        if self.path.exists():
            with self.path.open("rb") as stream:
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    if length == 0:
                        same(line)
                    else:
                        try:
                            done += parts(json.loads(line))
                        except ValueError:
                            break
                    length += len(line)
            os.truncate(self.path, length)
        if length == 0:
            self.path.write_text(json.dumps(work) + "\n", encoding="utf-8")
        return done

    @contextmanager
    def going_on(self) -> Iterator[Callable[[Entry], None]]:
        """What adds a line, which is on the disk at once."""
        with self.path.open("a", encoding="utf-8") as stream:

            def add(entry: Entry) -> None:
                stream.write(json.dumps(entry) + "\n")
                stream.flush()

            yield add

    def __iter__(self) -> Iterator[Entry]:
        """The lines but the first."""
        with self.path.open(encoding="utf-8") as stream:
            next(stream)
            yield from map(json.loads, stream)
