"""What users would install instead, on labelled pictures:
``python -m relgan.benchmark.others DATASET ROOT [SPLIT]``.

Needs the package ``fer`` (its weights are in the wheel); docs/performance.md says how to install it. Each
package works as it comes: it finds the faces in photographs, of which the largest counts, or takes pictures
that are cut to the face as they are. One thread each, in turn; seconds are the processor's, without decoding.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from relgan.data.face import Face, read_bytes
from relgan.data.readers import read, reader_named
from relgan.errors import InputError
from relgan.expressions import canonical
from relgan.faces.image import decode
from relgan.recognizer import Recognizer

Picture = NDArray[np.uint8]
Read = Callable[[Sequence[Picture]], list[str | None]]
"""The expression of the largest face of each picture; None where no face is found."""
TOGETHER = 32


def fer(cropped: bool) -> Read:
    """The package fer (Arriaga et al. 2017's network), with its Haar cascade."""
    try:
        from fer.fer import FER
    except ImportError as error:
        raise InputError(f"the package fer cannot be imported ({error}); see docs/performance.md") from error
    logging.getLogger().setLevel(logging.WARNING)
    detector = FER(offsets=(0, 0)) if cropped else FER()

    def expression(picture: Picture) -> str | None:
        height, width = picture.shape[:2]
        whole = [(0, 0, width, height)] if cropped else None
        found = detector.detect_emotions(np.ascontiguousarray(picture[..., ::-1]), whole)  # it takes BGR
        if not found:
            return None
        largest = max(found, key=lambda face: face["box"][2])
        return canonical(max(largest["emotions"], key=largest["emotions"].get))

    return lambda pictures: [expression(picture) for picture in pictures]  # it knows no batches


def ours(cropped: bool, views: int | None) -> Read:
    recognizer = Recognizer.load(device="cpu", views=views)

    def expressions(pictures: Sequence[Picture]) -> list[str | None]:
        table = recognizer.predict(pictures, cropped=cropped)
        largest = table.sort_values("w").drop_duplicates("input", keep="last").set_index("input").expression
        return [largest.get(str(position)) for position in range(len(pictures))]

    return expressions


def compare(faces: Sequence[Face], ways: dict[str, Read]) -> dict[str, dict[str, Any]]:
    """Accuracy, macro F1, share of pictures with a face, and pictures a second of several ways, in turn."""
    said: dict[str, list[str | None]] = {name: [] for name in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for start in range(0, len(faces), TOGETHER):
        pictures = [decode(read_bytes(face.path), face.path) for face in faces[start : start + TOGETHER]]
        for name, expressions in ways.items():
            if not start:  # what is loaded at the first call
                expressions(pictures[:1])
            began = time.process_time()
            said[name] += expressions(pictures)
            seconds[name] += time.process_time() - began
    labels = [str(face.expression) for face in faces]
    return {
        name: {
            "accuracy": float(np.mean([a == b for a, b in zip(answers, labels, strict=True)])),
            "macro F1": float(
                f1_score(labels, [str(a) for a in answers], labels=sorted(set(labels)), average="macro")
            ),
            "faces found": float(np.mean([a is not None for a in answers])),
            "pictures/s": len(faces) / seconds[name],
        }
        for name, answers in said.items()
    }


def main(dataset: str, root: str, split: str | None = None) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    cropped = reader_named(dataset).cropped
    faces = [
        face
        for face in read(dataset, Path(root)).faces
        if face.expression is not None and split in (None, face.split)
    ]
    ways = {"fer": fer(cropped), "ours": ours(cropped, None), "ours, one view": ours(cropped, 1)}
    for name, row in compare(faces, ways).items():
        numbers = "  ".join(f"{key} {value:.3g}" for key, value in row.items())
        print(f"{name:15} {len(faces)} pictures  {numbers}")


if __name__ == "__main__":
    main(*sys.argv[1:])
