"""Real faces where the archive is at hand, and pictures drawn by the tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from relgan.data.face import Face, read_bytes, walk
from relgan.faces.detect import Detector
from relgan.faces.image import decode

JAFFE = Path(__file__).parents[2] / ".." / "shared" / "data" / "jaffe.zip"


@pytest.fixture(scope="session")
def jaffe() -> list[Face]:
    """The 213 faces of JAFFE, without labels but for the person."""
    if not JAFFE.is_file():
        pytest.skip(f"{JAFFE} is not here: JAFFE may not be passed on, so the project does not carry it")
    paths = [path for path in walk(JAFFE.resolve()) if path.endswith(".jpg")]
    return [Face(path, subject=path.rsplit("/", 1)[1][:2]) for path in paths]


@pytest.fixture(scope="session")
def portrait(jaffe: list[Face]) -> NDArray[np.uint8]:
    """(256, 256, 3): the first photograph of JAFFE."""
    return decode(read_bytes(jaffe[0].path), jaffe[0].path)


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()


@pytest.fixture
def clutter() -> Callable[[int, int], NDArray[np.uint8]]:
    """Pictures without a face: coloured noise at several scales."""

    def draw(height: int, width: int) -> NDArray[np.uint8]:
        generator = np.random.default_rng(height * 10_000 + width)
        picture = np.zeros((height, width, 3))
        for step in (1, 4, 16, 64):
            noise = generator.random((height // step + 1, width // step + 1, 3))
            picture += noise.repeat(step, 0).repeat(step, 1)[:height, :width]
        return (picture * 63).astype(np.uint8)

    return draw
