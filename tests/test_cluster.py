"""Folds and predictions on a local Ray of two workers: the same results, also when a worker is killed or does
not see the files."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ray = pytest.importorskip("ray")

from relgan import bulk, cluster, crossval  # noqa: E402
from relgan.errors import InputError  # noqa: E402
from relgan.predict import embed_files, predict_files  # noqa: E402
from relgan.recognizer import Recognizer  # noqa: E402

from .clips import moving, photograph, random_weights, write_clip  # noqa: E402
from .test_crossval import TINY, Drawn, run, study  # noqa: E402

RESULTS = ("faces", "folds_finished", "methods", "disentanglement")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    ray.init(num_cpus=2 * cluster.torch.get_num_threads(), include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def files_of(out: Path) -> dict[str, bytes]:
    """What folds leave that holds no times."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.name in ("predictions.csv", "samples.png")
    }


def test_a_cluster_gives_the_results_of_a_local_run(drawn: Drawn, tmp_path: Path, two_workers: None) -> None:
    case = study(drawn)
    here = run(case, tmp_path / "here")
    there = run(case, tmp_path / "there", cluster=True)
    assert {key: here[key] for key in RESULTS} == {key: there[key] for key in RESULTS}
    assert files_of(tmp_path / "here") == files_of(tmp_path / "there")
    assert len(files_of(tmp_path / "there")) == 8


def test_workers_that_do_not_see_the_folder_send_their_files(
    drawn: Drawn, tmp_path: Path, two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, out = study(drawn), tmp_path / "out"
    here = run(case, tmp_path / "here", folds=[1])

    def elsewhere(held: Any, seed: int, index: int, out: Path, *rest: Any) -> dict[str, bytes] | None:
        from relgan.cluster import fold_task

        return fold_task(held, seed, index, Path("/not/on/this/machine"), *rest)

    monkeypatch.setattr(cluster, "fold_task", elsewhere)
    there = run(case, out, folds=[1], cluster=True)
    assert {key: here[key] for key in RESULTS} == {key: there[key] for key in RESULTS}
    assert files_of(tmp_path / "here") == files_of(out)


def test_a_killed_worker_loses_nothing(drawn: Drawn, tmp_path: Path, two_workers: None) -> None:
    case, out = study(drawn), tmp_path / "out"
    longer = replace(TINY, reenactment=replace(TINY.reenactment, max_steps=40, epochs=200, samples=0))
    here = run(case, tmp_path / "here", longer, folds=[0, 2])
    with one_worker_killed(b"fold_task", lambda: bool(list(out.rglob("log.jsonl")))):  # stage 1 has begun
        there = run(case, out, longer, folds=[0, 2], cluster=True)
    assert {key: here[key] for key in RESULTS} == {key: there[key] for key in RESULTS}
    assert files_of(tmp_path / "here") == files_of(out)


@contextmanager
def one_worker_killed(task: bytes, ready: Callable[[], bool]) -> Iterator[None]:
    """Kill one worker that runs a task, as soon as it is time."""
    killed: list[int] = []
    over = threading.Event()

    def kill_one() -> None:
        while not killed and not over.wait(0.01):
            if ready():
                for pid in workers_of_this_process(task)[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()
    assert killed


def workers_of_this_process(task: bytes) -> list[int]:
    """Processes that run a task for the Ray that this process started."""

    def working(title: bytes) -> bool:
        return title.startswith(b"ray::") and task in title

    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            parent = int(folder.name)
            while working(title) and parent not in (0, 1, os.getpid()):
                parent = int((Path("/proc") / str(parent) / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if working(title) and parent == os.getpid():
            found.append(int(folder.name))
    return found


def test_finished_folds_are_not_run_again(
    drawn: Drawn, tmp_path: Path, two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = study(drawn)
    before = run(case, tmp_path, folds=[0])
    monkeypatch.setattr(cluster, "run_folds", lambda *_: pytest.fail("nothing is left to run"))
    after = run(case, tmp_path, folds=[0], cluster=True)
    assert before["methods"] == after["methods"]
    assert crossval.finished(tmp_path / "seed_0" / "fold_0", "another run") is None


def test_an_error_of_a_fold_comes_back_as_it_is(
    drawn: Drawn, tmp_path: Path, two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any) -> None:
        raise InputError("this fold cannot be run")

    monkeypatch.setattr(cluster, "fold_task", wrong)
    with pytest.raises(InputError, match="this fold cannot be run"):
        run(study(drawn), tmp_path, folds=[0], cluster=True)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return Recognizer.load(random_weights(tmp_path_factory.mktemp("weights")), device="cpu")


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photographs, some of which give nothing, and a video; in pieces of four pictures."""
    monkeypatch.setattr(bulk, "CHUNK", 4)
    folder = tmp_path / "album"
    folder.mkdir()
    for k in range(14):
        Image.fromarray(photograph((k, 20 + 5 * k, 60))).save(folder / f"{k:02d}.png")
    (folder / "03.png").write_bytes(b"broken")
    Image.fromarray(np.full((90, 90, 3), 128, np.uint8)).save(folder / "07.png")
    (folder / "08.txt").write_text("passed over")
    write_clip(folder / "05_clip.mp4", moving(40))
    return folder


Table = tuple[bytes, list[str], list[str]]


def predicted(album: Path, recognizer: Recognizer, **named: Any) -> Table:
    """The table of a run, and the lines it prints and warns with."""
    out = album.parent / f"{named}.csv"
    said: list[str] = []
    warned: list[str] = []
    outcome = predict_files(
        [album], recognizer, csv=str(out), say=said.append, warn=warned.append, progress=False, **named
    )
    assert (outcome.inputs, outcome.faces, len(outcome.skipped)) == (15, 12 + 40, 2)
    return out.read_bytes(), said, warned


def test_a_cluster_predicts_what_one_machine_does(
    album: Path, recognizer: Recognizer, two_workers: None
) -> None:
    here, there = (predicted(album, recognizer, cluster=cluster) for cluster in (False, True))
    assert here == there
    codes = [album.parent / name for name in ("here.csv", "there.csv")]
    for out in codes:
        embed_files([album], recognizer, str(out), cluster=out.stem == "there", progress=False)
    assert codes[0].read_bytes() == codes[1].read_bytes()
    with pytest.raises(InputError, match="--annotate"):
        predicted(album, recognizer, cluster=True, annotate=album.parent / "seen")


def test_a_killed_worker_loses_no_rows(album: Path, recognizer: Recognizer, two_workers: None) -> None:
    here = predicted(album, recognizer)
    with one_worker_killed(b"piece_task", lambda: True):
        there = predicted(album, recognizer, cluster=True)
    assert here == there


def test_a_worker_that_does_not_see_a_file_is_an_error(
    album: Path, recognizer: Recognizer, two_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    monkeypatch.setattr(bulk.os, "getcwd", lambda: "/not/on/this/machine")
    out = album.parent / "out.csv"
    with pytest.raises(InputError, match=r"does not see 00\.png"):
        predict_files(["00.png"], recognizer, csv=str(out), cluster=True, progress=False)
    assert not out.exists()
