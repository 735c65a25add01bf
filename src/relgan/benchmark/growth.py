"""How time and memory grow with the input: each verb at 1, 4 and 16 times as much, in a process of its own.

The pictures are scenes with the packaged synthetic people, the faces these people themselves; beyond their
number they come again under other names. ``python -m relgan.benchmark.growth VERB FOLDER STEPS`` is one of
the processes.
"""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from relgan.benchmark.machine import Row

Verb = Literal["prepare", "train", "evaluate", "predict"]
VERBS: tuple[Verb, ...] = ("prepare", "train", "evaluate", "predict")
TIMES = (1, 4, 16)
PICTURES, PEOPLE = 64, 12
"""At 1x; a person has 24 faces."""
STEPS = 30
"""Of stage 1 and of the baseline, however many faces there are."""


def measure_growth(
    verbs: Sequence[Verb] = VERBS,
    times: Sequence[int] = TIMES,
    pictures: int = PICTURES,
    people: int = PEOPLE,
    steps: int = STEPS,
) -> list[Row]:
    """Seconds of every part of every verb at every size; the notes hold the memory and what grew how much."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for verb in verbs:
            first: dict[str, float] = {}
            for factor in times:
                folder = Path(temporary) / f"{verb}_{factor}"
                if verb in ("prepare", "predict"):
                    count, things = pictures * factor, "pictures"
                    write_pictures(folder, count, pictures)
                else:
                    count, things = write_people(folder, people * factor), "faces"
                found = in_its_own_process(verb, folder, steps)
                peak = found.pop("peak")
                first = first or {**found, "peak": peak}
                for part, seconds in found.items():
                    note = f"{peak / 1e6:.0f} MB"
                    if factor != times[0]:
                        grown = seconds / max(first[part], 1e-9), peak / first["peak"]
                        note += f"; {grown[0]:.1f} times the time, {grown[1]:.2f} times the memory of 1x"
                    rows.append(Row(f"{part}, {count} {things} ({factor}x)", "s", None, seconds, note=note))
    return rows


def in_its_own_process(verb: Verb, folder: Path, steps: int) -> dict[str, float]:
    """Seconds of the parts of a verb, and "peak": bytes that its process held at most."""
    command = [sys.executable, "-m", "relgan.benchmark.growth", verb, str(folder), str(steps)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_pictures(folder: Path, count: int, distinct: int) -> None:
    """So many scenes as files, of which only the first ones are different."""
    from relgan.benchmark.scenes import scenes

    folder.mkdir()
    contents = [scene.content for scene in scenes(min(count, distinct))]
    for number in range(count):
        (folder / f"scene_{number:06d}.jpg").write_bytes(contents[number % len(contents)])


def write_people(folder: Path, people: int) -> int:
    """A folder of aligned faces as ``relgan prepare`` makes it; returns how many."""
    from relgan.synthesis.sample import sample_path

    with zipfile.ZipFile(sample_path()) as archive:
        archive.extractall(folder)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    names = sorted({row["subject"] for row in table})
    rows = []
    for person in range(people):
        copy, subject = person // len(names), names[person % len(names)]
        for row in (row for row in table if row["subject"] == subject):
            path = Path(row["path"])
            if copy:
                path = path.with_name(f"copy{copy}-{path.name}")
                shutil.copyfile(folder / row["path"], folder / path)
            named = {key: f"copy{copy}-{row[key]}" if copy else row[key] for key in ("subject", "sequence")}
            rows.append({**row, **named, "path": path.as_posix()})
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def prepare(folder: Path, steps: int) -> dict[str, float]:
    from relgan.data.face import Face
    from relgan.faces.prepare import prepare as run

    faces = [Face(str(path)) for path in sorted(folder.iterdir())]
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out"
        return {
            "prepare": seconds(lambda: run(faces, out, cropped=False, device="cpu", progress=False)),
        }


def train(folder: Path, steps: int) -> dict[str, float]:
    from relgan.config import preset
    from relgan.study import align_datasets
    from relgan.train import train as run
    from relgan.training import make_fabric

    config = preset("fast")
    stage = replace(config.reenactment.lasting(steps), choices=0, samples=0)
    config, fabric = replace(config, reenactment=stage), make_fabric("auto", "cpu")
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        data = align_datasets([("synthetic", folder)], Path(out), progress=False)
        loaded = time.perf_counter() - began

        def steps_alone() -> None:
            run(data, config, out=Path(out), fabric=fabric, recognition=False, progress=False)

        return {"load": loaded, f"train {steps} steps": seconds(steps_alone)}


def evaluate(folder: Path, steps: int) -> dict[str, float]:
    from rich.console import Console

    from relgan.config import preset
    from relgan.crossval import evaluate as run
    from relgan.study import study_of
    from relgan.training import make_fabric

    config = preset("fast")
    stage1 = replace(config.reenactment.lasting(steps), choices=1, samples=0)
    baseline = replace(config.baseline.lasting(steps), choices=1)
    config, fabric = replace(config, reenactment=stage1, baseline=baseline), make_fabric("auto", "cpu")
    with tempfile.TemporaryDirectory() as temporary:
        out, quiet = Path(temporary), Console(quiet=True)

        def one_fold() -> None:
            study = study_of("synthetic", folder, out, progress=False)
            run(study, config, out=out, fabric=fabric, folds=[0], progress=False, console=quiet)

        return {f"evaluate one fold, {steps} steps": seconds(one_fold)}


def predict(folder: Path, steps: int) -> dict[str, float]:
    from relgan.predict import predict_files
    from relgan.recognizer import Recognizer

    recognizer = Recognizer.load(device="cpu")
    with tempfile.TemporaryDirectory() as out:
        table = str(Path(out) / "faces.csv")
        return {"predict": seconds(lambda: predict_files([folder], recognizer, csv=table, progress=False))}


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


RUNS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
}


def peak() -> int:
    """Bytes that this process held at most: of itself alone, not of the one that started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):  # other than Linux
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return usage if sys.platform == "darwin" else 1024 * usage


if __name__ == "__main__":
    parts = RUNS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({**parts, "peak": peak()}))
