"""How far a generator carries expressions onto strangers, by the strength asked for:
``python -m relgan.benchmark.strengths WEIGHTS FOLDER [READER ...]``.

FOLDER is made by `relgan prepare` or `relgan synthesize`. A READER is weights whose CNN baseline says what a
picture shows; that of WEIGHTS reads where none is given. Each row gives, over pairs of different people who
show different expressions and have a truth, the share in which each reader finds the source's expression, and
the distance from the truth where target and truth differ, in units of the distance of a copy of the target.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from relgan.config import preset
from relgan.data.augment import CENTRE
from relgan.data.batches import make_batch
from relgan.data.manifest import load_prepared
from relgan.data.pairs import NO_TRUTH
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.losses import focus
from relgan.reenacted import unseen_pairs
from relgan.weights import Weights, load_weights

STRENGTHS = (0.5, 1.0, 1.5, 2.0)


def read_share(reader: Weights, pictures: Tensor, wanted: list[str], shown: list[str]) -> float:
    """The share of pictures (N, 3, S, S) in which a baseline finds the wanted expression, among those shown.

    Pictures wanted to show what the reader does not know are left out.
    """
    assert reader.baseline is not None
    known = [name for name in reader.card.expressions if name in shown]
    columns = [reader.card.expressions.index(name) for name in known]
    said = [known[k] for k in reader.baseline.eval()(pictures)[:, columns].argmax(1).tolist()]
    return float(np.mean([a == b for a, b in zip(said, wanted, strict=True) if b in known]))


def relative_error(pictures: Tensor, target: Tensor, truth: Tensor) -> float:
    """Mean absolute distance from the truth where target and truth differ; 1 for a copy of the target."""
    weight = focus(target, truth, preset("best").reenactment.pixel_focus)
    return float(((pictures - truth).abs() * weight).mean() / ((target - truth).abs() * weight).mean())


@torch.no_grad()
def strengths(weights: Weights, data: FaceTensors, readers: list[Weights], seed: int = 0) -> list[list[str]]:
    """Rows of a table: the truth, the target as it is, and each strength; see the module's head.

    Raises:
        InputError: no pair of strangers has a truth.
    """
    size, generator = weights.card.size, weights.generator.eval()
    pairs = unseen_pairs(data.faces, len(data), seed)
    if pairs is None or not (pairs.truth != NO_TRUTH).any():
        raise InputError("no two people show different expressions and share one; nothing to compare with")
    batch = make_batch(data, pairs, torch.full((len(pairs), 2), CENTRE[0]), size)
    known = batch.has_truth
    source, target, truth = batch.source[known], batch.target[known], batch.truth[known]
    wanted = [data.classes[k] for k in batch.expression[known].tolist()]
    shown = sorted({face.expression for face in data.faces if face.expression is not None})
    seen, code = generator.see(target), generator.expression_encoder(source)
    assert seen.shown is not None
    rows = {"truth": truth, "target": target}
    for strength in STRENGTHS:
        carried = torch.lerp(seen.shown, code, strength)
        rows[f"strength {strength:g}"] = generator.paint(carried, seen).picture
    return [
        [
            name,
            *(f"{100 * read_share(reader, pictures, wanted, shown):.0f} %" for reader in readers),
            f"{relative_error(pictures, target, truth):.2f}",
        ]
        for name, pictures in rows.items()
    ]


def main(place: str, folder: str, *places: str) -> None:
    torch.set_num_threads(1)
    weights = load_weights(place)
    faces, pictures = load_prepared(Path(folder))
    known = [k for k, face in enumerate(faces) if face.expression in weights.card.expressions]
    data = FaceTensors.of([faces[k] for k in known], pictures[np.array(known)], weights.card.expressions)
    readers = [load_weights(name) for name in places or (place,)]
    for name, reader in zip(places or (place,), readers, strict=True):
        if reader.baseline is None:
            raise InputError(f"{name}: holds no baseline; give weights made by relgan train")
    print(" | ".join([Path(folder).name, *(places or (place,)), "error"]))
    for row in strengths(weights, data, readers):
        print(" | ".join(row), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m relgan.benchmark.strengths WEIGHTS FOLDER [READER ...]")
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
