"""The verbs for trained weights: predict, embed, reenact. Nothing heavy is imported before one runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from relgan.cli_words import (
    Count,
    File,
    FileName,
    Number,
    SomeFileName,
    SomeFolder,
    SomeNumber,
    SomeWeights,
    optional,
)
from relgan.config import Device
from relgan.errors import InputError

if TYPE_CHECKING:
    from relgan.predict import Outcome


@dataclass(frozen=True, kw_only=True)
class Faces:
    """What predict and embed share: where the faces come from and how they are found."""

    paths: Annotated[tuple[str, ...], tyro.conf.Positional, optional("PATH...")]
    """Pictures, videos, folders, .zip archives, globs."""
    weights: SomeWeights = None
    """Packaged weights (wild, synthetic), or a folder made by `relgan train`; wild where not given."""
    cropped: bool = False
    """The pictures are cut to one face each: look for its landmarks alone, and leave none out."""
    min_face: SomeNumber = None
    """Smallest face to look for, pixels; 20 where not given, more in large pictures."""
    every: Count = 1
    """In videos, detect in every so many frames and follow the faces in between."""
    fps: SomeNumber = None
    """Of videos, look at so many frames a second; all where not given."""
    device: Device = "auto"
    """Where to compute."""
    cluster: bool = False
    """Share the files out over a Ray cluster: the one RAY_ADDRESS names, else this machine's."""


@dataclass(frozen=True, kw_only=True)
class Predict(Faces):
    """Expressions of all faces in photographs, folders and videos."""

    csv: SomeFileName = None
    """Table to write, one row per face: .csv (rows are on the disk as they are made), .parquet, or - for
    standard output."""
    annotate: SomeFolder = None
    """Folder for copies with boxes and bars, and for each video a plot of probabilities over time."""
    views: Annotated[int | None, optional("{1,2,6,10}")] = None
    """Views of a face that are averaged; 6 for pictures and 1 for videos where not given."""


@dataclass(frozen=True, kw_only=True)
class Embed(Faces):
    """Expression codes (a few numbers a face) of all faces in photographs, folders and videos."""

    out: FileName
    """Table to write, one row per face: .csv, .parquet, or - for CSV on standard output."""


@dataclass(frozen=True)
class Reenact:
    """The expression of a source on the person of a target: a picture, or a video where the source is one."""

    source: FileName
    """Picture or video whose expression is taken."""
    target: FileName
    """Picture whose person is taken."""
    out: File
    """Picture (.png, .jpg, ...) or video (.mp4, .mov, .mkv) to write."""
    paste: bool = False
    """Write the whole target picture with the new face blended in."""
    strength: Number = 1.5
    """How far to go from f(e) of the target (0) to that of the source (1), or beyond (up to 3)."""
    weights: SomeWeights = None
    """Packaged weights (wild, synthetic), or a folder made by `relgan train` or `pretrain`; synthetic where
    not given."""
    cropped: bool = False
    """The pictures are aligned faces already: detect nothing."""
    every: Count = 1
    """In videos, detect in every so many frames and follow the face in between."""
    device: Device = "auto"
    """Where to compute."""


def predict(verb: Predict) -> None:
    out = sys.stdout

    def say(line: str) -> None:
        # On a terminal the progress bar takes print over; anywhere else it must not.
        line = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        print(line, file=None if out.isatty() else out, flush=True)

    kept = [str(place) for place in (verb.csv, verb.annotate) if place not in (None, "-")]
    with ending(kept):
        from relgan.predict import predict_files
        from relgan.recognizer import Recognizer

        _announce(
            predict_files(
                verb.paths,
                Recognizer.load(verb.weights, verb.device, verb.views),
                csv=verb.csv,
                annotate=verb.annotate,
                cropped=verb.cropped,
                every=verb.every,
                fps=verb.fps,
                min_face=verb.min_face,
                cluster=verb.cluster,
                say=say if verb.csv is None else lambda _: None,
                warn=warn,
            ),
            kept,
        )


def embed(verb: Embed) -> None:
    kept = [] if verb.out == "-" else [verb.out]
    with ending(kept):
        from relgan.predict import embed_files
        from relgan.recognizer import Recognizer

        _announce(
            embed_files(
                verb.paths,
                Recognizer.load(verb.weights, verb.device),
                verb.out,
                cropped=verb.cropped,
                every=verb.every,
                fps=verb.fps,
                min_face=verb.min_face,
                cluster=verb.cluster,
                warn=warn,
            ),
            kept,
        )


def reenact(verb: Reenact) -> None:
    with ending([]):
        from relgan.reenactor import Reenactor, reenact_files

        written = reenact_files(
            verb.source,
            verb.target,
            verb.out,
            Reenactor.load(verb.weights, verb.device),
            paste=verb.paste,
            cropped=verb.cropped,
            strength=verb.strength,
            every=verb.every,
            note=lambda line: warn(f"note: {line}"),
        )
        print(verb.out if written == 1 else f"{written} frames in {verb.out}")


def warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _announce(outcome: "Outcome", kept: list[str]) -> None:
    skipped = f", {len(outcome.skipped)} skipped" if outcome.skipped else ""
    places = f"; see {', '.join(kept)}" if kept else ""
    warn(f"{outcome.faces} faces in {outcome.inputs} pictures and videos{skipped}{places}")


@contextmanager
def ending(kept: list[str]) -> Iterator[None]:
    """Say what is left when a run is stopped; be quiet when the reader of a pipe has gone."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        places = f"; what was made until then is in {', '.join(kept)}" if kept else ""
        warn(f"relgan: stopped{places}")
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:  # a full disk, a folder that was taken away
        place = f"{error.filename}: " if error.filename else ""
        raise InputError(f"{place}cannot be written ({error.strerror or error})") from error
    except MemoryError as error:
        raise InputError("not enough memory; give fewer or smaller pictures at once") from error
