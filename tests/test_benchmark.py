"""The benchmark compares like with like: the references compute what this package computes. No time is
asserted."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import relgan.weights as weights_module
from relgan.benchmark import benchmark, growth, others, packaging, plain, strengths, table_of
from relgan.benchmark import train as training
from relgan.benchmark.machine import Machine, Row, in_turn, operations, traffic, watched
from relgan.benchmark.scenes import HEIGHT, WIDTH, scenes
from relgan.config import preset
from relgan.data.augment import VARIANTS, views
from relgan.data.batches import make_batch
from relgan.data.face import read_bytes
from relgan.data.manifest import load_prepared
from relgan.data.pairs import PairSampler
from relgan.data.readers import read
from relgan.data.tensors import FaceTensors
from relgan.faces.image import decode
from relgan.models import Classifier, ExpressionEncoder
from relgan.seeds import seeded
from relgan.steps import discriminator_step, generator_step
from relgan.synthesis.sample import sample_path
from relgan.weights import PACKAGED, load_weights

from .conftest import draw_face
from .test_crossval import TINY, Drawn

MACHINE = Machine("a test", 1, 1, 1e9, None, 1e9)


def test_plain_augmentation_shows_the_same_picture_as_ours() -> None:
    """All 40 variants, away from the rim: PIL turns the whole face and leaves black corners there."""
    face = draw_face(3, "surprise")
    for variant in range(VARIANTS):
        ours = views(torch.tensor(face[None]), torch.tensor([variant]), 64)[0]
        apart = (plain.augmented(face, variant, 64) - ours)[:, 10:-10, 10:-10].abs()
        assert apart.mean() < 0.06, variant
    wrong = (plain.augmented(face, 0, 64) - plain.augmented(face, VARIANTS // 2, 64)).abs().mean()
    assert wrong > 0.06  # a flip would have been noticed


def test_the_plain_step_has_the_losses_of_ours(drawn: Drawn) -> None:
    data = drawn()
    config = replace(TINY, reenactment=replace(TINY.reenactment, lambda_code=0.0))
    stage = config.reenactment
    trainer = plain.PlainTrainer(data, config)
    pairs = PairSampler(data.faces).draw(seeded(0, "pairs"))
    variants = torch.zeros(len(pairs), 2, dtype=torch.int64)
    batch = make_batch(data, pairs, variants, config.size)
    with torch.no_grad():
        reenacted = trainer.generator(batch.source, batch.target)
        expected = discriminator_step(trainer.discriminator, batch, reenacted)
    losses = trainer.step(batch)
    for name, value in expected.items():
        assert losses[name] == pytest.approx(value.item(), rel=1e-3), name
    ours = generator_step(trainer.discriminator, trainer.average, batch, reenacted, stage)
    assert losses["pixel"] == pytest.approx(ours["pixel"].item(), rel=1e-3)


def test_plain_recognition_gives_nearly_what_ours_gives() -> None:
    torch.manual_seed(0)
    encoder, classifier, face = ExpressionEncoder(96).eval(), Classifier(3).eval(), draw_face(0, "anger")
    with torch.no_grad():
        picture = views(torch.tensor(face[None]), torch.tensor([VARIANTS]), 96)
        expected = classifier(encoder(picture)).softmax(1)[0].numpy()
    assert np.allclose(plain.recognise(encoder, classifier, face, 96), expected, atol=1e-4)


def test_training_times_every_step_of_the_real_loop(drawn: Drawn) -> None:
    times = training.our_steps(drawn(), TINY, 3)
    assert len(times) == 3
    assert times == sorted(times)


def test_scenes_know_where_their_faces_are() -> None:
    first, second = scenes(2)
    assert plain.decode(first.content).shape == (HEIGHT, WIDTH, 3)
    assert (len(first.squares), len(second.squares)) == (1, 2)
    assert first.content == scenes(2)[0].content
    left, top, side = first.squares[0]
    assert first.found([(left + side * 0.2, top + side * 0.2, side * 0.6, side * 0.6)]) == 1
    assert first.found([(left + side * 0.6, top + side * 0.6, side * 0.6, side * 0.6)]) == 0
    assert first.found([(left - side, top - side, side * 3, side * 3)]) == 0
    assert second.found([]) == 0


def test_ratios_say_how_many_times_better() -> None:
    assert Row("a", "faces/s", 10, 30).ratio == 3
    assert Row("a", "ms", 30, 10).ratio == 3
    assert Row("a", "s", None, 10).ratio is None
    console = Console(record=True, width=120)
    console.print(table_of("rows", [Row("a", "faces/s", 10, 30, 0.5, 0.25, note="words")]))
    assert "3.00" in console.export_text()


def test_ways_are_timed_in_turn() -> None:
    order: list[str] = []

    def way(name: str) -> int:
        order.append(name)
        return 1

    rates = in_turn({"reference": lambda: way("r"), "ours": lambda: way("o")}, 0.0, rounds=2)
    assert order == ["r", "o", "r", "o", "r", "o"]
    assert len(rates.rounds["ours"]) == 2


def test_operations_and_memory_are_counted() -> None:
    a = torch.zeros(10, 20)
    assert operations(lambda: a @ a.T) == 2 * 10 * 20 * 10
    assert traffic(lambda: a + 1) == 2 * 10 * 20 * 4
    assert traffic(lambda: a.T) == 0
    with watched() as memory:
        kept = np.ones(200_000_000, np.uint8)  # too large to be found among what was freed before
    assert kept.nbytes == 200_000_000
    assert memory.peak == 0 or memory.growth > 150_000_000


def test_a_run_writes_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relgan.benchmark.measure_machine", lambda _: MACHINE)
    monkeypatch.setattr("relgan.benchmark.train.measure_train", lambda *_: [Row("a", "pairs/s", 1, 2)])
    out = tmp_path / "new" / "benchmark.json"
    benchmark(["train"], preset="fast", out=out, command="a command", console=Console(quiet=True))
    record = json.loads(out.read_text())
    assert record["train"][0]["ratio"] == 2
    assert record["machine"]["fp32"] == 1e9
    assert (record["command"], record["network"]["size"]) == ("a command", preset("fast").size)


def test_growth_is_of_the_same_work_on_more_input(tmp_path: Path) -> None:
    growth.write_pictures(tmp_path / "pictures", 3, 2)
    contents = [path.read_bytes() for path in sorted((tmp_path / "pictures").iterdir())]
    assert contents[0] == contents[2] != contents[1]
    assert growth.write_people(tmp_path / "people", 61) == 61 * 24  # the first of 60 people comes again
    faces, pictures = load_prepared(tmp_path / "people")
    assert len({face.subject for face in faces}) == 61
    assert np.array_equal(pictures[-24:], pictures[:24])
    few = tmp_path / "few"
    assert growth.write_people(few, 4) == 96
    parts = growth.prepare(tmp_path / "pictures", 1) | growth.train(few, 2) | growth.evaluate(few, 2)
    assert list(parts) == ["prepare", "load", "train 2 steps", "evaluate one fold, 2 steps"]
    assert all(value > 0 for value in parts.values())


def test_growth_is_measured_in_processes_of_their_own() -> None:
    rows = growth.measure_growth(["predict"], times=(1, 2), pictures=1)
    assert [row.name for row in rows] == ["predict, 1 pictures (1x)", "predict, 2 pictures (2x)"]
    assert all(row.ours for row in rows)
    assert "times the memory of 1x" in rows[1].note


def test_what_others_say_of_labelled_pictures_is_counted() -> None:
    faces = [face for face in read("synthetic", sample_path()).faces if face.frame == 1][:40]
    labels = [face.expression for face in faces]
    answers = iter([None, *labels[1:]])

    def knowing(pictures: Sequence[Any]) -> list[str | None]:
        return (
            [next(answers) for _ in pictures] if len(pictures) > 1 else [None]
        )  # the first call is for warmth

    found = others.compare(faces, {"knowing": knowing, "ours": others.ours(cropped=True, views=1)})
    assert found["knowing"]["accuracy"] == found["knowing"]["faces found"] == 39 / 40
    assert found["ours"]["faces found"] == 1
    assert found["ours"]["accuracy"] > 0.5


def test_strengths_say_how_far_an_expression_is_carried() -> None:
    """A copy of the target is 1 away and the truth 0; the packaged weights come nearer to it than a copy."""
    weights = load_weights("synthetic")
    faces = [face for face in read("synthetic", sample_path()).faces if face.frame == 1][:48]
    pictures = np.stack([decode(read_bytes(face.path), face.path) for face in faces])
    data = FaceTensors.of(faces, pictures, weights.card.expressions)
    rows = {row[0]: row[1:] for row in strengths.strengths(weights, data, [weights])}
    assert [rows[name][1] for name in ("target", "truth")] == ["1.00", "0.00"]
    assert float(rows["strength 1"][1]) < 0.9
    found = {name: int(row[0].removesuffix(" %")) for name, row in rows.items()}
    assert found["target"] < found["strength 1.5"] < found["truth"]


def test_packaging_puts_what_was_measured_on_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "wild"
    shutil.copytree(PACKAGED / "wild", run)
    held = load_weights("wild").card.measured["fer2013"]
    scores = {name: held[name] for name in ("baseline", "relgan")}
    found = {
        "faces": held["faces"],
        "expressions": held["expressions"],
        "chance": held["chance"],
        "methods": scores,
        "identity": None,
        "reenactment": None,
    }
    test = tmp_path / "tests" / "mine-fer2013" / "test.json"
    test.parent.mkdir(parents=True)
    test.write_text(json.dumps(found))
    for module in (packaging, weights_module):
        monkeypatch.setattr(module, "PACKAGED", tmp_path / "packaged")
    (tmp_path / "packaged").mkdir()
    packaging.install(run, "mine", tmp_path / "tests")
    card = load_weights("mine").card
    assert list(card.measured) == ["fer2013"]
    assert card.measured["fer2013"]["relgan"] == held["relgan"]
    assert "--split test --weights mine" in card.measured["fer2013"]["command"]


def test_curves_are_drawn_from_the_logs(tmp_path: Path) -> None:
    for log in ("log.jsonl", "baseline/log.jsonl"):
        path = tmp_path / "run" / log
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = {key: 1.0 for _, key, _ in packaging.CURVES}
        path.write_text("".join(json.dumps({"step": step, **keys}) + "\n" for step in (10, 20)))
    packaging.draw_curves({"wild": tmp_path / "run"}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
