"""Weights on a data set they never saw: only shared expressions count, and bad input is one clear line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from relgan.baseline import predict_baseline
from relgan.cli import main
from relgan.data.tensors import FaceTensors
from relgan.models import Baseline, Classifier, Generator, initialise
from relgan.predictions import read_predictions
from relgan.training import make_fabric
from relgan.transfer import measure_transfer, write_transfer
from relgan.weights import load_weights, save_weights

from .conftest import drawn_people
from .test_cli import crops, fails

CLASSES = ["anger", "disgust", "happiness"]  # the drawn faces show anger, happiness and surprise


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    generator = Generator(32, width=0.25)
    baseline, classifier = Baseline(3, 32, width=0.25), Classifier(3)
    for seed, network in enumerate((generator, baseline, classifier)):
        initialise(network, torch.Generator().manual_seed(seed))
    save_weights(folder, generator, CLASSES, {}, classifier=classifier, baseline=baseline)
    return folder


def test_only_expressions_both_know_are_counted(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = crops(tmp_path / "CK+48")
    main(["test", "ck48", str(root), "--weights", str(weights), "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "test.json").read_text())
    assert found["expressions"] == ["anger", "happiness"]
    assert (found["faces"], found["people"]) == (16, 4)
    assert np.sum(found["methods"]["relgan"]["confusion"]) == 16
    assert found["chance"] == 0.5
    assert found["identity"]["expression_code"]["chance"] == 0.25
    low, high = found["methods"]["relgan"]["interval"]
    assert low <= found["methods"]["relgan"]["accuracy"] <= high
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert sum(found["methods"]["baseline"]["calibration"]["faces"]) == 16
    assert len(read_predictions(tmp_path / "out" / "predictions.csv")) == 2 * 16
    shown = capsys.readouterr().out
    assert "McNemar" in shown
    assert "95 % over people" in shown


def test_accuracy_is_that_of_the_likeliest_shared_expression(weights: Path, tmp_path: Path) -> None:
    from relgan.study import align_dataset

    aligned = align_dataset("ck48", crops(tmp_path / "CK+48"), tmp_path / "out")
    data, fabric = FaceTensors.of(aligned.faces, aligned.pictures, CLASSES), make_fabric("32-true", "cpu")
    loaded = load_weights(weights)
    assert loaded.baseline is not None
    measured = measure_transfer(loaded, data, fabric)
    found, rows = measured.findings, measured.predictions
    table = predict_baseline(loaded.baseline, data, 32, fabric)
    likelier = np.where(table[:, 0] > table[:, 2], "anger", "happiness")
    truth = np.array([face.expression for face in data.faces])
    shared = np.isin(truth, ["anger", "happiness"])
    assert found["methods"]["baseline"]["accuracy"] == pytest.approx((likelier == truth)[shared].mean())
    assert rows.predicted[rows.method == "baseline"].tolist() == likelier[shared].tolist()
    assert np.allclose(rows[["anger", "happiness"]].sum(axis=1), 1)


def test_weights_without_a_classifier_and_unknown_parts_are_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = crops(tmp_path / "CK+48"), tmp_path / "out"
    bare = tmp_path / "bare"
    save_weights(bare, load_weights(weights).generator, CLASSES, {})
    assert "relgan train" in fails(capsys, "test", "ck48", root, "--weights", bare, "--out", out)
    options = ("--weights", weights, "--out", out, "--split", "test")
    assert "no such part" in fails(capsys, "test", "ck48", root, *options)


def test_the_test_of_other_weights_is_not_written_over(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = crops(tmp_path / "CK+48"), tmp_path / "out"
    main(["test", "ck48", str(root), "--weights", str(weights), "--out", str(out)])
    before = (out / "test.json").read_text()
    main(["test", "ck48", str(root), "--weights", str(weights), "--out", str(out)])
    assert (out / "test.json").read_text() == before
    assert "test of other weights" in fails(capsys, "test", "ck48", root, "--out", out)
    assert (out / "test.json").read_text() == before


def test_weights_that_learnt_from_the_tested_data_set_are_warned_of(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, own = crops(tmp_path / "CK+48"), tmp_path / "own"
    loaded = load_weights(weights)
    save_weights(
        own,
        loaded.generator,
        CLASSES,
        {"dataset": "synthetic + ck48"},
        classifier=loaded.classifier,
        baseline=loaded.baseline,
    )
    main(["test", "ck48", str(root), "--weights", str(own), "--out", str(tmp_path / "out")])
    assert "learnt from ck48 too" in capsys.readouterr().err
    assert "learnt from ck48" in json.loads((tmp_path / "out" / "test.json").read_text())["warning"]
    assert not load_weights(own).learnt_from("synthetic")
    assert not loaded.learnt_from("ck48")


def test_people_and_pictures_whose_names_are_no_utf8_are_tested(weights: Path, tmp_path: Path) -> None:
    faces, pictures = drawn_people(3)
    odd = [
        replace(face, path=f"{k}\udcf6.png", subject=f"{face.subject}\udcf6") for k, face in enumerate(faces)
    ]
    data = FaceTensors.of(odd, pictures, CLASSES)
    assert len(data.digest()) == 64
    write_transfer(measure_transfer(load_weights(weights), data, make_fabric("32-true", "cpu")), tmp_path, {})
    assert read_predictions(tmp_path / "predictions.csv").subject.tolist()[0] == odd[0].subject


def test_weights_that_learnt_from_the_very_faces_are_warned_of(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, own, loaded = crops(tmp_path / "CK+48"), tmp_path / "own", load_weights(weights)
    command = ["test", "ck48", str(root), "--weights"]
    main([*command, str(weights), "--out", str(tmp_path / "out")])
    assert "warning" not in capsys.readouterr().err
    faces = json.loads((tmp_path / "out" / "test.json").read_text())["pictures"]
    save_weights(
        own,
        loaded.generator,
        CLASSES,
        {"dataset": "synthetic", "data": faces},
        classifier=loaded.classifier,
        baseline=loaded.baseline,
    )
    main([*command, str(own), "--out", str(tmp_path / "own-out")])
    assert "learnt from these very faces" in capsys.readouterr().err


def test_the_test_of_other_faces_is_not_written_over(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = crops(tmp_path / "CK+48"), tmp_path / "out"
    main(["prepare", "ck48", str(root), "--out", str(tmp_path / "all")])
    manifest = (tmp_path / "all" / "manifest.csv").read_text().splitlines(keepends=True)
    main(["test", "ck48", str(tmp_path / "all"), "--weights", str(weights), "--out", str(out)])
    before = (out / "test.json").read_text()
    (tmp_path / "all" / "manifest.csv").write_text("".join(manifest[:-3]))
    refused = fails(capsys, "test", "ck48", tmp_path / "all", "--weights", weights, "--out", out)
    assert "test of other pictures" in refused
    assert (out / "test.json").read_text() == before


def test_weights_know_the_people_of_kindred_data_sets_and_what_they_began_with(
    weights: Path, tmp_path: Path
) -> None:
    loaded, own = load_weights(weights), tmp_path / "own"
    provenance = {"dataset": "synthetic", "before": ["fer2013", "jaffe"]}
    save_weights(own, loaded.generator, CLASSES, provenance, classifier=loaded.classifier)
    mixed = load_weights(own)
    assert mixed.datasets() == ["fer2013", "jaffe", "synthetic"]
    assert all(mixed.learnt_from(name) for name in ("FER-2013", "ferplus", "jaffe"))
    assert not any(mixed.learnt_from(name) for name in ("synthetic", "ckplus", "mine"))
