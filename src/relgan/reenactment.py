"""Stage 1: the generator learns to put the source's expression on the target's identity (section 3.1)."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning.fabric import Fabric
from rich.progress import Progress
from torch import Tensor, nn

from relgan.checkpoints import CHECKPOINT_SECONDS, Checkpoint, mark_of
from relgan.choosing import RULE, Choice, Score
from relgan.config import Config
from relgan.data.batches import batches_from, draw_lights, make_batch, steps_of
from relgan.data.pairs import Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.grids import save_grid, some_pairs
from relgan.losses import expression_loss
from relgan.models import (
    LAST_OF_EXPRESSIONS,
    LAST_OF_IDENTITIES,
    Discriminator,
    ExpressionEncoder,
    Generator,
    generator_of,
    initialise,
    initialise_discriminator,
)
from relgan.recorded import recorded
from relgan.seeds import seeded
from relgan.steps import Told, discriminator_step, draw_shift, generator_step
from relgan.training import (
    Bar,
    Clock,
    RunLog,
    Tally,
    decayed,
    freshness,
    load_fitting,
    make_adam,
    moments,
    set_rate,
    snapshot,
    update_average,
)
from relgan.weights import Weights

LOG_EVERY = 10
"""Steps a row of the log stands for."""
GUIDE_LEARNING_RATE = 5e-3
"""Adam, of the linear layer behind ``lambda_guide``."""

Validate = Callable[[Generator], Score]


@dataclass(frozen=True)
class Reenactment:
    """What stage 1 leaves: the averaged generator at the step chosen, and how it came about."""

    generator: Generator
    discriminator: Discriminator
    step: int
    steps: int
    validation: float | None
    discriminator_share: float
    """Share of the steps in which D stepped too."""


def train_reenactment(
    data: FaceTensors,
    config: Config,
    *,
    seed: int,
    out: Path,
    fabric: Fabric,
    validate: Validate | None = None,
    start: Weights | None = None,
    encoder: ExpressionEncoder | None = None,
    samples: tuple[FaceTensors, Pairs] | None = None,
    compiled: bool = False,
    progress: Progress | None = None,
    name: str = "reenactment",
) -> Reenactment:
    """Train the generator and the discriminator on the faces of some people.

    Args:
        data: training faces.
        config: size, code lengths and stage 1's settings.
        seed: everything random follows from it; on the CPU the same seed gives the same weights.
        out: folder for ``checkpoint.pt``, ``log.jsonl``, ``tensorboard`` and ``samples``.
        fabric: device and precision.
        validate: how an averaged generator reads the validation fold; with it one of
            ``config.reenactment.choices`` tries is returned (choosing.Choice), else the last.
        start: weights to begin with (pre-training). D begins with them too where they hold one; its last
            layers are new where the expressions or the people are others.
        encoder: what G_es begins with, whatever ``start`` holds; its code may have another length.
        samples: faces and pairs for the sample grids; some training pairs where None.
        compiled: compile G and D (torch.compile); pays in long trainings on a GPU (docs/performance.md).
        progress: a bar to add a task to.
        name: the task's name.

    Raises:
        InputError: ``out`` holds a checkpoint of another run, or no face is labelled.
    """
    stage = config.reenactment
    sampler = PairSampler(data.faces, data.visits)
    _, total = steps_of(len(sampler.sources), stage)
    out.mkdir(parents=True, exist_ok=True)

    # The networks, their averages and their optimisers.
    initial = seeded(seed, "initialise")
    raw_generator = generator_of(config)
    raw_discriminator = Discriminator(len(data.classes), len(data.people), config.size)
    raw_guide = nn.Sequential(  # codes have no fixed scale
        nn.BatchNorm1d(config.expression_dim, affine=False),
        nn.Linear(config.expression_dim, len(data.classes)),
    )
    initialise(raw_generator, initial)
    initialise_discriminator(raw_discriminator, initial)
    initialise(raw_guide, initial)
    if start is not None:
        raw_generator.load_state_dict(start.generator.state_dict())
        if start.discriminator is not None:
            # As many people or expressions are not the same ones.
            others = (LAST_OF_EXPRESSIONS,) if start.card.expressions != data.classes else ()
            load_fitting(raw_discriminator, start.discriminator, (LAST_OF_IDENTITIES, *others))
    if encoder is not None:
        load_fitting(raw_generator.expression_encoder, encoder)
    reference = None
    if stage.lambda_features and (encoder is not None or start is not None):
        reference = copy.deepcopy(raw_generator.expression_encoder).requires_grad_(False).eval()
        reference.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(raw_generator).requires_grad_(False).eval().to(fabric.device)
    for model in (raw_generator, raw_discriminator, average):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        raw_generator.compile()
        raw_discriminator.compile()

    if stage.fixed_code:
        raw_generator.expression_encoder.requires_grad_(False).eval()
    has_judge = bool(stage.lambda_adversarial or stage.lambda_expression or stage.lambda_identity)
    wants_truth_code = bool(stage.lambda_code or stage.lambda_agreement)

    def adam(network: nn.Module, rate: float) -> torch.optim.Adam:
        return make_adam(network, rate, stage.beta1, fabric.device)

    generator, generator_adam = fabric.setup(raw_generator, adam(raw_generator, stage.learning_rate))
    discriminator, discriminator_adam = fabric.setup(
        raw_discriminator, adam(raw_discriminator, stage.discriminator_learning_rate)
    )
    guide, guide_adam = fabric.setup(raw_guide, adam(raw_guide, GUIDE_LEARNING_RATE))
    parts = {
        "generator": raw_generator,
        "discriminator": raw_discriminator,
        "average": average,
        "generator_adam": generator_adam.optimizer,
        "discriminator_adam": discriminator_adam.optimizer,
        "guide": raw_guide,
        "guide_adam": guide_adam.optimizer,
    }

    # A killed run goes on where its last checkpoint was.
    mark = mark_of(config.as_dict(), seed, data.digest(), start.digest() if start else "", RULE)
    checkpoint = Checkpoint(out, mark, parts, fabric.device)
    step, d_steps, choice = 0, 0, Choice()
    kept_state = snapshot(average)
    state = checkpoint.resumed()
    if state is not None:
        step, d_steps, choice = state["step"], state["d_steps"], Choice.restored(state["choice"])
        kept_state = state["kept_state"]
    log = RunLog(out, step) if fabric.is_global_zero else None
    grid = samples or (data, some_pairs(sampler, seed))
    alone, warming = round(stage.pixel_share * total), round(stage.warmup_share * total)
    tries = moments(total, stage.choices)
    grids = moments(total, stage.samples)
    clock = Clock(CHECKPOINT_SECONDS)
    bar = Bar(progress, name, total, step, stage.batch_size)

    if start is not None and validate is not None and step == 0:
        choice.offer(validate(average), 0)  # the weights to begin with are a choice too

    on_gpu = fabric.device.type == "cuda"
    names: dict[bool, tuple[str, ...]] = {}

    def take_step(told: Told, judged: bool) -> Tensor:
        """One step of D and one of G; the losses, of which ``names`` holds the names."""
        pairs = Pairs(told.source, told.target, told.truth)
        batch = make_batch(data, pairs, told.variants, config.size, stage.jitter, told.lights)
        reenacted = generator(batch.source, batch.target, batch.truth if wants_truth_code else None)

        # D judges first; once it is near its optimum it waits for G (section 4.1).
        raw_discriminator.requires_grad_(True)
        losses: dict[str, Tensor] = {}
        if has_judge:
            losses = discriminator_step(discriminator, batch, reenacted if judged else None, told.shift)
            waits = _mean(fabric, losses["discriminator"]) <= stage.discriminator_threshold
            if on_gpu or not waits:
                discriminator_adam.zero_grad()
                fabric.backward(losses["discriminator"])
                if on_gpu:  # Adam itself leaves the step out, so that nothing waits for the answer
                    discriminator_adam.optimizer.found_inf = waits.float()
                discriminator_adam.step()
            losses["stepped"] = 1.0 - waits.float()

        raw_discriminator.requires_grad_(False)
        with fabric.autocast():
            opponent = raw_discriminator if judged else None
            g_losses = generator_step(
                opponent, average, batch, reenacted, stage, told.warmth, told.shift, reference
            )
            if stage.lambda_guide:
                guided = expression_loss(guide(reenacted.expression_code), batch.expression)
                g_losses["guide"] = guided
                g_losses["generator"] = g_losses["generator"] + stage.lambda_guide * guided
        generator_adam.zero_grad()
        guide_adam.zero_grad()
        fabric.backward(g_losses["generator"])
        generator_adam.step()
        if stage.lambda_guide:
            guide_adam.step()
        update_average(average, raw_generator, told.freshness)
        losses |= g_losses
        names[judged] = tuple(losses)
        return torch.stack([loss.detach().float() for loss in losses.values()])

    steps = {judged: recorded(partial(take_step, judged=judged), fabric) for judged in (False, True)}
    tally, note = Tally(), ""

    def note_losses() -> float | None:
        """Write down what was added up; the mean pixel loss."""
        nonlocal d_steps
        sums, count = tally.take()
        d_steps += round(sums.pop("stepped", 0.0))
        if log and count:
            log.add(sums, count)
        return sums["pixel"] / count if count else None

    batches = batches_from(sampler, stage, seed, step) if step < total else iter(())
    for pairs, variants in batches:
        here = slice(fabric.global_rank, None, fabric.world_size)
        if stage.decay:
            own = decayed(max(0, step - alone), max(1, total - alone))
            set_rate(generator_adam, stage.learning_rate * decayed(step, total))
            set_rate(discriminator_adam, stage.discriminator_learning_rate * own)
        told = Told(
            pairs.source[here],
            pairs.target[here],
            pairs.truth[here],
            variants[here],
            draw_lights(len(variants[here]), seeded(seed, "jitter", step, fabric.global_rank)),
            draw_shift(stage.discriminator_shift, seed, step),
            min(1.0, max(0, step - alone) / warming) if warming else 1.0,
            freshness(stage.ema_decay, step),
        )
        judged = has_judge and step >= alone
        losses = steps[judged](told)
        if tally.differs(names[judged]):
            note_losses()
        tally.add(names[judged], losses)
        step += 1

        # Everything below watches; it changes nothing but which step is kept.
        pixel = None
        if step % LOG_EVERY == 0 or step == total:
            pixel = note_losses()
        if step in tries and validate is not None:
            score = validate(average)
            if choice.offer(score, step):
                kept_state = snapshot(average)
            if log:
                log.add({"validation": score.accuracy})
        if log and (step % LOG_EVERY == 0 or step == total):
            log.write(step, discriminator_share=d_steps / step)
        if step in grids and fabric.is_global_zero:
            (out / "samples").mkdir(exist_ok=True)
            save_grid(average, grid[0], grid[1], config.size, out / "samples" / f"step_{step:06d}.png")
        note = f"pixel {pixel:.3f}" if pixel is not None else note
        bar.show(step, note)
        if fabric.is_global_zero and (step == total or clock.struck()):
            note_losses()
            checkpoint.write(step=step, d_steps=d_steps, choice=choice.state(), kept_state=kept_state)
        if step >= total:
            break

    if log:
        log.close()
    bar.close()
    if validate is not None:
        average.load_state_dict(kept_state)
    return Reenactment(
        generator=average,
        discriminator=raw_discriminator,
        step=total if choice.step is None else choice.step,
        steps=total,
        validation=choice.accuracy,
        discriminator_share=d_steps / max(step, 1),
    )


def _mean(fabric: Fabric, loss: Tensor) -> Tensor:
    """A loss averaged over the devices."""
    mean = fabric.all_reduce(loss.detach(), reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean
