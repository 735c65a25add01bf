"""The verbs probe and compare as a user meets them."""

import json
from pathlib import Path

import pytest

from relgan.cli import main

from .test_cli import fails
from .test_compare import ALL, LAST_WRONG, write_run
from .test_probe_file import table


def test_probe_prints_a_table_and_writes_its_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table().to_csv(tmp_path / "codes.csv", index=False)
    main(["probe", str(tmp_path / "codes.csv"), "--subject", "who", "--expression", "shows",
          "--out", str(tmp_path / "new" / "found.json")])  # fmt: skip
    assert "│ person     │ linear " in capsys.readouterr().out
    found = json.loads((tmp_path / "new" / "found.json").read_text())
    assert found["identity"]["linear"]["chance"] == pytest.approx(1 / 12)
    line = fails(capsys, "probe", tmp_path / "codes.csv", "--subject", "whom", "--expression", "shows")
    assert "--subject whom" in line


def test_compare_prints_tables_and_writes_its_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_run(tmp_path / "a", {"relgan": ALL, "baseline": LAST_WRONG})
    second = write_run(tmp_path / "b", {"relgan": LAST_WRONG, "baseline": LAST_WRONG})
    main(["compare", str(first), str(second), "--out", str(tmp_path / "found.json")])
    assert "McNemar" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["difference"] for row in found["tests"]] == pytest.approx([0.25, 0, 0.25, 0])
    assert "no results.json" in fails(capsys, "compare", tmp_path / "nowhere")
    assert "give the folder of a run" in fails(capsys, "compare")
