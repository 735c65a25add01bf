"""Files appear whole or not at all; journals go on after a kill."""

from pathlib import Path
from threading import Thread

import pytest

from relgan.errors import InputError
from relgan.files import Journal, alone, whole, write_text


def test_a_file_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text("before", path)
    with pytest.raises(UnicodeEncodeError):
        write_text("half \ud83d", path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    with whole(path) as beside:
        beside.write_text("after")
    assert path.read_text() == "after"


def test_one_waits_for_the_other_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []

    def second() -> None:
        with alone(tmp_path / ".lock", "waiting for the first"):
            done.append("second")

    thread = Thread(target=second)
    with alone(tmp_path / ".lock", "never said"):
        thread.start()
        thread.join(0.3)
        done.append("first")
    thread.join(20)
    assert done == ["first", "second"]
    assert capsys.readouterr().err == "waiting for the first\n"


def test_a_journal_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    journal, seen = Journal(tmp_path / "j.jsonl"), []

    def resume() -> int:
        return journal.resume({"work": 1}, seen.append, lambda entry: len(entry["parts"]))

    assert (resume(), list(journal), seen) == (0, [], [])
    with journal.going_on() as add:
        add({"parts": [1, 2]})
        assert list(journal) == [{"parts": [1, 2]}]
        add({"parts": [3]})
    with journal.path.open("a") as stream:
        stream.write('{"parts": [4')
    assert (resume(), seen) == (3, [b'{"work": 1}\n'])
    assert list(journal) == [{"parts": [1, 2]}, {"parts": [3]}]
    journal.path.write_text(journal.path.read_text().replace("[3]}", "[3"))
    assert resume() == 2


def test_a_journal_of_other_work_is_left_as_it_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.path.write_text('{"work": 2}\n{"parts": [1]}\n{"par')

    def same(line: bytes) -> None:
        raise InputError("other work")

    with pytest.raises(InputError, match="other work"):
        journal.resume({"work": 1}, same, lambda _: 1)
    assert journal.path.read_text().endswith("par")
