"""What must come up at once does not import what takes its time."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "pandas", "cv2", "PIL", "sklearn", "lightning", "matplotlib", "onnxruntime", "ray")
REPORT = f"\nprint('heavy:', sorted(set({HEAVY!r}) & set(sys.modules)))"


def heavy_after(code: str) -> str:
    command = [sys.executable, "-c", "import sys\n" + code + REPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert heavy_after("import relgan; relgan.__version__") == "heavy: []"
    assert "torch" in heavy_after("from relgan import Recognizer")  # the check sees what is imported


@pytest.mark.parametrize("verb", [[], ["predict"], ["evaluate"], ["export"], ["benchmark"], ["synthesize"]])
def test_the_help_imports_nothing_heavy(verb: list[str]) -> None:
    code = f"from relgan.cli import main\ntry:\n main({[*verb, '--help']!r})\nexcept SystemExit: pass"
    assert heavy_after(code) == "heavy: []"
