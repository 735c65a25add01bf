"""Stage 1 alone: weights with a card, on one device or several, and runs that begin with them."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from relgan import baseline, train
from relgan import config as presets
from relgan.cli import main
from relgan.config import scaled
from relgan.training import digest_of, make_fabric
from relgan.weights import load_weights

from .test_cli import crops, fails


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets.PRESETS, "fast", scaled(presets.PRESETS["fast"], 0.005))


def test_a_training_begins_without_a_word_of_lightnings(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[logging.LogRecord] = []
    for name in ("lightning.fabric", "lightning.pytorch"):
        monkeypatch.setattr(logging.getLogger(name), "callHandlers", said.append)
        monkeypatch.setattr(logging.getLogger(f"{name}.utilities.rank_zero"), "callHandlers", said.append)
    levels = [logging.getLogger(name).level for name in ("lightning.fabric", "lightning.pytorch")]
    make_fabric("bf16-mixed", "cpu")
    assert not said
    assert levels == [logging.getLogger(name).level for name in ("lightning.fabric", "lightning.pytorch")]


def test_pretrained_weights_start_every_fold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    root, weights = crops(tmp_path / "CK+48"), tmp_path / "weights"
    command = ["pretrain", "ck48", str(root), "--out", str(weights), "--max-steps", "2"]
    main(command)
    loaded = load_weights(weights)
    assert (loaded.classifier, loaded.baseline) == (None, None)
    card = loaded.card
    assert (card.size, card.expressions) == (64, ["anger", "happiness", "surprise"])
    assert (card.provenance["dataset"], card.provenance["faces"], card.provenance["steps"]) == ("ck48", 24, 2)
    main(command)
    assert "was there already" in capsys.readouterr().out
    assert "another run" in fails(capsys, *command[:-1], "3")
    assert "another run" in fails(capsys, "train", *command[1:])  # which has a classifier too
    assert "another run" in fails(capsys, *command, "--half")
    assert "wants a CUDA GPU and Triton" in fails(capsys, *command, "--compile", "--device", "cpu")
    out = tmp_path / "run"
    main(["evaluate", "ck48", str(root), "--out", str(out), "--folds", "0", "--from", str(weights)])
    notes = " ".join(json.loads((out / "results.json").read_text())["notes"])
    assert f"REL-GAN began from the weights {weights}, which learnt from ck48" in notes
    assert "they hold no baseline, which began from scratch" in notes
    assert "mean nothing" in notes  # they know the people who are tested
    assert "mean nothing" in capsys.readouterr().err
    assert "relgan pretrain" in fails(
        capsys, "evaluate", "ck48", root, "--out", tmp_path / "other", "--from", tmp_path
    )


def test_faces_that_were_labelled_anew_are_another_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    prepared = tmp_path / "prepared"
    main(["prepare", "ck48", str(crops(tmp_path / "CK+48")), "--out", str(prepared)])
    command = ["pretrain", "ck48", str(prepared), "--out", str(tmp_path / "weights"), "--max-steps", "1"]
    main(command)
    main(command)
    assert "was there already" in capsys.readouterr().out
    manifest = prepared / "manifest.csv"
    swapped = {"anger": "happiness", "happiness": "anger"}
    table = pd.read_csv(manifest)
    table.assign(expression=table.expression.replace(swapped)).to_csv(manifest, index=False)
    assert "another run" in fails(capsys, *command)


def test_the_card_says_how_the_faces_were_aligned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    prepared = tmp_path / "prepared"
    main(["prepare", "ck48", str(crops(tmp_path / "CK+48")), "--out", str(prepared)])
    manifest = prepared / "manifest.csv"
    pd.read_csv(manifest).assign(align="frontal").to_csv(manifest, index=False)
    main(["pretrain", "ck48", str(prepared), "--out", str(tmp_path / "weights"), "--max-steps", "1"])
    assert load_weights(tmp_path / "weights").card.align == "frontal"
    assert "most faces are aligned as frontal, not similarity" in capsys.readouterr().err


def test_train_makes_weights_for_use_from_several_data_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    first, second = crops(tmp_path / "a" / "CK+48"), crops(tmp_path / "b" / "CK+48", 2)
    weights = tmp_path / "w"
    steps = ["--max-steps", "2", "--baseline-steps", "2", "--half"]
    main(["train", "ck48", str(first), "--also", f"ck48={second}", "--out", str(weights), *steps])
    loaded = load_weights(weights)
    assert None not in (loaded.classifier, loaded.baseline, loaded.discriminator)
    assert (loaded.card.provenance["faces"], loaded.card.provenance["people"]) == (36, 6)
    more = tmp_path / "more"
    main(["train", "ck48", str(first), "--from", str(weights), "--out", str(more), *steps])
    assert load_weights(more).card.provenance["start"] == loaded.digest()[:16]
    assert load_weights(more).ancestors() == {loaded.digest()[:16], *loaded.ancestors()}
    kept = tmp_path / "kept"
    options = [
        "--also",
        f"ck48={second}",
        "--from",
        str(weights),
        "--max-steps",
        "2",
        "--baseline-steps",
        "0",
    ]
    main(["train", "ck48", str(first), *options, "--half", "--out", str(kept)])
    before, after = loaded.baseline, load_weights(kept).baseline
    assert before is not None
    assert after is not None
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    assert "NAME=ROOT" in fails(capsys, "train", "ck48", first, "--also", "ck48", "--out", more)
    assert "--also-visits 0" in fails(capsys, "train", "ck48", first, "--also-visits", "0", "--out", more)


def test_pictures_are_taught_without_touching_the_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    first, weights, tuned = crops(tmp_path / "CK+48"), tmp_path / "w", tmp_path / "tuned"
    steps = ["--max-steps", "2", "--baseline-steps", "2"]
    main(["train", "ck48", str(first), "--out", str(weights), *steps])
    went_on = [str(first), "--from", str(weights), "--fixed-code", *steps]
    main(["pretrain", "ck48", *went_on, "--out", str(tuned)])
    main(["train", "ck48", *went_on, "--seed", "1", "--out", str(tmp_path / "again")])
    before = load_weights(weights)
    for after in (load_weights(tuned), load_weights(tmp_path / "again")):
        assert digest_of(after.generator.expression_encoder) == digest_of(before.generator.expression_encoder)
        for one, other in ((before.classifier, after.classifier), (before.baseline, after.baseline)):
            assert one is not None
            assert other is not None
            assert digest_of(one) == digest_of(other)
        assert digest_of(after.generator.decoder) != digest_of(before.generator.decoder)
    bare, more = str(tmp_path / "bare"), str(tmp_path / "more")  # stage 1 alone has neither
    main(["pretrain", "ck48", str(first), "--out", bare, *steps[:2]])
    main(["pretrain", "ck48", str(first), "--from", bare, "--fixed-code", "--out", more, *steps[:2]])
    assert "no baseline" in fails(
        capsys, "train", "ck48", first, "--from", bare, "--fixed-code", "--out", tmp_path / "x"
    )
    assert "give --from" in fails(capsys, "pretrain", "ck48", first, "--fixed-code", "--out", tmp_path / "x")


def test_what_reads_expressions_may_look_at_edges_and_go_on_with_the_middle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    first, edges, more = crops(tmp_path / "CK+48"), tmp_path / "edges", tmp_path / "more"
    steps = ["--max-steps", "2", "--baseline-steps", "2"]
    main(["train", "ck48", str(first), "--front", "edges", "--out", str(edges), *steps])
    loaded = load_weights(edges)
    assert loaded.baseline is not None
    assert loaded.card.front == loaded.baseline.encoder.look == "edges"
    main(["pretrain", "ck48", str(first), "--from", str(edges), "--out", str(more), *steps])
    assert load_weights(more).card.front == "edges"
    other = ["train", "ck48", str(first), "--from", str(edges), "--front", "middle", "--out"]
    main([*other, str(tmp_path / "middle"), *steps])
    turned = load_weights(tmp_path / "middle")
    assert turned.baseline is not None
    assert turned.card.front == turned.generator.expression_encoder.look == "middle"
    assert turned.baseline.encoder.look == "middle"
    assert turned.card.provenance["start"] == loaded.digest()[:16]
    for blind in (["--fixed-code"], ["--baseline-steps", "0"]):
        assert "must learn to see" in fails(capsys, *other, tmp_path / "x", *blind)


def test_a_run_killed_in_stage_1_keeps_its_baseline(
    tmp_path: Path, tiny: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "ck48", str(crops(tmp_path / "CK+48")), "--max-steps", "2", "--baseline-steps", "2"]

    def dying(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    main([*command, "--out", str(tmp_path / "whole")])
    with monkeypatch.context() as patch:
        patch.setattr(train, "train_reenactment", dying)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            main([*command, "--out", str(tmp_path / "killed")])
    monkeypatch.setattr(baseline, "masked_cross_entropy", dying)  # the baseline's steps
    main([*command, "--out", str(tmp_path / "killed")])
    assert load_weights(tmp_path / "killed").digest() == load_weights(tmp_path / "whole").digest()
    assert not list((tmp_path / "killed").rglob("checkpoint.pt"))


def test_two_processes_share_every_batch(tmp_path: Path) -> None:
    root = crops(tmp_path / "CK+48")
    command = [sys.executable, "-m", "relgan.cli", "pretrain", "ck48", str(root), "--max-steps", "2"]
    for name, devices in (("one", 1), ("two", 2)):
        options = ["--out", str(tmp_path / name), "--device", "cpu", "--devices", str(devices)]
        subprocess.run([*command, *options], check=True, capture_output=True, text=True, timeout=300)
    one, two = (load_weights(tmp_path / name) for name in ("one", "two"))
    assert two.card.provenance["devices"] == 2
    rows = [
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert [len(table) for table in rows] == [1, 1]
    # Each process normalises its own half of a batch, so the runs agree in kind, not to the digit.
    assert rows[1][0]["pixel"] == pytest.approx(rows[0][0]["pixel"], rel=0.2)
    for a, b in zip(one.generator.parameters(), two.generator.parameters(), strict=True):
        assert torch.allclose(a, b, atol=0.01)
