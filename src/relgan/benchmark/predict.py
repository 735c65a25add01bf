"""From picture files to a table of expressions, and to a folder of aligned faces."""

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from relgan.benchmark import plain
from relgan.benchmark.machine import Machine, Row, best_of, in_turn, operations
from relgan.benchmark.scenes import HEIGHT, WIDTH, Scene, scenes
from relgan.config import Config
from relgan.errors import InputError
from relgan.expressions import CANONICAL
from relgan.faces.align import align
from relgan.faces.detect import Detector
from relgan.faces.image import decode
from relgan.models import Classifier, generator_of
from relgan.recognizer import VIEWS, Recognizer
from relgan.weights import Card, Weights

SCENES = 32
TOGETHER = 16
Faces = NDArray[np.uint8]


def untrained(config: Config) -> Weights:
    """Networks of a preset's size with random weights: as fast as trained ones."""
    config = replace(config, skips=False)
    card = Card(
        config.size,
        config.expression_dim,
        config.identity_dim,
        config.width,
        list(CANONICAL),
        front=config.front,
    )
    generator = generator_of(config)
    return Weights(card, generator.eval(), Classifier(len(CANONICAL), config.expression_dim).eval())


def measure_predict(weights: Weights, machine: Machine, seconds: float, source: Path | None) -> list[Row]:
    """Each stage alone, then all of it."""
    shown = scenes(SCENES, source)
    pictures = [decode(scene.content, "scene") for scene in shown]
    sighted = [
        (picture, faces[0]) for picture, faces in zip(pictures, Detector()(pictures), strict=True) if faces
    ]
    crops = np.stack([align(picture, face.landmarks) for picture, face in sighted])
    crops = np.concatenate([crops] * (64 // len(crops) + 1))[:64]
    share = seconds / 4
    decoding = in_turn(
        {
            "reference": lambda: len([plain.decode(scene.content) for scene in shown]),
            "ours": lambda: len([decode(scene.content, "scene") for scene in shown]),
        },
        share,
    )
    landmarks = [face.landmarks for _, face in sighted]
    aligning = in_turn(
        {
            "reference": lambda: len(
                [plain.align(p, m.T.ravel()) for (p, _), m in zip(sighted, landmarks, strict=True)]
            ),
            "ours": lambda: len([align(p, m) for (p, _), m in zip(sighted, landmarks, strict=True)]),
        },
        share,
    )
    return [
        decoding.row("decode", "pictures/s", note=f"JPEG {WIDTH}x{HEIGHT}; ours checks and turns upright"),
        detection(pictures, shown, seconds),
        aligning.row("align", "faces/s"),
        *encoding(weights, crops, machine, seconds),
        whole(weights, shown, seconds),
    ]


def detection(pictures: list[Faces], shown: list[Scene], seconds: float) -> Row:
    """Pictures a second, and the share of the faces that each detector finds."""
    detector, reference = Detector(), plain.mtcnn_runtime()
    total = sum(len(scene.squares) for scene in shown)

    def recall(boxes: list[list[tuple[float, float, float, float]]]) -> float:
        return sum(scene.found(found) for scene, found in zip(shown, boxes, strict=True)) / total

    mine = recall([[face.box for face in faces] for faces in detector(pictures)])
    note = f"ours finds {mine:.1%} of {total} faces, on one thread"
    ways: dict[str, Callable[[], int]] = {}
    if reference is not None:
        theirs = recall([[_box(box) for box, _ in reference(picture)] for picture in pictures])
        note += f"; mtcnn-runtime {theirs:.1%}"
        ways["reference"] = lambda: len([reference(picture) for picture in pictures[:TOGETHER]])
    else:
        note += "; pip install mtcnn-runtime for the reference"
    ways["ours"] = lambda: len(detector(pictures[:TOGETHER]))
    return in_turn(ways, seconds).row("detect", "pictures/s", note=note)


def _box(edges: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in edges[:4])
    return left, top, right - left, bottom - top


def encoding(weights: Weights, crops: Faces, machine: Machine, seconds: float) -> list[Row]:
    """Aligned faces to probabilities, one view each: face by face in 32 bit, and ours in batches."""
    size = weights.card.size
    encoder, classifier = weights.generator.expression_encoder, weights.classifier
    assert classifier is not None
    simple = copy.deepcopy(encoder).to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    recognizer = Recognizer(weights, "cpu", views=1)
    needed = operations(lambda: recognizer.predict_proba(crops)) / len(crops)
    one = crops[:1]
    ways: dict[str, Callable[[], int]] = {
        "reference": lambda: len([plain.recognise(simple, classifier, face, size) for face in crops[:8]]),
        "ours": lambda: len(recognizer.predict_proba(crops)),
    }
    with tempfile.TemporaryDirectory() as folder:
        ways |= onnx_ways(weights, crops, Path(folder)) | {
            "as photographs": lambda: len(recognizer.predict_proba(crops, views=VIEWS))
        }
        found = in_turn(ways, seconds)
    reference, ours = found.median("reference"), found.median("ours")
    note = f"{needed / 1e9:.2f} Gflop a face; batch of {len(crops)}"
    rows = [
        found.row(
            f"recognise at {size} pixels",
            "faces/s",
            reference_share=reference * needed / machine.fp32,
            ours_share=ours * needed / machine.best,
            note=note,
        )
    ]
    for way in ("onnx fp32", "onnx int8"):
        if way in found.rounds:
            value = found.median(way)
            bounds = {name: found.spread[name] for name in ("reference", way)}
            rows.append(
                Row(
                    f"recognise, {way}", "faces/s", reference, value,
                    reference * needed / machine.fp32, value * needed / machine.fp32, bounds,
                    "share of the 32-bit product",
                )
            )  # fmt: skip
    mean = found.median("as photographs")
    rows.append(
        Row(
            f"recognise, mean of {VIEWS} views", "faces/s", None, mean, None,
            VIEWS * mean * needed / machine.best,
            {"ours": found.spread["as photographs"]}, "as photographs are unless --views 1",
        )
    )  # fmt: skip
    slow, fast = (
        best_of(action)
        for action in (
            lambda: plain.recognise(simple, classifier, crops[0], size),
            lambda: recognizer.predict_proba(one),
        )
    )
    rows.append(Row("recognise a single face", "ms", 1000 * slow, 1000 * fast))
    return rows


def onnx_ways(weights: Weights, crops: Faces, folder: Path) -> dict[str, Callable[[], int]]:
    """The exported files, where the packages for them are installed."""
    from relgan.export import export
    from relgan.quantise import session

    try:
        paths = {
            "onnx fp32": export(weights, folder / "fp32.onnx").path,
            "onnx int8": export(weights, folder / "int8.onnx", int8=True).path,
        }
    except InputError:  # the packages are missing
        return {}
    ways: dict[str, Callable[[], int]] = {}
    for name, path in paths.items():
        opened = session(path)
        ways[name] = lambda opened=opened: len(opened.run(None, {"faces": crops})[0])  # type: ignore[misc]
    return ways


def whole(weights: Weights, shown: list[Scene], seconds: float) -> Row:
    """Picture files to a table, one view a face."""
    recognizer = Recognizer(weights, "cpu", views=1)
    reference = plain.mtcnn_runtime()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_scenes(shown, Path(folder))

        def ours() -> int:
            return len(recognizer.predict([str(path) for path in paths]))

        ways: dict[str, Callable[[], int]] = {"ours": ours}
        if reference is not None and weights.classifier is not None:
            networks = weights.generator.expression_encoder, weights.classifier

            def theirs() -> int:
                rows = []
                for path in paths:
                    picture = plain.decode(path.read_bytes())
                    for box, points in reference(picture):
                        face = plain.align(picture, points)
                        row = plain.recognise(*networks, face, weights.card.size)
                        rows.append([str(path), *box, *row, weights.card.expressions[row.argmax()]])
                return len(pd.DataFrame(rows))

            ways = {"reference": theirs, "ours": ours}
        return in_turn(ways, seconds).row("files to table", "faces/s", note=f"{len(paths)} pictures")


def write_scenes(shown: list[Scene], folder: Path) -> list[Path]:
    paths = []
    for number, scene in enumerate(shown):
        paths.append(folder / f"scene_{number:04d}.jpg")
        paths[-1].write_bytes(scene.content)
    return paths


def measure_prepare(machine: Machine, seconds: float, source: Path | None) -> list[Row]:
    """Picture files to a folder of aligned faces and a table: one after the other, and ``relgan prepare``."""
    from relgan.data.face import Face
    from relgan.faces.prepare import prepare

    reference = plain.mtcnn_runtime()
    count = 320  # enough for the processes of prepare to be worth their start
    with tempfile.TemporaryDirectory() as folder:
        paths = write_scenes(scenes(count, source), Path(folder))

        def ours() -> int:
            with tempfile.TemporaryDirectory() as out:
                faces = [Face(str(path)) for path in paths]
                done = prepare(
                    faces,
                    Path(out) / "out",
                    cropped=False,
                    device="cpu",
                    workers=machine.threads,
                    progress=False,
                )
                return done.faces

        def theirs(detect: Callable[[Faces], list[tuple[NDArray[np.float32], NDArray[np.float32]]]]) -> int:
            rows = []
            with tempfile.TemporaryDirectory() as out:
                for path in paths:
                    picture = plain.decode(path.read_bytes())
                    found = detect(picture)
                    if found:
                        box, points = max(found, key=lambda face: float(face[0][2] - face[0][0]))
                        crop = plain.align(picture, points)
                        cv2.imwrite(str(Path(out) / f"{path.stem}.png"), crop[..., ::-1])
                        rows.append([str(path), *box, *points])
                pd.DataFrame(rows).to_csv(Path(out) / "faces.csv")
            return len(rows)

        values = {}
        for way, action in {"reference": lambda: theirs(reference) if reference else 0, "ours": ours}.items():
            if way == "reference" and reference is None:
                continue
            began = time.perf_counter()
            values[way] = action() / (time.perf_counter() - began)
    note = f"{count} pictures of {WIDTH}x{HEIGHT}, once; ours with {machine.threads} processes"
    return [Row("prepare", "faces/s", values.get("reference"), values["ours"], note=note)]
