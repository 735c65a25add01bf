"""The CNN baseline: the encoder with a classifier, trained for classification alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from relgan.checkpoints import CHECKPOINT_SECONDS, Checkpoint, mark_of
from relgan.choosing import RULE, Choice, Score
from relgan.config import Config, RecognitionConfig, ReenactmentConfig, Schedule
from relgan.data.augment import CENTRE, TEST_VIEWS, VARIANTS, draw_jitter, draw_variants, jittered
from relgan.data.batches import steps_of, walks_of
from relgan.data.tensors import FaceTensors
from relgan.losses import masked_cross_entropy
from relgan.models import Baseline, baseline_of, initialise
from relgan.recognition import Floats, encode
from relgan.recorded import recorded
from relgan.seeds import seeded
from relgan.training import (
    Bar,
    Clock,
    RunLog,
    Tally,
    decayed,
    digest_of,
    make_adam,
    moments,
    set_rate,
    snapshot,
)

if TYPE_CHECKING:  # seconds to import, and prediction does without
    from lightning.fabric import Fabric
    from rich.progress import Progress


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
    raw = baseline_of(config, len(data.classes))
    initialise(raw, seeded(seed, "initialise"))
    if start is not None:
        raw.encoder.load_state_dict(start.encoder.state_dict())
    raw.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = make_adam(raw, stage.learning_rate, stage.beta1, fabric.device)
    model, optimiser = fabric.setup(raw, adam)

    # A killed run goes on where its last checkpoint was.
    parts = {"model": raw, "adam": optimiser.optimizer}
    checkpoint = Checkpoint(out, _mark(data, config, seed, held_out, start), parts, fabric.device)
    step, choice, kept_state = 0, Choice(), None
    state = checkpoint.resumed()
    if state is not None:
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
    bar = Bar(progress, name, total, step, stage.batch_size)
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
        bar.show(step, note)
        if fabric.is_global_zero and (step == total or clock.struck()):
            checkpoint.write(step=step, choice=choice.state(), kept_state=kept_state)
    if log:
        log.close()
    bar.close()
    if kept_state is not None:
        raw.load_state_dict(kept_state)
    step = total if choice.step is None else choice.step
    return TrainedBaseline(raw.eval(), step, total, choice.accuracy)


def _mark(
    data: FaceTensors, config: Config, seed: int, held_out: FaceTensors | None, start: Baseline | None
) -> str:
    """Changes with whatever a baseline depends on; the settings of stage 1 and 2 are no matter."""
    own = replace(config, reenactment=ReenactmentConfig(), recognition=RecognitionConfig())
    others = held_out.digest() if held_out is not None else ""
    begun = digest_of(start.encoder) if start is not None else ""
    return mark_of(own.as_dict(), seed, data.digest(), others, begun, RULE)


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
