"""ONNX files of the recogniser and of the generator: aligned faces in as bytes, everything else in the graph.

Cropping, scaling to the networks' size and normalisation are part of the graph, so whoever runs the file
needs nothing of this package: ``examples/onnx_recogniser.py`` does it with onnxruntime alone. What a file is
(its classes, shapes, opset, where its weights come from) stands in its metadata; docs/export.md explains it.
"""

import copy
import importlib.util
import json
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relgan.data.augment import CENTRE, CROP, THETAS
from relgan.errors import InputError
from relgan.folded import folded_classifier, folded_encoder
from relgan.models import Classifier, Encoder
from relgan.quantise import Floats, quantise_and_compare, quiet, session
from relgan.weights import Weights

What = Literal["recogniser", "generator"]

FACE = 112
"""Side of the aligned face in pixels."""
OPSET = 18
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4
"""How far the file may be from PyTorch; past it nothing is written."""


@dataclass(frozen=True)
class Exported:
    """An ONNX file as written.

    Attributes:
        path: the file.
        bytes: its size.
        difference: the largest difference from PyTorch over some pictures (in units of the largest value
            where that is above 1); of an int8 file that of the fp32 graph it was made from.
        agreement: of an int8 file, what it gives beside the fp32 graph (:func:`compare`).
    """

    path: Path
    bytes: int
    difference: float
    agreement: dict[str, float] | None = None


class Centre(nn.Module):
    """The networks' view of an aligned face: the centre 96/112, bilinear, RGB in [-1, 1].

    The same numbers as ``relgan.data.augment.views`` with the centre variant, as two matrix products: a
    lookup that neither turns nor shears is one product for the rows and one for the columns.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        theta = THETAS[CENTRE[0]]
        assert torch.allclose(theta, torch.tensor([[CROP, 0, 0], [0, CROP, 0]]))
        centres = (2 * torch.arange(size) + 1) / size - 1  # of the view's pixels, in [-1, 1]
        at = ((CROP * centres + 1) * FACE - 1) / 2  # the same in pixels of the face
        left = at.floor().clamp(0, FACE - 2)
        share = (at - left)[:, None]
        lookup = F.one_hot(left.long(), FACE) * (1 - share) + F.one_hot(left.long() + 1, FACE) * share
        self.register_buffer("lookup", lookup)  # (S, 112)

    def forward(self, faces: Tensor) -> Tensor:
        """(N, 112, 112, 3) uint8 -> (N, 3, S, S)."""
        lookup = self.get_buffer("lookup")
        pictures = faces.permute(0, 3, 1, 2).float() / 127.5 - 1
        return lookup @ pictures @ lookup.T


class Recogniser(nn.Module):
    """Aligned faces to the probabilities of the expressions and the expression code."""

    def __init__(self, encoder: Encoder, classifier: Classifier) -> None:
        super().__init__()
        self.view = Centre(encoder.size)
        self.encoder, self.classifier = folded_encoder(encoder), folded_classifier(classifier)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 112, 112, 3) uint8 -> probabilities (N, C), code (N, 30)."""
        code = self.encoder(self.view(faces))
        return self.classifier(code).softmax(1), code


class Reenacter(nn.Module):
    """Aligned faces of a source and of a target to the target's person with the source's expression."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.generator = copy.deepcopy(weights.generator).eval()
        self.view = Centre(self.generator.size)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Two times (N, 112, 112, 3) uint8 -> (N, S, S, 3) in [0, 1]."""
        # Not the generator's own pass: it splits a batch into equal parts, which no graph of any n can.
        expression = self.generator.expression_encoder(self.view(source))
        picture = self.generator.paint(expression, self.generator.see(self.view(target))).picture
        return (picture.permute(0, 2, 3, 1) + 1) / 2


