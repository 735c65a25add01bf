"""A video file to a table: the frame-by-frame loop against ours, and how memory grows with the length."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from relgan.benchmark import plain
from relgan.benchmark.machine import Machine, Memory, Row, in_turn, watched
from relgan.benchmark.scenes import HEIGHT, WIDTH, backdrop, paste, photographs
from relgan.recognizer import Recognizer
from relgan.video import VideoWriter
from relgan.weights import Weights

FPS = 25
SHORT, LONG = 4, 40
"""Seconds of the two videos."""


def write_video(path: Path, seconds: int, source: Path | None) -> None:
    """A face that wanders over a still background and changes now and then."""
    rng = np.random.default_rng(0)
    behind, faces = backdrop(rng), photographs(source, 8)
    with VideoWriter(path) as video:
        for frame in range(seconds * FPS):
            picture, turn, side = behind.copy(), 2 * np.pi * frame / (6 * FPS), 180
            left = int((WIDTH - side) * (0.5 + 0.4 * np.sin(turn)))
            top = int((HEIGHT - side) * (0.5 + 0.4 * np.cos(turn)))
            paste(picture, faces[frame // FPS % len(faces)], left, top, side)
            video.write(picture, frame / FPS)


def measure_video(weights: Weights, machine: Machine, seconds: float, source: Path | None) -> list[Row]:
    """Frames a second of a short video, and the memory of a short and a long one."""
    recognizer = Recognizer(weights, "cpu", views=1)
    reference = plain.mtcnn_runtime()
    classifier = weights.classifier
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.mp4", Path(folder) / "long.mp4"
        write_video(short, SHORT, source)
        write_video(long, LONG, source)

        def ours(path: Path, every: int) -> int:
            """As ``relgan predict`` does it: rows are let go as they are made."""
            from relgan.video import video_shots

            frames = 0
            for shots in video_shots(str(path), recognizer.detector, every=every):
                recognizer.describe(shots).to_csv(Path(folder) / "rows.csv", mode="a")
                frames += len(shots)
            return frames

        def theirs(path: Path) -> int:
            assert reference is not None
            assert classifier is not None
            capture, found, frames = cv2.VideoCapture(str(path)), [], 0
            while True:
                more, bgr = capture.read()
                if not more:
                    break
                picture = np.ascontiguousarray(bgr[..., ::-1])
                for box, points in reference(np.asarray(picture, np.uint8)):
                    face = plain.align(np.asarray(picture, np.uint8), points)
                    row = plain.recognise(
                        weights.generator.expression_encoder, classifier, face, weights.card.size
                    )
                    found.append([frames, *box, *row])
                frames += 1
            pd.DataFrame(found).to_csv(Path(folder) / "reference.csv")
            return frames

        ways: dict[str, Callable[[], int]] = {}
        if reference is not None and classifier is not None:
            ways["reference"] = lambda: theirs(short)
        ways["ours"] = lambda: ours(short, 1)
        ways["every 5th"] = lambda: ours(short, 5)
        found = in_turn(ways, seconds)
        what = f"{WIDTH}x{HEIGHT}, one face, {SHORT} s"
        rows.append(found.row("video", "frames/s", note=f"{what}; detection in every frame"))
        followed = found.median("every 5th")
        plainly = found.median("reference") if "reference" in found.rounds else None
        rows.append(Row("video, --every 5", "frames/s", plainly, followed, note="ours follows in between"))
        grown = {length: _growth(partial(ours, path, 1)) for length, path in ((SHORT, short), (LONG, long))}
        rows.append(
            Row(
                "memory added while reading", "MB", None, grown[LONG].growth / 1e6,
                note=f"of {LONG} s of video; of {SHORT} s {grown[SHORT].growth / 1e6:.3g}; "
                f"at most {grown[LONG].peak / 1e6:.0f} in all",
            )
        )  # fmt: skip
    return rows


def _growth(action: Callable[[], int]) -> Memory:
    with watched() as memory:
        action()
    return memory
