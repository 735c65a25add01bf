"""What reenacted pictures of unseen people are worth: near the truth, read by others, read again by G."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from relgan.data.augment import CENTRE
from relgan.data.batches import make_batch
from relgan.data.face import Face
from relgan.data.pairs import NO_TRUTH, Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.disentanglement import swap_consistency
from relgan.losses import UNKNOWN
from relgan.models import Baseline, Generator
from relgan.probes import Floats, Labels, linear_probe
from relgan.quality import closeness, frechet_distance, kernel_distance
from relgan.seeds import seeded

MOST_PAIRS = 256
BATCH = 64
STREAM = 20_000  # position of these pairs in the seed's stream; training epochs count from 0
PIXELS = 8  # side of the grey thumbnails that the independent reader of people sees

Strings = NDArray[np.str_]


def unseen_pairs(faces: Sequence[Face], targets: int, seed: int) -> Pairs | None:
    """Up to 256 pairs whose answer is not in the target: source and target are different people (where
    people are known) and show different expressions; targets are among the first ``targets`` faces."""
    if not any(face.expression for face in faces):
        return None
    rows: list[tuple[int, int, int]] = []
    for k in range(4):
        draw = PairSampler(faces).draw(seeded(seed, "pairs", STREAM, k))
        for row in zip(draw.source.tolist(), draw.target.tolist(), draw.truth.tolist(), strict=True):
            source, target = faces[row[0]], faces[row[1]]
            strangers = source.subject is None or source.subject != target.subject
            if row[1] < targets and strangers and target.expression not in (None, source.expression):
                rows.append(row)
    rows = list(dict.fromkeys(rows))[:MOST_PAIRS]
    return Pairs(*torch.tensor(rows).T) if rows else None


@dataclass(frozen=True)
class Outputs:
    """Of N pairs: pictures (N, 3, S, S) on the CPU, codes (N, D)."""

    source: Tensor
    target: Tensor
    truth: Tensor
    picture: Tensor
    has_truth: NDArray[np.bool_]
    codes: dict[str, Floats]  # what the pictures were painted from
    again: dict[str, Floats]  # what the encoders read from them


@torch.no_grad()
def reenact(generator: Generator, data: FaceTensors, pairs: Pairs, size: int) -> Outputs:
    """Centre views of the pairs, the pictures made of them, and the codes before and after."""
    generator.eval()
    parts: list[tuple[Tensor, ...]] = []
    for rows in torch.split(torch.arange(len(pairs)), BATCH):
        some = Pairs(pairs.source[rows], pairs.target[rows], pairs.truth[rows])
        batch = make_batch(data, some, torch.full((len(some), 2), CENTRE[0]), size)
        made = generator(batch.source, batch.target)
        again = generator.expression_encoder(made.picture), generator.identity_encoder(made.picture)
        before = made.expression_code, made.identity_code
        parts.append((batch.source, batch.target, batch.truth, made.picture, *before, *again))
    source, target, truth, picture, *codes = (
        torch.cat(column).float().cpu() for column in zip(*parts, strict=True)
    )
    expression, identity, expression_again, identity_again = (code.numpy() for code in codes)
    return Outputs(
        source,
        target,
        truth,
        picture,
        (pairs.truth != NO_TRUTH).numpy(),
        {"expression_code": expression, "identity_code": identity},
        {"expression_code": expression_again, "identity_code": identity_again},
    )


def measure_reenactment(
    generator: Generator, baseline: Baseline, data: FaceTensors, targets: int, size: int, seed: int
) -> dict[str, Any] | None:
    """Closeness to the truth, what independent readers see, swap consistency, distance from real pictures.

    The reader of expressions is the CNN baseline, which learnt from real pictures of the training people
    alone; the reader of people is :func:`read_people`.

    Args:
        generator: G, whose encoders read its pictures again.
        baseline: the independent classifier, in whose features crowds are compared.
        data: faces of unseen people, the test fold's first.
        targets: how many are the test fold's.
        size: side of the pictures.
        seed: of the pairs.

    Returns:
        None where no two people show different expressions.
    """
    pairs = unseen_pairs(data.faces, targets, seed)
    if pairs is None:
        return None
    made = reenact(generator, data, pairs, size)
    real = torch.cat(
        [
            data.views(some, torch.full((len(some),), CENTRE[0]), size).float().cpu()
            for some in torch.split(torch.arange(len(data)), BATCH)
        ]
    )
    wanted = data.expression.cpu()[pairs.source]
    answers = {
        name: _classify(baseline, pictures)
        for name, pictures in (("output", made.picture), ("source", made.source), ("target", made.target))
    }
    known = wanted != UNKNOWN  # expressions that the classifier was never taught cannot be read
    expression_read = {
        name: float((answer == wanted)[known].float().mean()) if known.any() else None
        for name, answer in answers.items()
    }
    some = torch.as_tensor(made.has_truth)
    # Features in units of their own deviation over real pictures: a classifier's have no fixed scale.
    scale = StandardScaler().fit(_features(baseline, real))
    crowd = scale.transform(_features(baseline, made.picture))
    crowd_of_test = scale.transform(_features(baseline, real[:targets]))
    order = np.random.default_rng(seed).permutation(targets)
    halves = crowd_of_test[order[: targets // 2]], crowd_of_test[order[targets // 2 :]]
    return {
        "pairs": len(pairs),
        "with_truth": int(made.has_truth.sum()),
        "output": asdict(closeness(made.picture[some], made.truth[some])) if some.any() else None,
        "copied_target": asdict(closeness(made.target[some], made.truth[some])) if some.any() else None,
        "expression_read": expression_read,
        "identity_read": read_people(made.picture, pairs, real, Labels.of(data.faces)),
        **{
            f"swap_{name}": None if swap is None else asdict(swap)
            for name in made.codes
            for swap in [swap_consistency(made.codes[name], made.again[name])]
        },
        "distance": {
            "frechet": frechet_distance(crowd, crowd_of_test),
            "kernel": kernel_distance(crowd, crowd_of_test),
            "kernel_between_real_halves": kernel_distance(*halves),
        },
    }


@torch.no_grad()
def _classify(baseline: Baseline, pictures: Tensor) -> Tensor:
    device = baseline.head.weight.device
    parts = [baseline.eval()(part.to(device)).argmax(1).cpu() for part in torch.split(pictures, BATCH)]
    return torch.cat(parts)


@torch.no_grad()
def _features(baseline: Baseline, pictures: Tensor) -> Floats:
    device = baseline.head.weight.device
    parts = [baseline.eval().encoder(part.to(device)).float().cpu() for part in torch.split(pictures, BATCH)]
    features: Floats = torch.cat(parts).numpy().astype(np.float64)
    return features


def read_people(pictures: Tensor, pairs: Pairs, real: Tensor, labels: Labels) -> dict[str, float] | None:
    """Whom a reader that shares nothing with the generator sees in its pictures.

    A linear probe on grey thumbnails of 8x8 pixels, learnt on real pictures of the same people that do not
    show the expression of the source, so that a picture of this expression is new to it. (Among the ten women
    of JAFFE and among twelve synthetic people it is right about 99 and 100 % of real pictures.)

    Args:
        pictures: (N, 3, S, S) made of ``pairs``.
        pairs: positions in ``real``.
        real: (M, 3, S, S) in [-1, 1].
        labels: of ``real``.

    Returns:
        Shares of pictures in which it sees the target's and the source's person; of real pictures of the
        same expression that it gets right; and chance, one in so many people. None where people are unknown
        or all show one expression.
    """
    flat_real, flat = _grey(real), _grey(pictures)
    shown = labels.expression[pairs.source.numpy()]
    targets, sources = (labels.subject[rows.numpy()] for rows in (pairs.target, pairs.source))
    of_target, of_source, of_real, people = [], [], [], []
    for expression in sorted(set(shown.tolist())):
        learn = (labels.expression != expression) & (labels.subject != "")
        known = sorted(set(labels.subject[learn].tolist()))
        ask = (shown == expression) & np.isin(targets, known) & np.isin(sources, known)
        check = (labels.expression == expression) & np.isin(labels.subject, known)
        if len(known) < 2 or not ask.any():
            continue
        reader = linear_probe().fit(flat_real[learn], labels.subject[learn])
        answer = reader.predict(flat[ask])
        of_target.append(answer == targets[ask])
        of_source.append(answer == sources[ask])
        of_real.append(reader.predict(flat_real[check]) == labels.subject[check])
        people.append(len(known))
    if not of_target:
        return None
    return {
        "target": float(np.concatenate(of_target).mean()),
        "source": float(np.concatenate(of_source).mean()),
        "real": float(np.concatenate(of_real).mean()),
        "chance": 1 / max(people),
    }


def _grey(pictures: Tensor) -> Floats:
    small = F.interpolate(pictures.mean(1, keepdim=True), size=(PIXELS, PIXELS), mode="area")
    flat: Floats = small.flatten(1).numpy().astype(np.float64)
    return flat
