"""Exported files give what PyTorch gives, say what they are, and run without this package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from relgan.data.augment import CENTRE, views
from relgan.errors import InputError
from relgan.export import Centre, Reenacter, export, recogniser_of
from relgan.models import Classifier, Generator
from relgan.quantise import compare, packaged_faces, session
from relgan.weights import Card, Weights

from .conftest import EXPRESSIONS, draw_face

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Networks whose batch norms have seen something, so that leaving one out would show."""
    torch.manual_seed(0)
    generator, classifier = Generator(64, width=0.25, skips=True), Classifier(len(EXPRESSIONS))
    for layer in [*generator.modules(), *classifier.modules()]:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias, 0, 0.1)
    card = Card(64, 30, 50, 0.25, list(EXPRESSIONS), provenance={"dataset": "none"})
    return Weights(card, generator.eval(), classifier.eval())


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    return np.stack([draw_face(person, name) for person in range(3) for name in EXPRESSIONS])


@pytest.fixture(scope="module")
def recogniser(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(weights, tmp_path_factory.mktemp("onnx") / "recogniser.onnx", source="a test").path


def outputs(path: Path, **inputs: NDArray[np.uint8]) -> list[Any]:
    return list(session(path).run(None, inputs))


@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_the_view_in_the_graph_is_the_centre_view(size: int, faces: NDArray[np.uint8]) -> None:
    given = torch.from_numpy(faces)
    expected = views(given, torch.tensor(CENTRE * len(faces)), size)
    assert torch.allclose(Centre(size)(given), expected, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_recogniser_file_gives_what_the_networks_give(
    count: int, recogniser: Path, weights: Weights, faces: NDArray[np.uint8]
) -> None:
    """Against the networks as trained, not as folded, for every size of batch."""
    assert weights.classifier is not None
    with torch.no_grad():
        pictures = views(torch.from_numpy(faces[:count]), torch.tensor(CENTRE * count), 64)
        code = weights.generator.expression_encoder(pictures)
        expected = weights.classifier(code).softmax(1)
    probabilities, codes = outputs(recogniser, faces=faces[:count])
    assert probabilities.shape == (count, len(EXPRESSIONS))
    assert np.abs(probabilities - expected.numpy()).max() < 1e-4
    assert np.abs(codes - code.numpy()).max() < 1e-4
    assert np.abs(codes).max() > 1e-2  # the comparison is not one of zeros


def test_generator_file_gives_what_the_networks_give(
    tmp_path: Path, weights: Weights, faces: NDArray[np.uint8]
) -> None:
    path = export(weights, tmp_path / "generator.onnx", what="generator").path
    for count in (1, 4):
        source, target = faces[:count], faces[-count:]
        with torch.no_grad():
            centre = torch.tensor(CENTRE * count)
            pictures = [views(torch.from_numpy(side), centre, 64) for side in (source, target)]
            expected = (weights.generator(*pictures).picture.permute(0, 2, 3, 1) + 1) / 2
        (picture,) = outputs(path, source=source, target=target)
        assert picture.shape == (count, 64, 64, 3)
        assert np.abs(picture - expected.numpy()).max() < 1e-4
        assert picture.std() > 1e-3


def test_exporting_leaves_the_networks_as_they_are(weights: Weights) -> None:
    before = weights.digest()
    recogniser_of(weights)
    Reenacter(weights)
    assert weights.digest() == before


def test_a_file_says_what_it_is(recogniser: Path) -> None:
    about = session(recogniser).get_modelmeta().custom_metadata_map
    assert json.loads(about["expressions"]) == list(EXPRESSIONS)
    assert json.loads(about["shapes"])["code"] == "(n, 30)"
    assert (about["opset"], about["precision"], about["weights"]) == ("18", "fp32", "a test")
    assert float(about["difference_from_pytorch"]) < 1e-4
    assert json.loads(about["provenance"]) == {"dataset": "none"}


def test_an_int8_file_is_smaller_and_compared_with_the_fp32_one(
    tmp_path: Path, recogniser: Path, weights: Weights
) -> None:
    made = export(weights, tmp_path / "int8.onnx", int8=True)
    assert made.bytes < 0.5 * recogniser.stat().st_size
    assert made.agreement is not None
    assert made.agreement["faces"] > 1000
    assert made.agreement["code_cosine"] > 0.98
    faces, labels = packaged_faces(list(EXPRESSIONS))
    assert set(labels.tolist()) == {-1, 0, 1, 2}
    again = compare(recogniser, recogniser, faces[:50], labels[:50])
    assert (again["same_first_choice"], again["mean_difference"]) == (1.0, 0.0)
    about = session(made.path).get_modelmeta().custom_metadata_map
    assert json.loads(about["int8_against_fp32"]) == made.agreement


def test_what_cannot_be_exported_is_named(tmp_path: Path, weights: Weights) -> None:
    bare = Weights(weights.card, weights.generator)
    with pytest.raises(InputError, match="no classifier"):
        export(bare, tmp_path / "a.onnx")
    with pytest.raises(InputError, match="--int8"):
        export(weights, tmp_path / "a.onnx", what="generator", int8=True)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="--out"):
        export(weights, tmp_path / "file" / "a.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_onnx_example_needs_neither_torch_nor_this_package(tmp_path: Path, recogniser: Path) -> None:
    Image.fromarray(draw_face(0, "anger")).save(tmp_path / "a face.png")
    Image.fromarray(draw_face(1, "surprise", size=90)).save(tmp_path / "b.png")
    code = (
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'torch', 'relgan'} & set(sys.modules)\n"
    )
    arguments = [EXAMPLES / "onnx_recogniser.py", recogniser, tmp_path / "a face.png", tmp_path / "b.png"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "a face.png: " in lines[1]
    assert lines[2].split(": ")[1].split(" ")[0] in EXPRESSIONS
