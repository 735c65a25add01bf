"""``relgan predict`` and ``relgan embed``: pictures, folders and videos in, rows out, as they are made."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from relgan.annotate import annotated, save_picture
from relgan.errors import InputError
from relgan.faces.crops import crop_names
from relgan.faces.detect import Detector
from relgan.pictures import find_files, is_video
from relgan.recognizer import Recognizer
from relgan.shots import Shot, picture_shots
from relgan.tables import table_writer
from relgan.timeline import Timeline
from relgan.training import progress_bar
from relgan.video import VideoWriter, video_shots

Say = Callable[[str], None]


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
        cropped: the pictures are faces already.
        every, fps: of videos; see :func:`relgan.video.video_shots`.
        min_face: smallest face to look for, in pixels.
        say: hears a line for each face of a picture and each face (track) of a video.
        warn: hears a line for each input that gives nothing, at once.
        progress: show a bar.

    Raises:
        InputError: nothing can be read, or an output cannot be written.
    """
    classes = [str(name) for name in recognizer.classes_]
    work = _Work(paths, "predict", recognizer, cropped, every, fps, min_face, warn)
    names = _copies(work.files, annotate) if annotate is not None else {}
    empty = recognizer.describe([])
    with ExitStack() as stack:
        writer = None
        if csv is not None:
            writer = stack.enter_context(closing(table_writer(csv, list(empty.columns))))
            writer.write(empty)
        bar = stack.enter_context(progress_bar(progress))
        video: _VideoOutput | None = None
        stack.callback(lambda: video.close() if video is not None else None)
        for shots in work.shots(bar):
            table = recognizer.describe(shots)
            if writer is not None:
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
    return work.finished()


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
    warn: Say = lambda _: None,
    progress: bool = True,
) -> Outcome:
    """Write the expression code of every face in pictures and videos; see :func:`predict_files`."""
    work = _Work(paths, "embed", recognizer, cropped, every, fps, min_face, warn)
    empty = recognizer.embed([])
    with closing(table_writer(out, list(empty.columns))) as writer, progress_bar(progress) as bar:
        writer.write(empty)
        for shots in work.shots(bar):
            writer.write(recognizer.embed(shots))
    return work.finished()


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
        warn: Say,
    ) -> None:
        if every < 1:
            raise InputError(f"--every {every}: give 1 for detection in every frame, or more")
        if fps is not None and not fps > 0:
            raise InputError(f"--fps {fps:g}: give frames a second above 0")
        if not paths:
            raise InputError(f"relgan {verb}: give pictures, videos or folders")
        self.cropped, self.every, self.fps, self.warn = cropped, every, fps, warn
        self.outcome = Outcome()
        self.files, wrong, passed = find_files(paths)
        if not self.files:
            raise InputError(wrong[0] + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""))
        self.detector, self.aligner = recognizer.detector, recognizer.aligner
        if min_face is not None:
            self.detector = Detector(min_face=min_face, device=self.detector.device)
        for line in wrong:
            self._skip("", line)
        if passed:
            self._note(f"{passed} other files in folders passed over")

    def shots(self, bar: Progress) -> Iterator[list[Shot]]:
        """The shots of all files in order, moving the bar."""
        task = bar.add_task("inputs", total=len(self.files), images=1, note="")
        for of_videos, files in _runs(self.files):
            before = self.outcome.inputs
            if of_videos:
                for path in files:
                    yield from self._video(path, bar)
                    bar.update(task, advance=1)
            else:
                skipped = len(self.outcome.skipped)
                detector = None if self.cropped else self.detector
                for shots in picture_shots(files, detector, self._skip, self.aligner):
                    self.outcome.faces += sum(len(shot.faces) for shot in shots)
                    yield shots
                    self.outcome.inputs += len(shots)
                    bar.update(task, completed=self.outcome.inputs + len(self.outcome.skipped) - skipped)
            self.outcome.inputs = before + len(files)

    def _video(self, path: str, bar: Progress) -> Iterator[list[Shot]]:
        task: Any = None

        def opened(expected: int | None) -> None:
            nonlocal task
            task = bar.add_task(os.path.basename(path)[-30:], total=expected or 0, images=1, note="")

        try:
            for shots in video_shots(
                path,
                self.detector,
                every=self.every,
                fps=self.fps,
                aligner=self.aligner,
                note=self._note,
                opened=opened,
            ):
                self.outcome.faces += sum(len(shot.faces) for shot in shots)
                yield shots
                bar.update(task, advance=len(shots))
        except InputError as error:
            self._skip(path, str(error))
        finally:
            if task is not None:
                bar.remove_task(task)

    def _skip(self, _: str, line: str) -> None:
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
        unread = [line for line in self.outcome.skipped if "no face found" not in line]
        if not self.outcome.faces and unread and len(unread) >= len(self.files):
            more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
            raise InputError(f"nothing could be read: {unread[0]}{more}")
        return self.outcome


def _runs(files: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """Neighbouring pictures and neighbouring videos together."""
    from itertools import groupby

    for of_videos, run in groupby(files, is_video):
        yield of_videos, list(run)


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