def export(
    weights: Weights, out: Path, *, what: What = "recogniser", int8: bool = False, source: str = ""
) -> Exported:
    """Write an ONNX file, whole or not at all, once onnxruntime was seen to give what PyTorch gives.

    Args:
        weights: networks and their card.
        out: the file.
        what: "recogniser" (``faces`` -> ``probabilities``, ``code``) or "generator" (``source``, ``target``
            -> ``picture``).
        int8: quantise the recogniser's encoder, with ranges from the packaged synthetic faces.
        source: where the weights come from, for the metadata.

    Raises:
        InputError: the packages are missing, the weights hold no classifier, ``out`` cannot be written, or
        int8 was asked of the generator.
    """
    if what == "recogniser" and weights.classifier is None:
        raise InputError("--weights: hold no classifier; take those of relgan train, or --what generator")
    if int8 and what == "generator":
        raise InputError("--int8: only for --what recogniser; the generator's pictures would suffer")
    _check_packages()
    graph = (recogniser_of(weights) if what == "recogniser" else Reenacter(weights)).eval()
    graph.requires_grad_(False)
    faces = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, FACE, FACE, 3), np.uint8))
    inputs = (faces,) if what == "recogniser" else (faces, faces.flip(0))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
            path = Path(temporary) / "graph.onnx"
            _write_graph(graph, inputs, what, path)
            difference = _farthest(graph(*inputs), _run(path, inputs))
            if not difference < TOLERANCE:
                raise RuntimeError(f"{what}: onnxruntime differs from PyTorch by {difference:.2g}")
            agreement = None
            if int8:
                fp32, path = path, path.with_name("int8.onnx")
                agreement = quantise_and_compare(fp32, path, weights.card.expressions)
            _describe(path, weights, what, source, difference, agreement)
            os.replace(path, out)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror or error})") from error
    return Exported(out, out.stat().st_size, difference, agreement)


def recogniser_of(weights: Weights) -> Recogniser:
    assert weights.classifier is not None
    return Recogniser(weights.generator.expression_encoder, weights.classifier)


def _check_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX files need {', '.join(missing)}; pip install 'relgan[export]'")


def _write_graph(graph: nn.Module, inputs: tuple[Tensor, ...], what: What, path: Path) -> None:
    with quiet():
        program = torch.onnx.export(
            graph,
            inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=["faces"] if what == "recogniser" else ["source", "target"],
            output_names=["probabilities", "code"] if what == "recogniser" else ["picture"],
            dynamic_shapes=tuple({0: "n"} for _ in inputs),
            verbose=False,
        )
    assert program is not None
    program.save(str(path))


def _run(path: Path, inputs: tuple[Tensor, ...]) -> list[Floats]:
    opened = session(path)
    names = [entry.name for entry in opened.get_inputs()]
    outputs: list[Floats] = opened.run(
        None, {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    )
    return outputs


def _farthest(expected: Tensor | tuple[Tensor, ...], got: list[Floats]) -> float:
    """The largest absolute difference, in units of the largest value where that is above 1."""
    expected = (expected,) if isinstance(expected, Tensor) else expected
    return max(
        float(np.abs(a.numpy() - b).max() / max(1.0, np.abs(b).max()))
        for a, b in zip(expected, got, strict=True)
    )


def _describe(
    path: Path,
    weights: Weights,
    what: What,
    source: str,
    difference: float,
    agreement: dict[str, float] | None,
) -> None:
    """Write into the file what it is: text fields, JSON where they hold more than a word."""
    import onnx

    card, side = weights.card, weights.card.size
    model = onnx.load(path)
    for node in [*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info]:
        del node.metadata_props[:]  # the exporter's notes on the source code's lines
    face = f"(n, {FACE}, {FACE}, 3) uint8 RGB, aligned as relgan prepare does"
    shapes = {"faces": face, "probabilities": f"(n, {len(card.expressions)})"}
    shapes["code"] = f"(n, {card.expression_dim})"
    if what == "generator":
        shapes = {"source": face, "target": face, "picture": f"(n, {side}, {side}, 3) float32 RGB in [0, 1]"}
    fields: dict[str, Any] = {
        "what": what,
        "shapes": shapes,
        "opset": str(OPSET),
        "precision": "fp32" if agreement is None else "int8",
        "view": f"the centre {round(CROP * FACE)} of {FACE} pixels, bilinear to {side}",
        "difference_from_pytorch": f"{difference:.2g}",
        "weights": source,
        "weights_sha256": weights.digest(),
        "provenance": card.provenance,
        "made_with": {name: version(name) for name in ("relgan", "torch", "onnx", "onnxruntime")},
    }
    if what == "recogniser":
        fields["expressions"] = card.expressions
        fields["measured"] = card.measured
    if agreement is not None:
        fields["int8_against_fp32"] = agreement
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    onnx.helper.set_model_props(model, text)
    model.producer_name, model.producer_version = "relgan", version("relgan")
    onnx.checker.check_model(model)
    onnx.save(model, path)
