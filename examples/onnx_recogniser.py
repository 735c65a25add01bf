"""Recognise expressions with an exported file and onnxruntime alone: neither relgan nor torch is needed.

    relgan export --out recogniser.onnx
    relgan prepare folder PHOTOS --out aligned   # PHOTOS has a manifest.csv: path,expression (empty)
    python examples/onnx_recogniser.py recogniser.onnx aligned/faces/*.png

Prints one line per face: the file, its most likely expression and the probabilities.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

BATCH = 64


def main(model: str, paths: list[str]) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    expressions = json.loads(about["expressions"])
    print(f"{model}: {about['precision']}, opset {about['opset']}, weights {about['weights']}")

    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        faces = np.stack([read(path) for path in batch])
        probabilities, codes = session.run(["probabilities", "code"], {"faces": faces})
        for path, row, code in zip(batch, probabilities, codes, strict=True):
            shown = ", ".join(f"{name} {share:.2f}" for name, share in zip(expressions, row, strict=True))
            print(f"{path}: {expressions[row.argmax()]} ({shown}; code of length {np.linalg.norm(code):.1f})")


def read(path: str) -> np.ndarray:
    """An aligned face as (112, 112, 3) uint8 RGB."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((112, 112), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python onnx_recogniser.py FILE.onnx FACE.png ...")
    main(sys.argv[1], sys.argv[2:])
