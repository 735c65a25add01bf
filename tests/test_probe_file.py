"""Any embedding in a file, measured."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from relgan.errors import InputError
from relgan.probe_file import print_probe, probe, read_embedding

from .codes import codes, people


def table(of_person: float = 0, of_expression: float = 3) -> pd.DataFrame:
    labels = people()
    numbers = codes(labels, of_person, of_expression)
    made = pd.DataFrame(numbers, columns=[f"code_{k:02d}" for k in range(30)])
    return made.assign(who=labels.subject, shows=labels.expression, x=1.0, frame=0)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_codes_is_measured(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"codes.{suffix}"
    table().to_csv(path, index=False) if suffix == "csv" else table().to_parquet(path)
    embedding = read_embedding(path, "who", "shows")
    assert embedding.codes.shape == (192, 30)
    found = probe(embedding)
    assert (found["faces"], found["people"], len(found["expressions"])) == (192, 12, 4)
    assert found["expression"]["linear"]["accuracy"] > 0.9
    assert found["identity"]["linear"]["accuracy"] < 0.2
    assert found["verification_error"] == pytest.approx(0.5, abs=0.06)
    screen = io.StringIO()
    print_probe(found, Console(file=screen, width=120))
    assert "No identity is found beyond chance" in screen.getvalue()


def test_columns_are_chosen_by_name_or_by_being_numbers(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    plain = table().rename(columns=lambda name: name.replace("code_", "AU")).assign(note="text")
    plain.to_csv(path, index=False)
    assert len(read_embedding(path, "who", "shows").columns) == 30  # not x, not frame, not note
    assert read_embedding(path, "who", "shows", codes="AU0[0-4]").columns == [f"AU0{k}" for k in range(5)]


def test_the_numbers_of_rows_are_no_part_of_a_code(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    plain = table().rename(columns=lambda name: name.replace("code_", "AU"))
    for numbered in (plain, plain.reset_index(), plain.assign(row=range(1, 193))):
        numbered.to_csv(path)  # with pandas' own column of numbers
        assert len(read_embedding(path, "who", "shows").columns) == 30


def test_incomplete_rows_are_left_out_and_people_called_na_or_007_are_not(tmp_path: Path) -> None:
    rows = table().replace({"who": {"s00": "NA", "s01": "007", "s02": ""}}).astype({"code_03": object})
    rows.loc[0, "code_03"] = ""
    rows.to_csv(tmp_path / "codes.csv", index=False)
    embedding = read_embedding(tmp_path / "codes.csv", "who", "shows")
    assert {"NA", "007"} <= set(embedding.labels.subject.tolist())
    assert embedding.left_out == 16 + 1
    assert len(embedding.codes) == 192 - 17


def test_frames_of_one_take_are_never_compared_where_takes_are_given(tmp_path: Path) -> None:
    rows = table().assign(take=[str(k // 4) for k in range(192)])
    rows.to_csv(tmp_path / "codes.csv", index=False)
    labels = read_embedding(tmp_path / "codes.csv", "who", "shows", "take").labels
    assert len(set(labels.take.tolist())) == 48


def test_bad_files_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    table().to_csv(path, index=False)
    with pytest.raises(InputError, match=r"--subject whom: .*has no such column; it has who"):
        read_embedding(path, "whom", "shows")
    with pytest.raises(InputError, match="no such file"):
        read_embedding(tmp_path / "nowhere.csv", "who", "shows")
    with pytest.raises(InputError, match=r"no column of .* is called so"):
        read_embedding(path, "who", "shows", codes="embedding.*")
    with pytest.raises(InputError, match="not a regular expression"):
        read_embedding(path, "who", "shows", codes="(")
    pd.DataFrame({"who": ["a"], "shows": ["fear"], "note": ["x"]}).to_csv(path, index=False)
    with pytest.raises(InputError, match="no column of numbers"):
        read_embedding(path, "who", "shows")
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        read_embedding(tmp_path / "bad.parquet", "who", "shows")


def test_rows_without_a_take_are_takes_of_their_own(tmp_path: Path) -> None:
    rows = table().assign(take=["" if k % 2 else "one" for k in range(192)])
    rows.to_csv(tmp_path / "codes.csv", index=False)
    labels = read_embedding(tmp_path / "codes.csv", "who", "shows", "take").labels
    assert len(set(labels.take)) == 12 + 96


def test_missing_whole_numbers_are_missing_people(tmp_path: Path) -> None:
    numbers = pd.Series([None, *range(1, 192)], dtype="Int64")
    table().assign(who=numbers).to_parquet(tmp_path / "codes.parquet")
    embedding = read_embedding(tmp_path / "codes.parquet", "who", "shows")
    assert (embedding.left_out, embedding.labels.subject[0]) == (1, "1")


def test_tables_of_other_kinds_are_named(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        table().to_csv(path, index=False, sep=mark)
        with pytest.raises(InputError, match=f"codes.csv: separated by {word}; save it with commas"):
            read_embedding(path, "who", "shows")
    table().to_csv(path, index=False, encoding="utf-16")
    with pytest.raises(InputError, match=r"codes.csv: is UTF-16; save it as UTF-8"):
        read_embedding(path, "who", "shows")
    table().to_csv(path, index=False)
    with pytest.raises(InputError, match=r"it has who, shows, x, frame$"):
        read_embedding(path, "take", "shows")
