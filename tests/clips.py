"""Weights without training, photographs and videos made of the packaged synthetic faces."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relgan.data.augment import CENTRE, views
from relgan.data.face import read_bytes
from relgan.faces.image import decode
from relgan.models import Classifier, Generator, initialise
from relgan.synthesis.sample import sample_path
from relgan.weights import save_weights

CLASSES = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
Picture = NDArray[np.uint8]


def random_weights(folder: Path, size: int = 32, classifier: bool = True) -> Path:
    """Networks that have learnt nothing, saved as weights."""
    generator = Generator(size, width=0.125, skips=True)
    initialise(generator, torch.Generator().manual_seed(0))
    made = Classifier(len(CLASSES)) if classifier else None
    for module in (generator, made):
        for layer in module.modules() if module else ():
            if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                layer.momentum = None  # of the one batch below: else all codes would be alike
            elif isinstance(layer, torch.nn.Linear):
                rows = torch.Generator().manual_seed(layer.in_features)
                torch.nn.init.normal_(layer.weight, 0, layer.in_features**-0.5, generator=rows)
    faces = torch.from_numpy(np.stack([synthetic_face(person) for person in range(8)]))
    with torch.no_grad():
        pictures = views(faces, torch.full((8,), CENTRE[0]), size)
        codes = generator.train()(pictures, pictures.flip(0)).expression_code
        if made is not None:
            made.train()(codes)
            made.eval()
    save_weights(folder, generator.eval(), CLASSES, {"dataset": "none"}, classifier=made)
    return folder


@cache
def synthetic_face(person: int = 0, expression: str = "happiness") -> Picture:
    """(112, 112, 3): one of the packaged faces, aligned."""
    for face in _manifest():
        if face.expression == expression and face.subject == _people()[person]:
            return decode(read_bytes(face.path), face.path)
    raise LookupError(expression)


@cache
def _manifest() -> list[Any]:
    from relgan.data.readers import read

    return list(read("synthetic", sample_path(), None).faces)


@cache
def _people() -> list[str]:
    return sorted({face.subject for face in _manifest()})


def photograph(*places: tuple[int, int, int], height: int = 240, width: int = 320) -> Picture:
    """Faces on grey: person, left, top of each."""
    picture = np.full((height, width, 3), 110, np.uint8)
    for person, left, top in places:
        picture[top : top + 112, left : left + 112] = synthetic_face(person)
    return picture


def moving(frames: int, people: int = 1, step: float = 2.0) -> Iterator[Picture]:
    """People who walk from left to right, one above the other."""
    for k in range(frames):
        places = [(person, 10 + round(k * step) % 180, 5 + 118 * person) for person in range(people)]
        yield photograph(*places)


def write_clip(
    path: Path,
    pictures: Iterator[Picture],
    times: Callable[[int], float] = lambda k: k / 25,
    rotate: int = 0,
    sound: bool = False,
    codec: str = "libx264",
) -> Path:
    """A video of some pictures, shown at the given times (seconds), marked as turned."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = None
        for k, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = Fraction(1, 12_800)
                if rotate and not hasattr(stream, "set_display_rotation"):
                    pytest.skip("this version of av writes no rotation marks")
                if rotate:
                    stream.set_display_rotation(rotate)
                voice = container.add_stream("aac", rate=44_100) if sound else None
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(times(k) * 12_800), Fraction(1, 12_800)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound and voice is not None:
            _write_silence(av, container, voice, 1.0)
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound alone."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        _write_silence(av, container, container.add_stream("aac", rate=44_100), seconds)
    return path


def _write_silence(av: Any, container: Any, stream: Any, seconds: float) -> None:
    for k in range(int(seconds * 44_100 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, k * 1024, Fraction(1, 44_100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
