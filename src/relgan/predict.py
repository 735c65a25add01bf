"""``relgan predict`` and ``relgan embed``: pictures, folders and videos in, rows out, as they are made."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from relgan.annotate import annotated, save_picture
from relgan.bulk import Job, Part, Say, pieces, run_pieces
from relgan.errors import InputError, first_of
from relgan.faces.crops import crop_names
from relgan.faces.detect import Detector
from relgan.pictures import find_files, is_video, unread
from relgan.recognizer import Recognizer
from relgan.shots import Shot
from relgan.tables import table_writer
from relgan.timeline import Timeline
from relgan.training import progress_bar
from relgan.video import VideoWriter


@dataclass
class Outcome:
    """What a run did: inputs looked at, faces found, a line for each input without any, notes on damage."""

    inputs: int = 0
    faces: int = 0
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def predict_files(
    paths: Sequence[str | os.PathLike[str]],
    recognizer: Recognizer,
    *,
    csv: str | None = None,
    annotate: Path | None = None,
    cropped: bool = False,
    every: int = 1,
    fps: float | None = None,
    min_face: float | None = None,
    cluster: bool = False,
    say: Say = lambda _: None,
    warn: Say = lambda _: None,
    progress: bool = True,
) -> Outcome:
    """Recognise the expression of every face in pictures and videos.

    Args:
        paths: files, folders, archives, globs.
        recognizer: loaded weights.
        csv: table to write, .csv or .parquet; rows of a .csv are on the disk as soon as they are made.
        annotate: folder for copies with boxes and bars, and a plot over time for each video.
        cropped: the pictures are cut to one face each; its landmarks alone are looked for.
        every, fps: of videos; see :func:`relgan.video.video_shots`.
        min_face: smallest face to look for, in pixels.
        cluster: share the files out over a Ray cluster (relgan.bulk); the rows stay the same.
        say: hears a line for each face of a picture and each face (track) of a video.
        warn: hears a line for each input that gives nothing, at once.
        progress: show a bar.

    Raises:
        InputError: nothing can be read, or an output cannot be written.
    """
    if cluster and annotate is not None:
        raise InputError("--annotate: cannot be done with --cluster; leave out one of them")
    classes = [str(name) for name in recognizer.classes_]
    work = _Work(paths, "predict", recognizer, cropped, every, fps, min_face, cluster, warn)
    names = _copies(work.files, annotate) if annotate is not None else {}
    empty = recognizer.describe([])
    with ExitStack() as stack:
        writer = None
        if csv is not None:
            writer = stack.enter_context(closing(table_writer(csv, list(empty.columns))))
        bar = stack.enter_context(progress_bar(progress))
        video: _VideoOutput | None = None
        stack.callback(lambda: video.close() if video is not None else None)
        for shots, table in work.parts(bar):
            if writer is not None and len(table):
                writer.write(table)
            rows = iter(table[classes].to_numpy())
            for shot in shots:
                mine = np.array([next(rows) for _ in shot.faces]).reshape(-1, len(classes))
                copy = annotate / names[shot.input] if annotate is not None else None
                if video is not None and video.name != shot.input:
                    video.close()
                    video = None
                if shot.time_s is not None:
                    if video is None:
                        video = _VideoOutput(shot.input, classes, copy, say)
                    video.add(shot, mine)
                    continue
                for face, row in zip(shot.faces, mine, strict=True):
                    say(f"{shot.input}  face {face.face}  {classes[row.argmax()]} {100 * row.max():.0f} %")
                if copy is not None:
                    save_picture(annotated(shot, mine, classes, len(shot.faces) > 1), copy)
        done = work.finished()
        if writer is not None:
            writer.write(empty)  # columns, where there was no face
    return done


class _VideoOutput:
    """The annotated copy, the plot and the lines of one video."""

    def __init__(self, name: str, classes: list[str], copy: Path | None, say: Say) -> None:
        self.name, self.copy, self.say = name, copy, say
        self.timeline = Timeline(classes)
        self._writer = VideoWriter(copy) if copy is not None else None

    def add(self, shot: Shot, probabilities: NDArray[np.float64]) -> None:
        assert shot.time_s is not None
        for face, row in zip(shot.faces, probabilities, strict=True):
            self.timeline.add(shot.time_s, face.face, row)
        if self._writer is not None:
            self._writer.write(annotated(shot, probabilities, self.timeline.classes, True), shot.time_s)

    def close(self) -> None:
        if self._writer is not None and self.copy is not None:
            self._writer.close()
            self.timeline.plot(self.copy.with_suffix(".png"), os.path.basename(self.name))
        for text in self.timeline.lines() or ["no face found"]:
            self.say(f"{self.name}  {text}")


def embed_files(
    paths: Sequence[str | os.PathLike[str]],
    recognizer: Recognizer,
    out: str,
    *,
    cropped: bool = False,
    every: int = 1,
    fps: float | None = None,
    min_face: float | None = None,
    cluster: bool = False,
    warn: Say = lambda _: None,
    progress: bool = True,
) -> Outcome:
    """Write the expression code of every face in pictures and videos; see :func:`predict_files`."""
    work = _Work(paths, "embed", recognizer, cropped, every, fps, min_face, cluster, warn)
    empty = recognizer.embed([])
    with closing(table_writer(out, list(empty.columns))) as writer, progress_bar(progress) as bar:
        for _, table in work.parts(bar):
            if len(table):
                writer.write(table)
        done = work.finished()
        writer.write(empty)  # columns, where there was no face
    return done


class _Work:
    """The files of one command, and what became of them."""

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        verb: Literal["predict", "embed"],
        recognizer: Recognizer,
        cropped: bool,
        every: int,
        fps: float | None,
        min_face: float | None,
        cluster: bool,
        warn: Say,
    ) -> None:
        if every < 1:
            raise InputError(f"--every {every}: give 1 for detection in every frame, or more")
        if fps is not None and not fps > 0:
            raise InputError(f"--fps {fps:g}: give frames a second above 0")
        if not paths:
            raise InputError(f"{verb}: give pictures, videos or folders")
        self.cluster, self.warn = cluster, warn
        self.outcome = Outcome()
        self.files, wrong, passed = find_files(paths)
        if not self.files:
            raise InputError(first_of(wrong))
        detector = recognizer.detector
        if min_face is not None:
            detector = Detector(min_face=min_face, device=detector.device)
        self.job = Job(verb, recognizer, detector, cropped, every, fps)
        for line in wrong:
            self._skip(line)
        if passed:
            self._note(f"{passed} other files in folders passed over")

    def parts(self, bar: Progress) -> Iterator[Part]:
        """The shots and rows of all files in order, moving the bar."""
        task = bar.add_task("inputs", total=len(self.files), images=1, note="")
        for files, parts in self._there() if self.cluster else self._here(bar):
            for shots, table in parts:
                self.outcome.faces += len(table)
                yield shots, table
                if not is_video(files[0]):
                    bar.update(task, advance=len(shots))
            self.outcome.inputs += len(files)
            bar.update(task, completed=self.outcome.inputs)

    def _here(self, bar: Progress) -> Iterator[tuple[list[str], Iterable[Part]]]:
        for files in pieces(self.files):
            yield files, self._piece(files, bar)

    def _piece(self, files: list[str], bar: Progress) -> Iterator[Part]:
        """The parts of a piece; a video has a bar of its own."""
        task: Any = None

        def opened(expected: int | None) -> None:
            nonlocal task
            task = bar.add_task(os.path.basename(files[0])[-30:], total=expected or 0, images=1, note="")

        try:
            for shots, table in self.job.parts(files, self._skip, self._note, opened):
                yield shots, table
                if task is not None:
                    bar.update(task, advance=len(shots))
        finally:
            if task is not None:
                bar.remove_task(task)

    def _there(self) -> Iterator[tuple[list[str], Iterable[Part]]]:
        for files, piece in run_pieces(self.job, pieces(self.files)):
            for line in piece.skipped:
                self._skip(line)
            for line in piece.notes:
                self._note(line)
            yield files, piece.parts

    def _skip(self, line: str) -> None:
        line = " ".join(line.split())
        self.outcome.skipped.append(line)
        self.warn(f"skipped: {line}")

    def _note(self, line: str) -> None:
        self.outcome.notes.append(line)
        self.warn(f"note: {line}")

    def finished(self) -> Outcome:
        """The outcome.

        Raises:
            InputError: nothing could be read at all.
        """
        wrong = unread(self.outcome.skipped)
        if not self.outcome.faces and wrong and len(wrong) >= len(self.files):
            raise InputError(f"nothing could be read: {first_of(wrong)}")
        return self.outcome


def _copies(files: Sequence[str], folder: Path) -> dict[str, str]:
    """A name in a folder for the annotated copy of each file; makes the folder.

    Raises:
        InputError: the folder cannot be made, or holds files of the input, which would be written over.
    """
    here = folder.resolve()
    if any(Path(parent).resolve() == here for parent in {os.path.dirname(file) for file in files}):
        raise InputError(f"--annotate {folder}: the pictures lie there themselves; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--annotate {folder}: cannot be written ({error.strerror or error})") from error
    names = crop_names(files)
    return {
        file: Path(name).stem + (".mp4" if is_video(file) else ".jpg")
        for file, name in zip(files, names, strict=True)
    }
