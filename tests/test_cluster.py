"""Folds on a local Ray of two workers: the same results, also when a worker is killed or sees no folder."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from relgan import cluster, crossval  # noqa: E402
from relgan.errors import InputError  # noqa: E402

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
    killed: list[int] = []
    over = threading.Event()

    def kill_one() -> None:
        """The worker in whose fold stage 1 has begun."""
        while not killed and not over.wait(0.01):
            if list(out.rglob("log.jsonl")):
                for pid in workers_of_this_process()[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        there = run(case, out, longer, folds=[0, 2], cluster=True)
    finally:
        over.set()
        killer.join()
    assert killed
    assert {key: here[key] for key in RESULTS} == {key: there[key] for key in RESULTS}
    assert files_of(tmp_path / "here") == files_of(out)


def working(title: bytes) -> bool:
    return title.startswith(b"ray::") and b"fold_task" in title


def workers_of_this_process() -> list[int]:
    """Processes that run a fold for the Ray that this process started."""
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
