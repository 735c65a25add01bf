"""Pictures and videos as pieces of work: one after the other here, or as tasks of a Ray cluster.

The pieces are the same either way, and what is computed together lies in one piece, so both ways give the
same rows in the same order. A piece depends on its files and the networks alone: Ray starts it anew when its
worker or machine dies.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from relgan.errors import InputError
from relgan.faces.detect import Detector
from relgan.pictures import is_video
from relgan.recognizer import Recognizer
from relgan.shots import Shot, picture_shots
from relgan.video import video_shots

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 64
"""Pictures of a piece: a few seconds of work, and a multiple of how many are looked at together."""

Say = Callable[[str], None]
Part = tuple[list[Shot], "pd.DataFrame"]
"""Some shots and a row for each face in them."""


@dataclass(frozen=True)
class Job:
    """What is done with every file.

    Attributes:
        verb: probabilities ("predict") or codes ("embed").
        recognizer, detector: the networks.
        cropped: the pictures are cut to one face each.
        every, fps: of videos; see :func:`relgan.video.video_shots`.
    """

    verb: Literal["predict", "embed"]
    recognizer: Recognizer
    detector: Detector
    cropped: bool = False
    every: int = 1
    fps: float | None = None

    def describe(self, shots: Sequence[Shot]) -> "pd.DataFrame":
        return self.recognizer.describe(shots) if self.verb == "predict" else self.recognizer.embed(shots)

    def parts(
        self,
        files: Sequence[str],
        skip: Say,
        note: Say,
        opened: Callable[[int | None], None] = lambda _: None,
    ) -> Iterator[Part]:
        """The shots and rows of one piece, some at a time.

        Args:
            files: one video, or pictures.
            skip: hears a line for each file that gives nothing.
            note: hears a line for what is damaged.
            opened: hears about how many frames a video will give.
        """
        for shots in self._shots(files, skip, note, opened):
            yield shots, self.describe(shots)

    def _shots(
        self, files: Sequence[str], skip: Say, note: Say, opened: Callable[[int | None], None]
    ) -> Iterator[list[Shot]]:
        aligner = self.recognizer.aligner
        if not is_video(files[0]):
            detector = self.recognizer.crop_detector if self.cropped else self.detector
            yield from picture_shots(files, detector, lambda _, line: skip(line), aligner)
            return
        try:
            yield from video_shots(
                files[0],
                self.detector,
                every=self.every,
                fps=self.fps,
                aligner=aligner,
                note=note,
                opened=opened,
            )
        except InputError as error:
            skip(str(error))


def pieces(files: Sequence[str]) -> list[list[str]]:
    """Files in their order as pieces of work: every video by itself, neighbouring pictures together."""
    found = []
    for of_videos, run in groupby(files, is_video):
        together, step = list(run), 1 if of_videos else CHUNK
        found += [together[start : start + step] for start in range(0, len(together), step)]
    return found


@dataclass
class Piece:
    """What a worker sends back of a piece; the shots come without their pictures."""

    parts: list[Part] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def run_pieces(job: Job, work: Sequence[list[str]]) -> Iterator[tuple[list[str], Piece]]:
    """Run pieces on the cluster that RAY_ADDRESS names, else this machine's, else one started for the run.

    Args:
        job: what to do; it travels to every machine once.
        work: the pieces.

    Yields:
        The files and the outcome of each piece, in order.

    Raises:
        InputError: Ray is not installed or has no room for a task, the workers of a piece died again and
        again, or a worker does not see a file that lies here.
    """
    from relgan.cluster import joined

    accelerator = "cuda" if torch.cuda.is_available() and job.recognizer.device != "cpu" else "cpu"
    with joined(accelerator) as cluster:
        task, held = cluster.task(piece_task), cluster.ray.put(job)
        waiting = deque(
            (files, task.remote([held], files, os.getcwd(), torch.get_num_threads())) for files in work
        )
        while waiting:
            files, reference = waiting.popleft()
            piece: Piece = cluster.result(
                reference, files[0], "the table holds the rows of everything before it"
            )
            missing = [file for file in piece.unseen if _stands(file)]
            if missing:
                raise InputError(
                    f"--cluster: a worker does not see {missing[0]}; put the pictures and videos where "
                    "every machine finds them under the same path"
                )
            yield files, piece


def piece_task(held: list[Any], files: list[str], here: str, threads: int) -> Piece:
    """One piece on a worker.

    Args:
        held: the reference to the job, in a list so that Ray hands over the reference itself.
        files: the piece.
        here: the folder in which the command runs, for files named relative to it.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    if os.path.isdir(here):
        os.chdir(here)
    piece = Piece(unseen=[file for file in files if not _stands(file)])
    for shots, table in _job(held[0]).parts(files, piece.skipped.append, piece.notes.append):
        piece.parts.append(([_light(shot) for shot in shots], table))
    return piece


@lru_cache(maxsize=1)
def _job(reference: Any) -> Job:
    """The job of a run, unpacked once in each worker."""
    import ray

    job: Job = ray.get(reference)
    return job


def _light(shot: Shot) -> Shot:
    """A shot without pixels."""
    nothing = np.zeros((0, 0, 3), np.uint8)
    return replace(shot, picture=nothing, faces=[replace(face, crop=nothing) for face in shot.faces])


def _stands(path: str) -> bool:
    """Whether a file, or the archive or table that a picture lies in, is seen from here."""
    end = path.lower().find(".zip/")
    return any(map(os.path.exists, (path, path[: end + 4] if end >= 0 else path, path.partition("#")[0])))
