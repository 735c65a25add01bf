"""Stage 2 (section 3.2): a small classifier on the codes of the frozen expression encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from relgan.choosing import Score
from relgan.config import RecognitionConfig
from relgan.data.augment import CENTRE, TEST_VIEWS, VARIANTS
from relgan.data.tensors import FaceTensors
from relgan.devices import one_thread
from relgan.losses import UNKNOWN
from relgan.models import Classifier, Encoder
from relgan.seeds import seeded

if TYPE_CHECKING:  # seconds to import, and prediction does without
    from lightning.fabric import Fabric

ENCODE_BATCH, CPU_BATCH = 128, 16
"""Views in one call of a network. On the CPU the maps stay below 32 MB: larger blocks glibc takes from the
system and gives back each time, and filling their pages with zeros takes half as long as the convolutions."""
MAX_CODES = 200_000
"""Views of all faces together that stage 2 learns from."""

Floats = NDArray[np.float32]


@torch.no_grad()
def encode(
    encoder: Callable[[Tensor], Tensor],
    data: FaceTensors,
    variants: tuple[int, ...],
    size: int,
    fabric: Fabric | None = None,
) -> Tensor:
    """(N, V, D) float32: what a network in evaluation mode gives for each of V views of each of N faces.

    Batch norm uses its running statistics, so a face's code does not depend on its neighbours.
    """
    if isinstance(encoder, nn.Module):
        encoder.eval()
    rows = []
    jobs = torch.arange(len(data) * len(variants))
    which = torch.tensor(variants)
    batch = CPU_BATCH if data.pictures.device.type == "cpu" else ENCODE_BATCH
    for job in torch.split(jobs, batch):
        pictures = data.views(job // len(variants), which[job % len(variants)], size)
        if fabric is None:
            rows.append(encoder(pictures).float().cpu())
        else:
            with fabric.autocast():
                rows.append(encoder(pictures).float().cpu())
    return torch.cat(rows).reshape(len(data), len(variants), -1)


def train_classifier(
    codes: Tensor, labels: Tensor, classes: int, config: RecognitionConfig, seed: int
) -> Classifier:
    """Stage 2's MLP on codes that no longer change.

    Args:
        codes: (N, V, D) codes of V views of each face; an epoch visits every one of them.
        labels: (N,) int64, -1 where unknown.
        classes: how many expressions there are.
        config: epochs, batch size, rate, width.
        seed: of the initial weights and of the order.
    """
    known = labels != UNKNOWN
    codes, labels = codes[known], labels[known]
    generator = seeded(seed, "classifier")
    classifier = Classifier(classes, codes.shape[-1], config.hidden)
    for layer in classifier.layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
            nn.init.zeros_(layer.bias)
    with torch.no_grad():  # start from the codes' own scale
        norm = classifier.layers[0]
        assert isinstance(norm, nn.BatchNorm1d)
        flat = codes.flatten(0, 1)
        norm.running_mean = flat.mean(0)
        norm.running_var = flat.var(0).clamp(min=1e-6)
    optimiser = torch.optim.Adam(classifier.parameters(), config.learning_rate, fused=True)
    flat, of_code = codes.flatten(0, 1), labels.repeat_interleave(codes.shape[1])
    classifier.train()
    with one_thread():
        for _ in range(config.epochs):
            order = torch.randperm(len(flat), generator=generator)
            for start in range(0, len(flat), config.batch_size):
                rows = order[torch.arange(start, start + config.batch_size) % len(flat)]
                loss = F.cross_entropy(classifier(flat[rows]), of_code[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    return classifier.eval()


def fit_classifier(codes: Tensor, data: FaceTensors, config: RecognitionConfig, seed: int) -> Classifier:
    """:func:`train_classifier` on the codes (N, V, D) of labelled faces."""
    return train_classifier(codes, data.expression.cpu(), len(data.classes), config, seed)


def train_stage2(
    encoder: Encoder,
    data: FaceTensors,
    config: RecognitionConfig,
    seed: int,
    size: int,
    fabric: Fabric | None = None,
    also: tuple[int, ...] = (),
) -> Classifier:
    """The classifier on the codes of a frozen encoder, from augmented views of labelled faces.

    Args:
        encoder: gives (B, D) codes.
        data: the faces.
        config: how many views a face, epochs and so on.
        seed: of the initial weights and the order.
        size: side of the pictures.
        fabric: device and precision.
        also: views to learn from besides the augmented ones.
    """
    codes = encode(encoder, data, (*also, *views_for(len(data), config)), size, fabric)
    return fit_classifier(codes, data, config, seed)


def training_views(count: int) -> tuple[int, ...]:
    """``count`` of the 40 training variants, spread over places and flips; 10 are all turned by one of the
    four angles, 20 by two."""
    return tuple(sorted({round(k * VARIANTS / count) for k in range(count)}))[:count]


def views_for(faces: int, config: RecognitionConfig) -> tuple[int, ...]:
    """The training variants that stage 2 sees of each of so many faces: fewer where the codes would be too
    many."""
    return training_views(max(1, min(config.variants, MAX_CODES // faces)))


@torch.no_grad()
def classify(classifier: nn.Module, codes: Tensor) -> Floats:
    """(N, C) probabilities: the mean over the V views of (N, V, D) codes."""
    probabilities: Floats = (
        classifier.eval()(codes.flatten(0, 1)).softmax(-1).reshape(*codes.shape[:2], -1).mean(1).numpy()
    )
    return probabilities


def quick_score(
    encoder: Encoder, train: FaceTensors, held_out: FaceTensors, size: int, fabric: Fabric
) -> Score:
    """How a linear classifier on centre-view codes reads held-out people; stage 1 chooses its step by it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    codes = [encode(encoder, data, CENTRE, size, fabric)[:, 0].numpy() for data in (train, held_out)]
    labels = train.expression.cpu().numpy()
    known = labels != UNKNOWN
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
        codes[0][known], labels[known]
    )
    return Score.of(probe.predict(codes[1]), held_out)


def predict_codes(
    encoder: Encoder,
    classifier: Classifier,
    data: FaceTensors,
    size: int,
    fabric: Fabric,
    views: tuple[int, ...] = TEST_VIEWS,
) -> Floats:
    """Probabilities (N, C), the mean over test-time views, all ten where not given."""
    return classify(classifier, encode(encoder, data, views, size, fabric))
