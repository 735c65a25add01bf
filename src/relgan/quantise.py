"""An int8 copy of an ONNX recogniser, and what it loses: ranges and comparison on the packaged faces."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from relgan.loggers import hushed

Faces = NDArray[np.uint8]
Floats = NDArray[np.float32]

CALIBRATION = 256
"""Faces from which the ranges are taken; the others are those the two files are compared on."""


def session(path: Path) -> Any:
    """An onnxruntime session on as many CPU threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _recognise(path: Path, faces: Faces, batch: int = 64) -> tuple[Floats, Floats]:
    opened = session(path)
    parts = [opened.run(None, {"faces": faces[i : i + batch]}) for i in range(0, len(faces), batch)]
    probabilities, codes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return probabilities, codes


def quantise_and_compare(fp32: Path, int8: Path, classes: list[str]) -> dict[str, float]:
    """Write the int8 file with ranges from some packaged synthetic faces; compare the two on the others."""
    faces, labels = packaged_faces(classes)
    order = np.random.default_rng(0).permutation(len(faces))
    quantise(fp32, int8, faces[order[:CALIBRATION]])
    held = order[CALIBRATION:]
    return compare(fp32, int8, faces[held], labels[held])


def quantise(fp32: Path, int8: Path, faces: Faces) -> None:
    """Static quantisation: 8-bit convolutions, their weights with a scale per channel, ranges from ``faces``.

    Reading the face and the classifier behind the code stay fp32: they take no time and need the precision.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Batches(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.starts = iter(range(0, len(faces), 32))

        def get_next(self) -> dict[str, Faces] | None:
            start = next(self.starts, None)
            return None if start is None else {"faces": faces[start : start + 32]}

    model = onnx.load(fp32)
    # Nothing is left to fold, which onnxruntime would else remark.
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with quiet(), redirect_stdout(io.StringIO()):
        quantize_static(
            model,
            int8,
            Batches(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MaxPool", "LeakyRelu"],
            per_channel=True,
            # The rarest values of an activation would take steps from all others.
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def packaged_faces(classes: list[str]) -> tuple[Faces, NDArray[np.int64]]:
    """The packaged synthetic faces (N, 112, 112, 3) and their positions in ``classes``, -1 if not in it."""
    from relgan.data.face import read_bytes
    from relgan.data.readers import read
    from relgan.faces.align import resize_crop
    from relgan.faces.image import decode
    from relgan.synthesis.sample import sample_path

    faces = read("synthetic", sample_path()).faces
    pictures = np.stack([resize_crop(decode(read_bytes(face.path), face.path)) for face in faces])
    position = {name: k for k, name in enumerate(classes)}
    return pictures, np.array([position.get(face.expression or "", -1) for face in faces])


def compare(one: Path, other: Path, faces: Faces, labels: NDArray[np.int64]) -> dict[str, float]:
    """Two recogniser files on the same faces.

    Args:
        one, other: the files, the fp32 one first.
        faces: (N, 112, 112, 3) uint8 RGB; labels: (N,) positions in the classes, -1 where unknown.

    Returns:
        The accuracy of each on the labelled faces, the share of faces with the same first choice, the mean
        absolute difference of the probabilities, and the mean cosine of the codes.
    """
    (p, codes), (q, others) = (_recognise(path, faces) for path in (one, other))
    known = labels >= 0
    lengths = np.linalg.norm(codes, axis=1) * np.linalg.norm(others, axis=1)
    return {
        "faces": len(faces),
        "accuracy_fp32": float((p.argmax(1) == labels)[known].mean()),
        "accuracy_int8": float((q.argmax(1) == labels)[known].mean()),
        "same_first_choice": float((p.argmax(1) == q.argmax(1)).mean()),
        "mean_difference": float(np.abs(p - q).mean()),
        "code_cosine": float(((codes * others).sum(1) / lengths).mean()),
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages it could also translate."""
    with hushed("torch.onnx", below=logging.ERROR), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
