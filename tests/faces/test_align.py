import cv2
import numpy as np
import pytest

from relgan.data.face import Face, read_bytes
from relgan.faces.align import TEMPLATE, align, resize_crop, similarity
from relgan.faces.detect import Detector
from relgan.faces.image import decode


def moved(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ rotation.T + shift


@pytest.mark.parametrize("degrees", [0, 30, -120, 180])
@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_similarity_undoes_a_known_transform(degrees: float, scale: float) -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    matrix = similarity(moved(points, degrees, scale, (3, -8)), points)
    back = moved(points, degrees, scale, (3, -8)) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_similarity_is_the_least_squares_optimum() -> None:
    generator = np.random.default_rng(1)
    source, target = generator.normal(size=(2, 5, 2))
    matrix = similarity(source, target)

    def loss(a: float, b: float, x: float, y: float) -> float:
        return float(((source @ np.array([[a, -b], [b, a]]).T + [x, y] - target) ** 2).sum())

    best = matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2]
    for _ in range(100):
        assert loss(*(np.array(best) + generator.normal(0, 1e-3, 4))) > loss(*best)


def test_similarity_never_reflects() -> None:
    points = np.random.default_rng(2).normal(size=(5, 2))
    matrix = similarity(points * [-1, 1], points)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_similarity_of_coinciding_points_is_a_shift() -> None:
    np.testing.assert_allclose(similarity(np.ones((5, 2)), np.zeros((5, 2))), [[1, 0, -1], [0, 1, -1]])


def dots(points: np.ndarray, size: int, radius: float) -> np.ndarray:
    """A grey picture with a soft white dot at each point."""
    rows, columns = np.mgrid[:size, :size]
    picture = np.full((size, size), 40.0)
    for x, y in points:
        picture += 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return np.repeat(picture.clip(0, 255)[..., None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.6, 1.5, 4.0, 9.0])
@pytest.mark.parametrize("degrees", [0, 25])
def test_landmarks_land_on_the_template(scale: float, degrees: float) -> None:
    size = round(200 * scale) + 80
    centred = (TEMPLATE * 112 - 0.5) - 55.5
    landmarks = moved(centred, degrees, scale, (size / 2, size / 2))
    face = align(dots(landmarks, size, 2.5 * scale), landmarks)
    assert face.shape == (112, 112, 3)
    assert face.dtype == np.uint8
    for x, y in TEMPLATE * 112 - 0.5:
        left, top = round(x) - 8, round(y) - 8
        patch = face[top : top + 17, left : left + 17, 0] - 40.0
        rows, columns = np.mgrid[top : top + 17, left : left + 17]
        assert (patch * columns).sum() / patch.sum() == pytest.approx(x, abs=0.25)
        assert (patch * rows).sum() / patch.sum() == pytest.approx(y, abs=0.25)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    generator = np.random.default_rng(3)
    noise = generator.integers(0, 2, (1000, 1000, 1), np.uint8).repeat(3, 2) * 255
    for scale in (1.7, 1.9, 3.9, 8.0):
        landmarks = (TEMPLATE * 112 - 56) * scale + 500
        face = align(noise, landmarks)
        assert face.mean() == pytest.approx(127.5, abs=3)
        assert face.std() < 127.5 / scale  # as the mean over scale x scale pixels has


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    picture = np.full((60, 60, 3), 90, np.uint8)
    assert np.ptp(align(picture, TEMPLATE * 112 - 30)) == 0


def test_crops_are_resized_from_their_centre_square() -> None:
    picture = np.zeros((48, 60, 3), np.uint8)
    picture[:, 6:54] = 200
    for source in (picture, cv2.resize(picture, None, fx=5, fy=5, interpolation=cv2.INTER_NEAREST)):
        crop = resize_crop(source)
        assert crop.shape == (112, 112, 3)
        assert crop.min() == 200
    assert resize_crop(np.full((1, 1, 3), 7, np.uint8)).tolist() == np.full((112, 112, 3), 7).tolist()


def test_real_eyes_come_to_lie_on_the_template(jaffe: list[Face], detector: Detector) -> None:
    """Detecting again in the aligned face finds the eyes where the template has them."""
    faces = []
    for face in jaffe[::15]:
        picture = decode(read_bytes(face.path), face.path)
        faces.append(align(picture, detector([picture])[0][0].landmarks, size=224))
    again = [found[0].landmarks for found in detector(faces)]
    eyes = np.mean(again, 0)[:2] / 224
    np.testing.assert_allclose(eyes, TEMPLATE[:2], atol=0.02)
    assert np.abs(np.array(again)[:, :2] / 224 - TEMPLATE[:2]).max() < 0.05
