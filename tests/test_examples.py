"""The examples run as they stand, and stay short enough to be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_has_at_most_seventy_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 70


def test_the_evaluation_example_ends_with_a_report(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "evaluate.py"), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert "report.html" in done.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["faces"], results["subjects"], results["folds_finished"]) == (1440, 60, 1)
