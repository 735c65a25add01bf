import builtins
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relgan.data.face import Face, read_bytes
from relgan.errors import InputError
from relgan.faces import detect, mtcnn
from relgan.faces.detect import Detector
from relgan.faces.image import decode

Draw = Callable[[int, int], NDArray[np.uint8]]


def paste(scene: NDArray[np.uint8], portrait: NDArray[np.uint8], left: int, top: int, side: int) -> None:
    scene[top : top + side, left : left + side] = cv2.resize(
        portrait, (side, side), interpolation=cv2.INTER_AREA
    )


def test_every_real_portrait_has_one_face(jaffe: list[Face], detector: Detector) -> None:
    pictures = [decode(read_bytes(face.path), face.path) for face in jaffe[::4]]
    found = detector(pictures)
    assert [len(faces) for faces in found] == [1] * len(pictures)
    for (face,) in found:
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        x, y, w, h = face.box
        assert (face.landmarks > [x, y]).all()
        assert (face.landmarks < [x + w, y + h]).all()
        assert face.score > 0.9


@pytest.mark.parametrize("side", [48, 80, 160, 300])
def test_a_pasted_face_is_found_where_it_was_pasted(
    side: int, portrait: NDArray[np.uint8], detector: Detector, clutter: Draw
) -> None:
    scene = clutter(480, 640)
    paste(scene, portrait, 200, 90, side)
    (alone,), (found,) = detector([portrait, scene])
    eyes = np.linalg.norm(alone.landmarks[0] - alone.landmarks[1]) * side / 256
    # a pixel's centre is half a pixel inside the picture, at every scale
    expected = (alone.landmarks + 0.5) * side / 256 - 0.5 + [200, 90]
    assert np.linalg.norm(found.landmarks - expected, axis=1).mean() < 0.08 * eyes


def test_landmarks_of_the_mirrored_picture_mirror(portrait: NDArray[np.uint8], detector: Detector) -> None:
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    (face,), (other,) = detector([portrait, mirrored])
    back = np.stack([255 - other.landmarks[:, 0], other.landmarks[:, 1]], 1)[[1, 0, 2, 4, 3]]
    eyes = np.linalg.norm(face.landmarks[0] - face.landmarks[1])
    assert np.linalg.norm(face.landmarks - back, axis=1).mean() < 0.05 * eyes


def test_two_faces_best_first(portrait: NDArray[np.uint8], detector: Detector, clutter: Draw) -> None:
    scene = clutter(300, 600)
    paste(scene, portrait, 10, 30, 240)
    paste(scene, portrait, 400, 100, 120)
    (found,) = detector([scene])
    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert sorted(face.box[0] > 300 for face in found) == [False, True]


def test_large_photograph(portrait: NDArray[np.uint8], detector: Detector) -> None:
    picture = cv2.resize(portrait, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    (small,), (large,) = detector([portrait, picture])
    np.testing.assert_allclose(large.landmarks / 3000, small.landmarks / 256, atol=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (11, 500), (12, 12), (13, 4000), (480, 640)])
def test_no_face_is_an_empty_list(shape: tuple[int, int], detector: Detector, clutter: Draw) -> None:
    assert detector([clutter(*shape), np.zeros((*shape, 3), np.uint8)]) == [[], []]


def test_no_pictures() -> None:
    assert Detector()([]) == []


def test_min_face_and_threshold_leave_faces_out(portrait: NDArray[np.uint8]) -> None:
    assert Detector(min_face=250)([portrait]) == [[]]
    assert len(Detector(min_face=60)([portrait])[0]) == 1
    assert Detector(threshold=0.99999)([portrait]) == [[]]


@pytest.mark.parametrize(
    "options", [{"min_face": 0}, {"min_face": -3}, {"threshold": 1.0}, {"threshold": -0.1}]
)
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Detector(**options)  # type: ignore[arg-type]


def test_grey_pictures_are_refused(detector: Detector) -> None:
    with pytest.raises(InputError, match="picture 1: "):
        detector([np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8)])


def test_torch_keeps_its_number_of_threads(detector: Detector, clutter: Draw) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        detector([clutter(40, 40)])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_same_pictures_give_the_same_numbers(portrait: NDArray[np.uint8]) -> None:
    first, second = (Detector()([portrait, portrait[:, ::-1].copy()]) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert [face.box for face in one] == [face.box for face in other]
        np.testing.assert_array_equal(one[0].landmarks, other[0].landmarks)


def test_first_layers_are_convolution_and_pooling() -> None:
    """The stride-2 convolution with four phases equals 3x3 convolution, slopes and 2x2 pooling."""
    from torch.nn import functional as F

    w = mtcnn.load("pnet", "cpu")
    kernel, bias, slope = w[0][:10, :, :3, :3], w[1][:10], w[2][:10]
    x = torch.rand(2, 3, 20, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = F.max_pool2d(F.prelu(F.conv2d(x, kernel, bias), slope), 2, 2)
    y = F.prelu(F.conv2d(F.prelu(F.conv2d(y, w[3], w[4]), w[5]), w[6], w[7]), w[8])
    y = F.conv2d(y, w[9], w[10])[:, :, ::2, ::2]
    score, offset = mtcnn.propose(x, w)
    torch.testing.assert_close(score, y[:, 4:].softmax(1)[:, 1])
    torch.testing.assert_close(offset, y[:, :4])


def test_suppression_against_a_plain_loop() -> None:
    generator = np.random.default_rng(0)
    corner = generator.random((60, 2)) * 50
    edges = np.concatenate([corner, corner + 5 + generator.random((60, 2)) * 20], 1).astype(np.float32)
    scores = generator.random(60).astype(np.float32)

    def overlap(a: NDArray[np.float32], b: NDArray[np.float32], of_smaller: bool) -> float:
        width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        common = max(width, 0) * max(height, 0)
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
        return float(common / (min(areas) if of_smaller else sum(areas) - common))

    for of_smaller in (False, True):
        kept: list[int] = []
        for i in np.argsort(-scores):
            if all(overlap(edges[i], edges[j], of_smaller) <= 0.4 for j in kept):
                kept.append(int(i))
        assert detect._suppress(edges, scores, 0.4, of_smaller=of_smaller).tolist() == kept


def test_other_weights_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mtcnn"
    (package / "assets" / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "assets" / "weights" / "pnet.lz4").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match=r"pip install mtcnn==1\.0\.0"):
        Detector()


def test_tensorflow_and_the_package_are_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def guarded(name: str, *args: object, **kwargs: object) -> object:
        assert name.partition(".")[0] not in {"mtcnn", "tensorflow"}
        return original(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", guarded)
    Detector()


@pytest.mark.parametrize(("device", "told"), [("cuda:99", "cannot be used here"), ("abacus", "unknown")])
def test_a_device_that_is_not_there(device: str, told: str) -> None:
    with pytest.raises(InputError, match=f"device {device}: {told}"):
        Detector(device=device)


def test_crops_show_exactly_their_box(clutter: Draw) -> None:
    picture = clutter(60, 80)
    levels = [detect._Level(np.ones(2, np.float32), [picture])]
    edges = np.array([[10, 20, 34, 44], [-6, 50, 18, 74]], np.float32)
    inside, outside = detect._cut(
        levels, detect._Boxes(np.zeros(2, np.intp), edges, np.ones(2, np.float32)), 24
    )
    np.testing.assert_array_equal(inside, picture[20:44, 10:34])
    np.testing.assert_array_equal(outside[:10, 6:], picture[50:60, :18])
    assert not outside[:, :6].any()
    assert not outside[10:].any()
