"""Faces that tests draw: no real person, every expression different enough to be learnt."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from relgan.data.face import Face
from relgan.data.tensors import FaceTensors

EXPRESSIONS = ("anger", "happiness", "surprise")
MOUTHS = {"anger": (36, 78, 76, 82), "happiness": (30, 74, 82, 92), "surprise": (46, 70, 66, 98)}


def draw_face(person: int, expression: str, take: int = 0, size: int = 112) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: an oval with eyes, brows and a mouth; the person is colour and proportion."""
    rng = np.random.default_rng(person)
    skin = tuple(int(v) for v in rng.integers(90, 230, 3))
    hair = tuple(int(v) for v in rng.integers(0, 90, 3))
    apart, width = int(rng.integers(16, 24)), int(rng.integers(34, 46))
    jitter = np.random.default_rng([person, take, len(expression)]).integers(-2, 3, 2)
    picture = Image.new("RGB", (112, 112), (128, 128, 128))
    pen = ImageDraw.Draw(picture)
    dx, dy = (int(v) for v in jitter)
    pen.ellipse((56 - width - 4 + dx, 0 + dy, 56 + width + 4 + dx, 70 + dy), fill=hair)
    pen.ellipse((56 - width + dx, 8 + dy, 56 + width + dx, 108 + dy), fill=skin)
    tilt = {"anger": 6, "happiness": -2, "surprise": -8}[expression]
    for side in (-1, 1):
        x = 56 + side * apart + dx
        pen.ellipse((x - 6, 42 + dy, x + 6, 50 + dy), fill=(255, 255, 255))
        pen.ellipse((x - 3, 43 + dy, x + 3, 49 + dy), fill=(20, 20, 40))
        pen.line((x - 8 * side, 36 + tilt + dy, x + 8 * side, 36 - tilt // 3 + dy), fill=hair, width=3)
    left, top, right, bottom = MOUTHS[expression]
    pen.ellipse((left + dx, top + dy, right + dx, bottom + dy), fill=(120, 20, 30))
    soft = picture.filter(ImageFilter.GaussianBlur(2))  # a lens draws no hard edges
    return np.asarray(soft.resize((size, size), Image.Resampling.LANCZOS))


def drawn_people(people: int, takes: int = 2) -> tuple[list[Face], NDArray[np.uint8]]:
    """Everyone with every expression, ``takes`` pictures each."""
    faces, pictures = [], []
    for person in range(people):
        for expression in EXPRESSIONS:
            for take in range(takes):
                faces.append(Face(f"p{person:02d}/{expression}_{take}.png", expression, f"p{person:02d}"))
                pictures.append(draw_face(person, expression, take))
    return faces, np.stack(pictures)


@pytest.fixture(scope="session")
def drawn() -> Callable[..., FaceTensors]:
    def make(people: int = 6, takes: int = 2) -> FaceTensors:
        faces, pictures = drawn_people(people, takes)
        return FaceTensors.of(faces, pictures, EXPRESSIONS)

    return make


@pytest.fixture(scope="session")
def jaffe() -> Path:
    """The JAFFE archive beside the repository; tests that need it skip where it is absent."""
    path = Path(__file__).parents[2] / "shared" / "data" / "jaffe.zip"
    if not path.exists():
        pytest.skip("real faces are absent: no ../shared/data/jaffe.zip (JAFFE, see docs/datasets.md)")
    return path
