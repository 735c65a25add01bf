"""Stage 1: the loop learns, resumes to the same weights, and judges with the right labels."""

import json
from collections.abc import Callable
from dataclasses import astuple, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure

import relgan.reenactment as stage1
from relgan.config import Config, ReenactmentConfig
from relgan.data import batches
from relgan.data.augment import VARIANTS
from relgan.data.batches import PairBatch, batches_from, make_batch, steps_of
from relgan.data.face import Face
from relgan.data.pairs import Pairs, PairSampler
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.models import Discriminator, Generator, initialise
from relgan.reenactment import train_reenactment
from relgan.seeds import seeded
from relgan.steps import discriminator_step, draw_shift, generator_step, shifted
from relgan.training import make_fabric

Drawn = Callable[..., FaceTensors]
SMALL = Config(
    size=32,
    width=0.25,
    precision="32-true",
    reenactment=ReenactmentConfig(epochs=50, max_steps=6, batch_size=8, expand=False, choices=2, samples=1),
)


def weights(generator: Generator) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in generator.state_dict().values()])


VIEW = 0  # one view, so that the few steps of a test are spent on the pairs


def pair_pictures(data: FaceTensors, generator: Generator) -> tuple[PairBatch, torch.Tensor]:
    """Pairs of different expressions and what the generator makes of them."""
    pairs = PairSampler(data.faces).draw(seeded(1, "pairs"))
    rows = [
        row
        for row, (s, t) in enumerate(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
        if data.faces[s].expression != data.faces[t].expression
    ]
    pairs = Pairs(pairs.source[rows], pairs.target[rows], pairs.truth[rows])
    batch = make_batch(data, pairs, torch.full((len(pairs), 2), VIEW), 32)
    with torch.no_grad():
        return batch, generator.eval()(batch.source, batch.target).picture


@pytest.fixture(scope="module")
def overfitted(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> tuple[PairBatch, torch.Tensor]:
    """Nine pictures of three people, trained on by the real loop with all its losses."""
    data = drawn(people=3, takes=1)
    stage = ReenactmentConfig(
        epochs=10_000,
        max_steps=300,
        batch_size=9,
        learning_rate=3e-4,
        lambda_adversarial=0.02,
        lambda_expression=0.1,
        lambda_identity=0.05,
        ema_decay=0.95,
        expand=False,
        samples=0,
    )
    config = Config(size=32, width=0.5, precision="32-true", reenactment=stage)
    out = tmp_path_factory.mktemp("overfit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "draw_variants", lambda count, _: torch.full((count,), VIEW))
        done = train_reenactment(data, config, seed=0, out=out, fabric=make_fabric("32-true", "cpu"))
    return pair_pictures(data, done.generator)


def test_a_handful_of_pairs_is_learnt_until_the_output_is_the_truth(
    overfitted: tuple[PairBatch, torch.Tensor],
) -> None:
    batch, output = overfitted

    def ssim(other: torch.Tensor) -> float:
        return float(structural_similarity_index_measure(output, other, data_range=2.0))

    assert len(output) >= 4
    assert ssim(batch.truth) > 0.8
    assert ssim(batch.truth) > ssim(batch.target) + 0.2
    assert ssim(batch.truth) > ssim(batch.source) + 0.2


def test_pictures_are_free_of_checkerboards(overfitted: tuple[PairBatch, torch.Tensor]) -> None:
    """What alternates from pixel to pixel, which upsampling faults fill, is as little as in the truth."""
    batch, output = overfitted

    def alternating(pictures: torch.Tensor) -> float:
        sign = torch.tensor([1.0, -1.0]).repeat(16)
        rows = (pictures * sign).mean(3).abs().mean() + (pictures * sign[:, None]).mean(2).abs().mean()
        return float(rows + (pictures * sign * sign[:, None]).mean((2, 3)).abs().mean())

    assert alternating(output) < 2 * alternating(batch.truth)


def run(data: FaceTensors, out: Path, config: Config = SMALL, seed: int = 0) -> stage1.Reenactment:
    return train_reenactment(data, config, seed=seed, out=out, fabric=make_fabric("32-true", "cpu"))


def test_the_same_seed_gives_the_same_run_and_another_seed_another(drawn: Drawn, tmp_path: Path) -> None:
    data = drawn(people=3)
    first, again, other = (
        run(data, tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert torch.equal(weights(first.generator), weights(again.generator))
    assert not torch.equal(weights(first.generator), weights(other.generator))
    assert (tmp_path / "a" / "log.jsonl").read_text() == (tmp_path / "b" / "log.jsonl").read_text()


def test_compiled_networks_learn_the_same(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compiled is traced here and run as it is: generating code takes a minute."""
    as_usual, began = torch.nn.Module.compile, []

    def traced(model: torch.nn.Module) -> None:
        began.append(type(model))
        as_usual(model, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    data, fabric = drawn(), make_fabric("32-true", "cpu")
    plain, compiled = (
        train_reenactment(data, SMALL, seed=0, out=tmp_path / str(flag), fabric=fabric, compiled=flag)
        for flag in (False, True)
    )
    assert began == [Generator, Discriminator]
    torch.testing.assert_close(weights(compiled.generator), weights(plain.generator))


def test_a_killed_run_resumes_to_the_same_result(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = drawn(people=3)
    whole = run(data, tmp_path / "whole")
    monkeypatch.setattr(stage1, "CHECKPOINT_SECONDS", 0.0)
    original, calls = stage1.generator_step, 0

    def dying(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stage1, "generator_step", dying)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "killed")
    assert (tmp_path / "killed" / "checkpoint.pt").exists()
    monkeypatch.setattr(stage1, "generator_step", original)
    resumed = run(data, tmp_path / "killed")
    assert torch.equal(weights(whole.generator), weights(resumed.generator))
    again = run(data, tmp_path / "killed")  # a finished run is not trained again
    assert torch.equal(weights(whole.generator), weights(again.generator))
    last = [
        json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[-1])
        for name in ("whole", "killed")
    ]
    assert last[0]["step"] == last[1]["step"] == 6


def test_a_checkpoint_of_other_settings_is_refused(drawn: Drawn, tmp_path: Path) -> None:
    torch.save({"fingerprint": "another"}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: from a run with other settings"):
        run(drawn(people=3), tmp_path)


def test_a_run_leaves_a_log_and_grids_of_source_target_truth_and_output(drawn: Drawn, tmp_path: Path) -> None:
    run(drawn(people=3), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {"step", "generator", "discriminator", "pixel", "adversarial", "expression", "identity"} <= set(
        rows[-1]
    )
    grid = Image.open(tmp_path / "samples" / "step_000006.png")
    assert grid.size == (8 * 32, 4 * 32)
    assert list((tmp_path / "tensorboard").iterdir())


def batch_of(drawn: Drawn) -> tuple[PairBatch, Generator, Discriminator]:
    data = drawn(people=3)
    generator, discriminator = Generator(32), Discriminator(3, 3, 32)
    for network in (generator, discriminator):
        initialise(network, torch.Generator().manual_seed(0))
    pairs, variants = next(batches_from(PairSampler(data.faces), SMALL.reenactment, 0))
    return make_batch(data, pairs, variants, 32), generator, discriminator


def test_the_discriminators_step_sees_source_expression_target_identity_and_fake(drawn: Drawn) -> None:
    batch, generator, discriminator = batch_of(drawn)
    reenacted = generator(batch.source, batch.target)
    losses = discriminator_step(discriminator, batch, reenacted)
    source, target, fake = (
        discriminator(p) for p in (batch.source, batch.target, reenacted.picture.detach())
    )
    cross = torch.nn.functional.cross_entropy
    assert losses["expression_real"].item() == pytest.approx(
        cross(source.expression, batch.expression).item(), abs=1e-4
    )
    assert losses["identity_real"].item() == pytest.approx(
        cross(target.identity, batch.identity).item(), abs=1e-4
    )
    fakes = torch.full_like(batch.expression, 3)
    assert losses["fake"].item() == pytest.approx(cross(fake.expression, fakes).item(), abs=1e-4)
    losses["discriminator"].backward()
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_the_generators_step_reaches_both_encoders_and_leaves_the_discriminator_alone(drawn: Drawn) -> None:
    batch, generator, discriminator = batch_of(drawn)
    discriminator.requires_grad_(False)
    losses = generator_step(
        discriminator, generator, batch, generator(batch.source, batch.target), SMALL.reenactment
    )
    losses["generator"].backward()
    for encoder in (generator.expression_encoder, generator.identity_encoder):
        gradient = encoder.blocks[0][0].weight.grad
        assert gradient is not None
        assert gradient.abs().sum() > 0
    assert all(parameter.grad is None for parameter in discriminator.parameters())


def test_the_discriminator_waits_when_its_loss_is_below_the_threshold(drawn: Drawn, tmp_path: Path) -> None:
    patient = replace(SMALL, reenactment=replace(SMALL.reenactment, discriminator_threshold=1e9))
    assert run(drawn(people=3), tmp_path / "patient", patient).discriminator_share == 0
    assert run(drawn(people=3), tmp_path / "eager").discriminator_share == 1


def test_unknown_people_train_with_masked_identity_and_pixels(drawn: Drawn, tmp_path: Path) -> None:
    known = drawn(people=3)
    faces = [Face(face.path, face.expression) for face in known.faces]
    data = FaceTensors.of(faces, known.pictures, known.classes)
    run(data, tmp_path)
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert row["identity"] == row["identity_real"] == 0
    assert row["keep"] > 0
    assert np.isfinite(list(row.values())).all()


def test_until_it_joins_d_learns_from_real_faces_and_asks_for_nothing(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = drawn(people=3)
    faces = [Face(face.path, face.expression) for face in known.faces]
    data = FaceTensors.of(faces, known.pictures, known.classes)
    monkeypatch.setattr(stage1, "LOG_EVERY", 1)
    stage = replace(SMALL.reenactment, pixel_share=1 / 2, warmup_share=1 / 3)
    fabric = make_fabric("32-true", "cpu")
    done = train_reenactment(data, replace(SMALL, reenactment=stage), seed=0, out=tmp_path, fabric=fabric)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(row["expression_real"] > 0 for row in rows)
    assert (
        ["fake" in row for row in rows] == ["adversarial" in row for row in rows] == [False] * 3 + [True] * 3
    )
    for row in rows[:4]:  # in the fourth, D's terms weigh nothing yet
        expected = stage.lambda_pixel * row["pixel"] + stage.lambda_keep * row["keep"]
        assert row["generator"] == pytest.approx(expected, rel=1e-3)
    assert done.discriminator_share == 1


def test_expanding_walks_all_forty_variants_of_every_face(drawn: Drawn) -> None:
    data = drawn(people=3, takes=1)
    stage = ReenactmentConfig(batch_size=9, expand=True)
    seen: dict[int, set[int]] = {}
    for pairs, variants in islice(batches_from(PairSampler(data.faces), stage, 0), VARIANTS):
        for source, variant in zip(pairs.source.tolist(), variants[:, 0].tolist(), strict=True):
            seen.setdefault(source, set()).add(variant)
    assert set(seen) == set(range(9))
    assert all(len(variants) == VARIANTS for variants in seen.values())
    assert steps_of(9, stage)[0] == VARIANTS


def test_larger_sets_are_learnt_from_for_longer() -> None:
    stage = ReenactmentConfig(epochs=5, max_steps=10, root_steps=2, batch_size=8, expand=False)
    assert steps_of(20, stage) == (3, 10)
    assert steps_of(100, stage) == (13, 20)
    assert steps_of(8, stage) == (1, 5)
    assert steps_of(100, stage.lasting(30)) == (13, 30)


def test_batches_from_a_step_on_are_those_that_a_whole_run_has_there(drawn: Drawn) -> None:
    data = drawn(people=3)
    sampler, stage = PairSampler(data.faces), SMALL.reenactment
    an_epoch, _ = steps_of(len(data), stage)
    whole = list(islice(batches_from(sampler, stage, 0), 2 * an_epoch))
    assert not torch.equal(whole[0][0].target, whole[an_epoch][0].target)
    for step in (1, 2, an_epoch, an_epoch + 1):
        rest = batches_from(sampler, stage, 0, step)
        for pairs, variants in whole[step:]:
            ours, views = next(rest)
            assert all(torch.equal(a, b) for a, b in zip(astuple(ours), astuple(pairs), strict=True))
            assert torch.equal(views, variants)


def test_faces_are_visited_as_often_as_asked(drawn: Drawn) -> None:
    data = drawn(people=3)
    visits = tuple(1 + i % 2 for i in range(len(data)))
    sampler = PairSampler(data.faces, visits)
    counts = sampler.draw(torch.Generator().manual_seed(0)).source.bincount(minlength=len(data))
    assert counts.tolist() == list(visits)
    often = PairSampler(data.faces, [3] * len(data))
    views: dict[int, set[int]] = {}
    stage = replace(SMALL.reenactment, expand=False)
    an_epoch, _ = steps_of(len(often.sources), stage)
    for pairs, variants in islice(batches_from(often, stage, 0), an_epoch):
        for source, view in zip(pairs.source.tolist(), variants[:, 0].tolist(), strict=True):
            views.setdefault(source, set()).add(view)
    assert np.mean([len(seen) for seen in views.values()]) > 2  # not one view three times
    repeated = replace(data, visits=visits)
    assert repeated.labelled().bincount().tolist() == list(visits)
    assert repeated.digest() != data.digest()
    assert repeated.subset([1, 2]).visits == (2, 1)


def test_a_shift_moves_pictures_and_mirrors_their_edges() -> None:
    picture = torch.arange(36.0).reshape(1, 1, 6, 6)
    moved = shifted(picture, (2, -1))
    assert torch.equal(moved[0, 0, :-1, 2:], picture[0, 0, 1:, :-2])
    assert torch.equal(moved[0, 0, :-1, 1], picture[0, 0, 1:, 1])  # column -1 is column 1
    assert torch.equal(shifted(picture, (0, 0)), picture)
    assert torch.equal(shifted(picture, (torch.tensor(2), torch.tensor(-1))), moved)  # as on a GPU
    assert torch.equal(shifted(picture, (torch.tensor(0), torch.tensor(0))), picture)


def test_shifts_follow_seed_and_step_and_stay_within_reach() -> None:
    drawn_shifts = [draw_shift(3, 0, step) for step in range(200)]
    assert drawn_shifts == [draw_shift(3, 0, step) for step in range(200)]
    assert {right for right, _ in drawn_shifts} == {down for _, down in drawn_shifts} == set(range(-3, 4))
    assert draw_shift(0, 0, 5) == (0, 0)
