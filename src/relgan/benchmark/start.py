"""How long one waits before anything happens: imports and loading, each in a fresh process."""

import subprocess
import sys
import time

from relgan.benchmark.machine import Row

TIMES = 5


def measure_start() -> list[Row]:
    """Seconds of importing, of the help, and of loading; the reference is what torch itself takes."""
    nothing, torch = process("pass"), process("import torch")
    load = "import torch; from relgan import Recognizer; Recognizer.load()"
    return [
        Row("import relgan", "s", torch - nothing, process("import relgan") - nothing, note="import torch"),
        Row(
            "relgan --help", "s", torch, process("from relgan.cli import main; main(['--help'])"),
            note="python -c 'import torch'",
        ),
        Row(
            "from relgan import Recognizer", "s", torch, process("from relgan import Recognizer"),
            note="python -c 'import torch'",
        ),
        Row("Recognizer.load()", "s", None, process(load) - torch, note="its import too; torch was imported"),
    ]  # fmt: skip


def process(code: str) -> float:
    """Seconds of the fastest of some runs of a Python process."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
