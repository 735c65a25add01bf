"""How long one waits before anything happens: imports and loading, each in a fresh process."""

import subprocess
import sys
import time

from relgan.benchmark.machine import Row
from relgan.weights import packaged

TIMES = 5


def measure_start() -> list[Row]:
    """Seconds of importing, of the help, and of loading; the reference is what torch itself takes."""
    nothing, torch = process("pass"), process("import torch")
    rows = [
        Row("import relgan", "s", torch - nothing, process("import relgan") - nothing, note="import torch"),
        Row(
            "relgan --help", "s", torch, process("from relgan.cli import main; main(['--help'])"),
            note="python -c 'import torch'",
        ),
        Row(
            "from relgan import Recognizer", "s", torch, process("from relgan import Recognizer"),
            note="python -c 'import torch'",
        ),
    ]  # fmt: skip
    for name in packaged()[:1]:
        code = f"from relgan import Recognizer; Recognizer.load({name!r})"
        loaded = process(code) - process("from relgan import Recognizer")
        rows.append(Row(f"Recognizer.load({name!r})", "s", None, loaded, note="after the import"))
    return rows


def process(code: str) -> float:
    """Seconds of the fastest of some runs of a Python process."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
