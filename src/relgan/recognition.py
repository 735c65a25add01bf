"""Stage 2 (section 3.2): a small classifier on the codes of the frozen expression encoder; and the CNN
baseline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from relgan.choosing import RULE, Choice, Score
from relgan.config import Config, RecognitionConfig, ReenactmentConfig, Schedule
from relgan.data.augment import CENTRE, TEST_VIEWS, VARIANTS, draw_jitter, draw_variants, jittered
from relgan.data.batches import steps_of, walks_of
from relgan.data.tensors import FaceTensors
from relgan.devices import one_thread
from relgan.losses import UNKNOWN, masked_cross_entropy
from relgan.models import Baseline, Classifier, Encoder, baseline_of, initialise
from relgan.recorded import recorded
from relgan.seeds import seeded
from relgan.training import (
    CHECKPOINT,
    CHECKPOINT_SECONDS,
    Clock,
    RunLog,
    Tally,
    decayed,
    digest_of,
    load_checkpoint,
    make_adam,
    moments,
    place_rates,
    save_beside,
    set_rate,
    snapshot,
)

if TYPE_CHECKING:  # seconds to import, and prediction does without
    from lightning.fabric import Fabric
    from rich.progress import Progress

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


@dataclass(frozen=True)
class TrainedBaseline:
    """The CNN baseline at the step chosen on the validation fold."""

    model: Baseline
    step: int
    steps: int
    validation: float | None


class ToldFaces(NamedTuple):
    """All that a step of the baseline is told: which faces, in which views and light."""

    rows: Tensor  # (B,) int64, positions of faces
    variants: Tensor  # (B,) int64, their views
    light: Tensor  # (B, 7), see draw_jitter


def train_baseline(
    data: FaceTensors,
    config: Config,
    *,
    seed: int,
    out: Path,
    fabric: Fabric,
    held_out: FaceTensors | None = None,
    start: Baseline | None = None,
    progress: Progress | None = None,
    name: str = "baseline",
) -> TrainedBaseline:
    """Train the paper's CNN baseline for classification alone, on the same crops as stage 1.

    A killed run goes on from ``checkpoint.pt``, which stays: whoever calls deletes it once it is of no more
    use.

    Args:
        data: training faces.
        config: size, code length and the baseline's settings.
        seed: everything random follows from it.
        out: folder for ``checkpoint.pt``, ``log.jsonl`` and ``tensorboard``.
        fabric: device and precision.
        held_out: the validation fold; with it the best of ``config.baseline.choices`` tries is returned,
        else the last.
        start: a baseline to begin with; its last layer is trained anew.
        progress: a bar to add a task to.
        name: the task's name.

    Raises:
        InputError: ``out`` holds a checkpoint of another run.
    """
    stage = config.baseline
    _, total = steps_of(len(data.labelled()), stage)
    out.mkdir(parents=True, exist_ok=True)
    mark = _mark(data, config, seed, held_out, start)
    raw = baseline_of(config, len(data.classes))
    initialise(raw, seeded(seed, "initialise"))
    if start is not None:
        raw.encoder.load_state_dict(start.encoder.state_dict())
    raw.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = make_adam(raw, stage.learning_rate, stage.beta1, fabric.device)
    model, optimiser = fabric.setup(raw, adam)

    # A killed run goes on where its last checkpoint was.
    step, choice, kept_state = 0, Choice(), None
    state = load_checkpoint(out / CHECKPOINT, mark)
    if state is not None:
        raw.load_state_dict(state["model"])
        optimiser.optimizer.load_state_dict(state["adam"])
        place_rates(optimiser.optimizer, fabric.device)
        step, choice, kept_state = state["step"], Choice.restored(state["choice"]), state["kept_state"]

    def one_step(told: ToldFaces) -> Tensor:
        pictures = jittered(data.views(told.rows, told.variants, config.size), told.light, stage.jitter)
        labels = data.expression[told.rows.to(data.expression.device)]
        loss = masked_cross_entropy(model(pictures), labels)
        optimiser.zero_grad()
        fabric.backward(loss)
        optimiser.step()
        return loss.detach()[None]

    take_step = recorded(one_step, fabric)
    log = RunLog(out, step) if fabric.is_global_zero else None
    tries = moments(total, stage.choices)
    clock = Clock(CHECKPOINT_SECONDS)
    task = (
        progress.add_task(name, total=total, completed=step, images=stage.batch_size, note="")
        if progress
        else None
    )
    tally, note, here = Tally(), "", slice(fabric.global_rank, None, fabric.world_size)
    for rows, views in islice(_batches(data, stage, seed, step), total - step):
        light = seeded(seed, "baseline-jitter", step, fabric.global_rank)
        model.train()
        if stage.decay:
            set_rate(optimiser, stage.learning_rate * decayed(step, total))
        told = ToldFaces(rows[here], views[here], draw_jitter(len(rows[here]), light))
        losses = take_step(told)
        step += 1
        tally.add(("loss",), losses)
        noted = step % 10 == 0 or step == total
        if noted:
            sums, count = tally.take()
            note = f"loss {sums['loss'] / count:.3f}"
            if log:
                log.add(sums, count)
        if step in tries and held_out is not None:
            score = baseline_score(raw, held_out, config.size, fabric)
            if choice.offer(score, step):
                kept_state = snapshot(raw)
            if log:
                log.add({"validation": score.accuracy})
        if log and noted:
            log.write(step)
        if progress and task is not None:
            progress.update(task, completed=step, note=note)
        if fabric.is_global_zero and (step == total or clock.struck()):
            save_beside(
                {
                    "fingerprint": mark,
                    "step": step,
                    "choice": choice.state(),
                    "kept_state": kept_state,
                    "model": raw.state_dict(),
                    "adam": optimiser.optimizer.state_dict(),
                },
                out / CHECKPOINT,
            )
    if log:
        log.close()
    if progress and task is not None:
        progress.remove_task(task)
    if kept_state is not None:
        raw.load_state_dict(kept_state)
    step = total if choice.step is None else choice.step
    return TrainedBaseline(raw.eval(), step, total, choice.accuracy)


def _mark(
    data: FaceTensors, config: Config, seed: int, held_out: FaceTensors | None, start: Baseline | None
) -> str:
    """Changes with whatever a baseline depends on; the settings of stage 1 and 2 are no matter."""
    own = replace(config, reenactment=ReenactmentConfig(), recognition=RecognitionConfig())
    record = [
        own.as_dict(),
        seed,
        data.digest(),
        held_out.digest() if held_out is not None else "",
        digest_of(start.encoder) if start is not None else "",
        RULE,
    ]
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _batches(data: FaceTensors, stage: Schedule, seed: int, begun: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions and views (B,) of the faces of each step from ``begun`` on, without end."""
    labelled, step = data.labelled(), 0
    for epoch in count_from(0):
        of_face = torch.randint(VARIANTS, (len(data),), generator=seeded(seed, "baseline-variants", epoch))
        for walk in range(walks_of(stage)):
            order = labelled[torch.randperm(len(labelled), generator=seeded(seed, "baseline", epoch, walk))]
            for first in range(0, len(order), stage.batch_size):
                if step >= begun:
                    rows = order[torch.arange(first, first + stage.batch_size) % len(order)]
                    views = of_face[rows] + walk
                    if data.visits is not None:  # another place at each of an epoch's visits
                        own = seeded(seed, "baseline-variants", epoch, walk, step)
                        views = views + draw_variants(len(rows), own)
                    yield rows, views % VARIANTS
                step += 1


def baseline_score(model: nn.Module, data: FaceTensors, size: int, fabric: Fabric) -> Score:
    """How a classifier of pictures reads the centre views of labelled faces."""
    return Score.of(encode(model, data, CENTRE, size, fabric)[:, 0].argmax(1).numpy(), data)


def predict_baseline(
    model: Baseline, data: FaceTensors, size: int, fabric: Fabric, views: tuple[int, ...] = TEST_VIEWS
) -> Floats:
    """Probabilities (N, C), the mean over test-time views, all ten where not given."""
    probabilities: Floats = (
        encode(lambda pictures: model.eval()(pictures).softmax(-1), data, views, size, fabric).mean(1).numpy()
    )
    return probabilities


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
