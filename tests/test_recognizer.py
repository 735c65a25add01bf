"""The estimator: scikit-learn's names, every kind of picture, pickles and threads."""

import pickle
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import relgan
from relgan.config import RecognitionConfig
from relgan.data.augment import CENTRE, views
from relgan.data.face import Face
from relgan.data.manifest import load_prepared
from relgan.errors import InputError
from relgan.faces.prepare import prepare
from relgan.recognition import CPU_BATCH
from relgan.recognizer import Recognizer
from relgan.weights import load_weights

from .clips import CLASSES, photograph, random_weights, synthetic_face
from .conftest import EXPRESSIONS, drawn_people

KEYS = ["input", "frame", "time_s", "face", "x", "y", "w", "h", "detection"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def recognizer(folder: Path) -> Recognizer:
    return Recognizer.load(folder)


def test_an_unknown_number_of_views_is_refused(recognizer: Recognizer) -> None:
    with pytest.raises(InputError, match="--views 3: give 1, 2, 6, 10"):
        recognizer.predict_proba(np.zeros((1, 112, 112, 3), np.uint8), views=3)


def test_what_is_packaged_is_taken_whatever_folder_is_called_so_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("wild", "synthetic"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert Recognizer.load().weights.card.provenance["dataset"] == "synthetic + fer2013"
    assert relgan.Reenactor.load().weights.card.provenance["dataset"] == "synthetic"
    with pytest.raises(InputError, match=r"write \./wild for the folder, or rename it"):
        Recognizer.load("wild")


def test_the_package_offers_it_lazily() -> None:
    assert relgan.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="nothing"):
        relgan.nothing  # noqa: B018


def test_codes_are_those_of_the_centre_view(recognizer: Recognizer) -> None:
    faces = np.stack([synthetic_face(k) for k in range(3)])
    pictures = views(torch.from_numpy(faces), torch.full((3,), CENTRE[0]), 32)
    with torch.no_grad():
        expected = recognizer.weights.generator.expression_encoder(pictures)
    np.testing.assert_allclose(recognizer.transform(faces), expected.numpy(), atol=1e-5)
    assert recognizer.transform(faces).shape == (3, 30)


def test_the_weights_stay_as_they_were_loaded(folder: Path, tmp_path: Path) -> None:
    before = load_weights(folder)
    recognizer = Recognizer.load(folder)
    recognizer.predict_proba(synthetic_face())
    assert recognizer.weights.digest() == before.digest()
    assert pickle.loads(pickle.dumps(recognizer)).weights.digest() == before.digest()
    recognizer.save(tmp_path / "copy")
    assert load_weights(tmp_path / "copy").digest() == before.digest()


def test_a_face_gets_the_same_whatever_faces_come_with_it(recognizer: Recognizer) -> None:
    faces = np.stack([synthetic_face(k % 8) for k in range(2 * CPU_BATCH + 3)])
    together = recognizer.predict_proba(faces, views=1)
    alone = np.concatenate([recognizer.predict_proba(face, views=1) for face in faces[:9]])
    np.testing.assert_allclose(together[:9], alone, atol=1e-6)
    np.testing.assert_allclose(together[8:], together[:-8], atol=1e-6)  # the eight people come round again


@pytest.mark.parametrize(
    ("count", "chosen"), [(None, (40, 41, 44, 45, 46, 49)), (2, (40, 45)), (10, range(40, 50))]
)
def test_probabilities_are_the_mean_over_views(
    recognizer: Recognizer, count: int | None, chosen: Sequence[int]
) -> None:
    faces = np.stack([synthetic_face(k) for k in range(2)])
    classifier = recognizer.weights.classifier
    assert classifier is not None
    expected = torch.zeros(2, len(CLASSES))
    with torch.no_grad():
        for view in chosen:
            pictures = views(torch.from_numpy(faces), torch.full((2,), view), 32)
            expected += classifier(recognizer.weights.generator.expression_encoder(pictures)).softmax(1)
    found = recognizer.predict_proba(faces, views=count)
    np.testing.assert_allclose(found, expected.numpy() / len(chosen), atol=1e-6)
    assert found.shape == (2, len(recognizer.classes_))
    one = recognizer.predict_proba(faces, views=1)
    np.testing.assert_allclose(one.sum(1), 1, atol=1e-5)
    assert not np.allclose(one, found)
    assert recognizer.predict_proba([]).shape == (0, 8)


def test_one_row_per_face_whatever_the_picture_comes_as(recognizer: Recognizer, tmp_path: Path) -> None:
    array = photograph((0, 10, 60), (1, 180, 60))
    path = tmp_path / "ü b.png"
    Image.fromarray(array).save(path)
    tables = [recognizer.predict(given) for given in (path, str(path), array, Image.fromarray(array))]
    tables += [recognizer.predict([given]) for given in (path, array)]
    for table in tables:
        assert list(table.columns) == [*KEYS, *CLASSES, "expression"]
        assert table.face.tolist() == [0, 1]
        assert table.x[0] < table.x[1]
        assert (table.detection > 0.7).all()
        np.testing.assert_allclose(table[CLASSES].sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(table[CLASSES], tables[0][CLASSES], atol=1e-6)
        assert table.expression.tolist() == table[CLASSES].idxmax(axis=1).tolist()
        assert table.frame.isna().all()
    assert tables[0].input.tolist() == [str(path)] * 2
    x, y, w, h = tables[0].loc[0, list("xywh")]
    assert (x + w / 2, y + h / 2) == pytest.approx((66, 118), abs=14)


def test_crops_are_aligned_as_prepare_aligns_them(recognizer: Recognizer, tmp_path: Path) -> None:
    crops = [synthetic_face(k)[18:106, 12:100] for k in range(3)]
    for k, crop in enumerate(crops):
        Image.fromarray(crop).save(tmp_path / f"{k}.png")
    faces = [Face(str(tmp_path / f"{k}.png")) for k in range(3)]
    prepare(faces, tmp_path / "prepared", cropped=True, progress=False)
    table = recognizer.predict(crops, cropped=True)
    wanted = recognizer.predict_proba(load_prepared(tmp_path / "prepared")[1])
    np.testing.assert_allclose(table[CLASSES], wanted, atol=1e-6)
    assert (table.detection > 0.7).all()
    assert table.input.tolist() == ["0", "1", "2"]


def test_a_crop_without_landmarks_gives_a_row_all_the_same(recognizer: Recognizer) -> None:
    table = recognizer.predict(np.full((1, 48, 48, 3), 128, np.uint8), cropped=True)
    assert table.loc[0, list("xywh")].tolist() == [0, 0, 48, 48]
    assert table.detection.isna().all()


@pytest.mark.filterwarnings("ignore:.*no")
def test_broken_pictures_among_others_are_warned_of(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no")
    pictures = [
        tmp_path / "broken.jpg",
        photograph((0, 10, 60)),
        np.zeros((9, 9, 3), np.uint8),
        tmp_path / "no.png",
    ]
    with pytest.warns(UserWarning, match=r"broken\.jpg"):
        table = recognizer.predict(pictures)
    assert table.input.tolist() == ["1"]
    assert [name for name, _ in table.attrs["skipped"]] == [str(pictures[0]), "2", str(pictures[3])]
    with pytest.raises(InputError, match=r"broken\.jpg"):
        recognizer.predict(pictures[0])
    with pytest.raises(InputError, match="no such file"):
        recognizer.predict(tmp_path / "no.png")
    with pytest.raises(InputError, match="uint8"):
        recognizer.predict(np.zeros((50, 50, 3)))
    with pytest.warns(UserWarning, match="no face"):
        assert len(recognizer.predict(np.zeros((50, 50, 3), np.uint8))) == 0


def test_pictures_that_opencv_read_are_warned_of(recognizer: Recognizer) -> None:
    picture = photograph((0, 10, 60), (1, 180, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recognizer.predict(picture)
    with pytest.warns(UserWarning, match="red and blue"):
        recognizer.predict(np.ascontiguousarray(picture[..., ::-1]))


def test_a_pickled_recogniser_predicts_the_same(recognizer: Recognizer) -> None:
    faces = np.stack([synthetic_face(k) for k in range(2)])
    assert recognizer.detector is not None
    copy = pickle.loads(pickle.dumps(recognizer))
    np.testing.assert_array_equal(copy.predict_proba(faces), recognizer.predict_proba(faces))
    assert copy.classes_.tolist() == recognizer.classes_.tolist()


def test_threads_get_what_one_alone_gets(recognizer: Recognizer) -> None:
    pictures = [photograph((k, 20 + 3 * k, 50)) for k in range(6)]
    alone = [recognizer.predict(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(recognizer.predict, pictures * 3))
    for k, table in enumerate(together):
        np.testing.assert_allclose(table[CLASSES], alone[k % 6][CLASSES], atol=1e-6)


def test_fitting_learns_the_labels_and_leaves_the_encoder(folder: Path, tmp_path: Path) -> None:
    recognizer = Recognizer.load(folder)
    records, pictures = drawn_people(4, takes=2)
    labels = [face.expression or "" for face in records]
    before = recognizer.transform(pictures)
    spelt = ["happy" if label == "happiness" else label for label in labels]
    fitted = recognizer.fit(pictures, spelt, RecognitionConfig(epochs=60, variants=4, learning_rate=1e-2))
    assert fitted is recognizer
    assert recognizer.classes_.tolist() == sorted(EXPRESSIONS)
    np.testing.assert_array_equal(recognizer.transform(pictures), before)
    guessed = recognizer.classes_[recognizer.predict_proba(pictures).argmax(1)]
    assert (guessed == np.array(labels)).mean() > 0.8
    assert recognizer.predict(pictures[:1], cropped=True).columns[-2] == "surprise"
    recognizer.save(tmp_path / "mine")
    again = Recognizer.load(tmp_path / "mine")
    np.testing.assert_allclose(again.predict_proba(pictures), recognizer.predict_proba(pictures), atol=1e-6)
    with pytest.raises(InputError, match="grumpy"):
        recognizer.fit(pictures[:2], ["grumpy", "anger"])
    with pytest.raises(InputError, match="one for each face"):
        recognizer.fit(pictures[:2], ["anger"])
    with pytest.raises(InputError, match="two expressions"):
        recognizer.fit(pictures[:2], ["anger", "anger"])


def test_weights_without_a_classifier_give_codes_alone(tmp_path: Path) -> None:
    recognizer = Recognizer.load(random_weights(tmp_path, classifier=False))
    assert recognizer.transform(synthetic_face()).shape == (1, 30)
    with pytest.raises(InputError, match="no classifier"):
        recognizer.predict(synthetic_face(), cropped=True)


def test_options_that_cannot_be_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--views 3"):
        Recognizer.load(folder, views=3)
    with pytest.raises(InputError, match="--device warp"):
        Recognizer.load(folder, device="warp")
    with pytest.raises(InputError, match=r"card\.json"):
        Recognizer.load(tmp_path)
