"""Stage 1 alone: weights with a card, on one device or several, and runs that begin with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from relgan import config as presets
from relgan.cli import main
from relgan.config import scaled
from relgan.weights import load_generator

from .test_cli import crops, fails


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets.PRESETS, "fast", scaled(presets.PRESETS["fast"], 0.005))


def test_pretrained_weights_start_every_fold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    root, weights = crops(tmp_path / "CK+48"), tmp_path / "weights"
    command = ["pretrain", "ck48", str(root), "--out", str(weights), "--max-steps", "2"]
    main(command)
    _, card = load_generator(weights)
    assert (card.size, card.expressions) == (64, ["anger", "happiness", "surprise"])
    assert (card.provenance["dataset"], card.provenance["faces"], card.provenance["steps"]) == ("ck48", 24, 2)
    main(command)
    assert "was there already" in capsys.readouterr().out
    assert "another run" in fails(capsys, *command[:-1], "3")
    out = tmp_path / "run"
    main(["evaluate", "ck48", str(root), "--out", str(out), "--folds", "0", "--start", str(weights)])
    assert "began from" in " ".join(json.loads((out / "results.json").read_text())["notes"])
    assert "relgan pretrain" in fails(
        capsys, "evaluate", "ck48", root, "--out", tmp_path / "other", "--start", tmp_path
    )


def test_two_processes_share_every_batch(tmp_path: Path) -> None:
    root = crops(tmp_path / "CK+48")
    command = [sys.executable, "-m", "relgan.cli", "pretrain", "ck48", str(root), "--max-steps", "2"]
    for name, devices in (("one", 1), ("two", 2)):
        options = ["--out", str(tmp_path / name), "--device", "cpu", "--devices", str(devices)]
        subprocess.run([*command, *options], check=True, capture_output=True, text=True, timeout=300)
    (one, _), (two, card) = (load_generator(tmp_path / name) for name in ("one", "two"))
    assert card.provenance["devices"] == 2
    rows = [
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert [len(table) for table in rows] == [1, 1]
    # Each process normalises its own half of a batch, so the runs agree in kind, not to the digit.
    assert rows[1][0]["pixel"] == pytest.approx(rows[0][0]["pixel"], rel=0.2)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.allclose(a, b, atol=0.01)
