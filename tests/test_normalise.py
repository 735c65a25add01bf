"""Person-specific normalisation: what a person's pictures have in common goes, their differences stay."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from relgan.cli import main
from relgan.errors import InputError
from relgan.normalise import (
    normalised,
    normalised_scores,
    people_in,
    person_centred,
    person_normalised,
    rest_centred,
    rest_normalised,
)

from .test_cli import fails

EXPRESSIONS = ["anger", "happiness", "neutral"]


def answers(people: int = 4, offset: float = 3.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Every person shows everything; each looks to the network as if always showing one expression more."""
    rows, logs = [], []
    for person in range(people):
        own = np.zeros(3)
        own[person % 3] = offset
        for shown in range(3):
            rows.append((f"{person:03d}/{shown}.png", f"{person:03d}", EXPRESSIONS[shown]))
            logs.append(own + np.eye(3)[shown])
    p = np.exp(np.array(logs))
    p /= p.sum(1, keepdims=True)
    table = pd.DataFrame(rows, columns=["input", "subject", "truth"])
    table[EXPRESSIONS] = p
    table["expression"] = np.array(EXPRESSIONS)[p.argmax(1)]
    return table, p


def test_the_own_offset_of_a_person_goes() -> None:
    table, p = answers()
    assert (table.expression == table.truth).mean() < 0.5
    without = person_normalised(p, table.subject)
    assert without.sum(1) == pytest.approx(1)
    assert np.array(EXPRESSIONS)[without.argmax(1)].tolist() == table.truth.tolist()
    # Of three pictures' mean three quarters go, and a quarter of the offset is left.
    logs = np.log(p) - 0.75 * np.log(p).reshape(4, 3, 3).mean(1).repeat(3, axis=0)
    assert np.log(without) - np.log(without)[:, :1] == pytest.approx(logs - logs[:, :1])
    many = [np.tile(answers(offset=size)[1], (1000, 1)) for size in (3.0, 0.0)]
    one, other = (person_normalised(rows, list(table.subject) * 1000) for rows in many)
    assert one == pytest.approx(other, abs=1e-3)


def test_one_picture_of_a_person_stays_as_it_is() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])
    without = person_normalised(p, ["a", "a", "b"])
    assert without[2] == pytest.approx(p[2])
    assert without[0] != pytest.approx(p[0])


def test_codes_lose_their_persons_mean_and_keep_that_of_all() -> None:
    codes = np.random.default_rng(0).normal(size=(6, 2)) + np.array([[5.0, 0.0]] * 3 + [[0.0, 5.0]] * 3)
    without = person_centred(codes, ["a"] * 3 + ["b"] * 3)
    assert without[:3].mean(0) == pytest.approx(codes.mean(0))
    assert without[3:].mean(0) == pytest.approx(codes.mean(0))
    assert without[0] - without[1] == pytest.approx(codes[0] - codes[1])


def test_people_are_compared_at_rest_however_often_they_smile() -> None:
    """With what they show most of the time taken for theirs, smiles would be lost."""
    table, p = answers(offset=1.5)
    smiles = np.flatnonzero(table.truth == "happiness")
    rows = np.concatenate([np.arange(len(table)), np.repeat(smiles, 20)])
    table, p = table.iloc[rows].reset_index(drop=True), p[rows]
    resting = (table.truth == "neutral").to_numpy()
    smiling = (table.truth == "happiness").to_numpy()

    def read(probabilities: np.ndarray) -> tuple[float, float]:
        """The share of smiles that is found, and the least that happiness is given in one."""
        return (probabilities.argmax(1) == 1)[smiling].mean(), probabilities[smiling, 1].min()

    assert read(p)[0] < 0.5
    found, least = read(rest_normalised(p, table.subject, resting))
    assert found == 1
    assert least > 0.4 > read(person_normalised(p, table.subject))[1]
    one = rest_normalised(p[:6], table.subject[:6], resting[:6])
    logs = np.log(p[:6])
    half = (logs[2] - logs[5]) / 4  # half of how far either is from the mean of the two
    shifted = logs - np.repeat([half, -half], 3, axis=0)
    assert np.log(one) - np.log(one)[:, :1] == pytest.approx(shifted - shifted[:, :1])


def test_codes_are_the_same_at_rest() -> None:
    codes = np.random.default_rng(0).normal(size=(6, 2)) + np.array([[5.0, 0.0]] * 3 + [[0.0, 5.0]] * 3)
    resting = np.array([True, True, False, True, False, False])
    without = rest_centred(codes, ["a"] * 3 + ["b"] * 3, resting)
    assert without[:2].mean(0) == pytest.approx(without[3])
    assert without[2] - without[0] == pytest.approx(codes[2] - codes[0])


@pytest.mark.parametrize("which", [["--neutral-pattern", r"/2\."], ["--neutral", "rest"]])
def test_the_verb_compares_people_at_rest(tmp_path: Path, which: list[str]) -> None:
    table, p = answers(offset=1.5)
    table["rest"] = np.where(table.truth == "neutral", "Yes", "")
    table["code_00"] = np.arange(len(table)) * 1.0
    both = pd.concat([table.assign(method=name) for name in ("relgan", "baseline")], ignore_index=True)
    both.to_csv(tmp_path / "faces.csv", index=False)
    main(["normalise", str(tmp_path / "faces.csv"), *which, "--out", str(tmp_path / "out.csv")])
    found = pd.read_csv(tmp_path / "out.csv")
    expected = rest_normalised(p, table.subject, (table.truth == "neutral").to_numpy())
    assert found[EXPRESSIONS].to_numpy() == pytest.approx(np.tile(expected, (2, 1)), abs=1e-5)
    assert found.code_00.tolist() == pytest.approx([4.5, 5.5, 6.5] * 8)
    assert found.expression.tolist() == [EXPRESSIONS[k] for k in np.tile(expected, (2, 1)).argmax(1)]


def test_methods_and_seeds_are_kept_apart() -> None:
    table, p = answers()
    rows = table.rename(columns={"truth": "expression", "expression": "predicted"})
    both = pd.concat([rows.assign(method="relgan"), rows.assign(method="baseline")], ignore_index=True)
    both.loc[both.method == "baseline", EXPRESSIONS] = p[:, [1, 2, 0]]
    found = normalised(both, both.subject)
    alone = normalised(rows, rows.subject)
    assert found[EXPRESSIONS].to_numpy()[: len(p)] == pytest.approx(alone[EXPRESSIONS].to_numpy())
    assert found.expression.tolist() == both.expression.tolist()  # the truth of predictions.csv
    assert found.predicted[: len(p)].tolist() == rows.expression.tolist()
    seeds = pd.concat([rows.assign(seed=0), rows.assign(seed=1)], ignore_index=True)
    seeds.loc[seeds.seed == 1, EXPRESSIONS] = p[:, ::-1]
    scores = normalised_scores(seeds, EXPRESSIONS)
    assert scores is not None
    assert scores["accuracy"] == pytest.approx((1 + 1 / 3) / 2)  # reversed, only the middle one is right


def test_scores_need_people_with_several_pictures() -> None:
    table, _ = answers()
    rows = table.rename(columns={"truth": "expression", "expression": "predicted"})
    scores = normalised_scores(rows, EXPRESSIONS)
    assert scores is not None
    assert (scores["accuracy"], scores["macro_f1"]) == (1, 1)
    assert normalised_scores(rows.assign(subject=None), EXPRESSIONS) is None
    assert normalised_scores(rows.assign(subject=rows.index.astype(str)), EXPRESSIONS) is None


@pytest.mark.parametrize("who", [["--subject-pattern", r"(\d+)/"], ["--subject", "subject"], []])
def test_the_verb_takes_people_from_names_or_a_column(tmp_path: Path, who: list[str]) -> None:
    table, _ = answers()
    table.to_csv(tmp_path / "faces.csv", index=False)
    main(["normalise", str(tmp_path / "faces.csv"), *who, "--out", str(tmp_path / "out.csv")])
    found = pd.read_csv(tmp_path / "out.csv", dtype={"subject": str})
    assert found.columns.tolist() == table.columns.tolist()
    assert found.expression.tolist() == table.truth.tolist()
    assert found.subject.tolist() == table.subject.tolist()


def test_several_columns_name_a_person_together() -> None:
    """Tracks are counted anew in every video."""
    table = pd.DataFrame({"input": ["a.mp4", "a.mp4", "b.mp4"], "face": [0, 1, 0], "x,y": ["p", "q", None]})
    assert people_in(table, column="input,face") == ["a.mp4/0", "a.mp4/1", "b.mp4/0"]
    assert people_in(table[:2], column="x,y") == ["p", "q"]
    with pytest.raises(InputError, match="--subject x,y: row 3 names nobody"):
        people_in(table, column="x,y")
    with pytest.raises(InputError, match="--subject take: the table has no such column"):
        people_in(table, column="input,take")


def test_the_verb_normalises_codes(tmp_path: Path) -> None:
    codes = pd.DataFrame({"input": ["a/1", "a/2", "b/1"], "code_00": [1, 3, 9]})
    codes.to_csv(tmp_path / "codes.csv", index=False)
    options = ("--subject-pattern", "([ab])/", "--out", str(tmp_path / "out.csv"))
    main(["normalise", str(tmp_path / "codes.csv"), *options])
    mean = 13 / 3
    assert pd.read_csv(tmp_path / "out.csv").code_00.tolist() == pytest.approx(
        [mean - 1, mean + 1, mean], abs=1e-6
    )


def test_a_table_that_is_no_utf8_is_read_all_the_same(tmp_path: Path) -> None:
    table, _ = answers()
    path, out = tmp_path / "faces.csv", tmp_path / "out.csv"
    path.write_bytes(table.replace("000", "Jörg").to_csv(index=False).encode("cp1252"))
    main(["normalise", str(path), "--out", str(out)])
    assert set(pd.read_csv(out, dtype=str).subject) == {"J\\xf6rg", "001", "002", "003"}


def test_the_verb_says_whom_it_found_and_keeps_its_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, _ = answers()
    path, out = tmp_path / "faces.csv", tmp_path / "out.csv"
    table.assign(all="same", each=range(12)).to_csv(path, index=False)
    before = path.read_bytes()
    assert "is the input" in fails(capsys, "normalise", path, "--out", path)
    assert path.read_bytes() == before
    for column, told in (
        ("subject", "12 rows of 4 people; see"),
        ("all", "note: all rows are of one person, same"),
        ("each", "note: everyone has one row"),
    ):
        main(["normalise", str(path), "--subject", column, "--out", str(out)])
        said = capsys.readouterr().err
        assert told in said
        assert ("note" in said) == ("note" in told)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "no rows" in fails(capsys, "normalise", path, "--out", out)
    with pytest.raises(InputError, match="5 for 12 rows"):
        normalised(table, ["a"] * 5)


def test_a_parquet_file_of_a_csv_table_has_numbers(tmp_path: Path) -> None:
    schema_of = pytest.importorskip("pyarrow.parquet").read_schema

    table, _ = answers()
    text = table.assign(frame=["", *"1" * 11], time_s="0.5", face="0", x="left", w="7.5")
    text.to_csv(tmp_path / "faces.csv", index=False)
    main(["normalise", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "out.parquet")])
    found = pd.read_parquet(tmp_path / "out.parquet")
    kinds = schema_of(tmp_path / "out.parquet")
    assert [str(kinds.field(name).type) for name in ("frame", "time_s", "face", "w")] == [
        "int64",
        "double",
    ] * 2
    assert (found.frame.isna().sum(), found.x[0], found.subject[0]) == (1, "left", "000")


def test_columns_of_others_stay_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = answers()
    own = {"when": pd.Timestamp("2024-01-01"), "tiny": 1e-9, "seen": True, "none": None}
    table.assign(**own).to_parquet(tmp_path / "faces.parquet")
    main(["normalise", str(tmp_path / "faces.parquet"), "--out", str(tmp_path / "out.csv")])
    found = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False).iloc[0]
    assert [found[name] for name in own] == ["2024-01-01 00:00:00", "1e-09", "True", ""]
    (tmp_path / "x.parquet").mkdir()
    refused = fails(capsys, "normalise", tmp_path / "faces.parquet", "--out", tmp_path / "x.parquet")
    assert "x.parquet: a folder" in refused


def test_faces_of_nobody_in_particular_are_normalised_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them look as if they showed anger too, for instance by the light."""
    table, p = answers(offset=0)
    table[EXPRESSIONS] = p * [20, 1, 1] / (p * [20, 1, 1]).sum(1, keepdims=True)
    path, out = tmp_path / "faces.csv", tmp_path / "out.csv"
    table.assign(expression="anger").drop(columns="subject").to_csv(path, index=False)
    main(["normalise", str(path), "--together", "--out", str(out)])
    found = pd.read_csv(out)
    assert found.expression.tolist() == table.truth.tolist()
    expected = person_normalised(table[EXPRESSIONS].to_numpy(), ["all"] * len(table))
    assert found[EXPRESSIONS].to_numpy() == pytest.approx(expected, abs=1e-5)
    other = ("--out", tmp_path / "other.csv")
    for option in ("--subject", "--subject-pattern", "--neutral", "--neutral-pattern"):
        refused = fails(capsys, "normalise", path, "--together", option, "truth", *other)
        assert f"leave {option} out" in refused
    pd.DataFrame({"input": ["a"], "code_00": [1.0]}).to_csv(path, index=False)
    assert "faces.csv: codes alone" in fails(capsys, "normalise", path, "--together", *other)
    assert not other[1].exists()


def test_what_nobody_was_asked_to_show_is_not_found(tmp_path: Path) -> None:
    """A little contempt in half of the faces, which alone would be taken for contempt."""
    table, _ = answers()
    table["contempt"] = 1e-4 * (1 + table.index % 2 * 99)
    assert (normalised(table, table.subject).expression == "contempt").any()
    table.to_csv(tmp_path / "faces.csv", index=False)
    options = ("--expressions", "angry,happy,neutral", "--out", str(tmp_path / "out.csv"))
    main(["normalise", str(tmp_path / "faces.csv"), *options])
    found = pd.read_csv(tmp_path / "out.csv")
    assert found.expression.tolist() == table.truth.tolist()
    assert (found.contempt == 0).all()
    assert found[EXPRESSIONS].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_bad_tables_and_people_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = answers()
    path, out = tmp_path / "faces.csv", ("--out", tmp_path / "out.csv")
    half = tmp_path / "half.csv"
    table[table.truth != "neutral"].to_csv(half, index=False)
    table.drop(columns="subject").to_csv(path, index=False)
    assert "--subject-pattern" in fails(capsys, "normalise", path, *out)
    assert "does not match 001/0.png" in fails(capsys, "normalise", path, "--subject-pattern", "(000)/", *out)
    assert "--expressions luck" in fails(
        capsys, "normalise", path, "--subject-pattern", "(0)", "--expressions", "luck", *out
    )
    assert "name two or more" in fails(
        capsys, "normalise", path, "--subject-pattern", "(0)", "--expressions", "anger", *out
    )
    assert "brackets" in fails(capsys, "normalise", path, "--subject-pattern", "000", *out)
    for word in ("subject", "neutral"):
        both = [f"--{word}", "path", f"--{word}-pattern", "(0)"]
        assert f"--{word}-pattern says it too" in fails(capsys, "normalise", path, *both, *out)
    assert "--neutral truth: holds none of neutral, 1" in fails(
        capsys, "normalise", half, "--neutral", "truth", "--subject-pattern", "(.*)/", *out
    )
    assert "--neutral rest: the table has no such column" in fails(
        capsys, "normalise", path, "--neutral", "rest", "--subject-pattern", "(.*)/", *out
    )
    for pattern, said in (
        ("[", "not a regular"),
        ("9", "in no picture's name"),
        ("001/0", "000 has no picture"),
    ):
        assert said in fails(
            capsys, "normalise", path, "--neutral-pattern", pattern, "--subject-pattern", "(.*)/", *out
        )
    assert "is the only person" in fails(
        capsys, "normalise", path, "--neutral-pattern", "0", "--subject-pattern", "(0)", *out
    )
    table.assign(subject=["", *table.subject[1:]]).to_csv(path, index=False)
    assert "row 1 names nobody" in fails(capsys, "normalise", path, *out)
    table.assign(anger="much").to_csv(path, index=False)
    assert "row 1 has no number" in fails(capsys, "normalise", path, *out)
    table[["input", "subject"]].to_csv(path, index=False)
    assert "relgan predict or embed" in fails(capsys, "normalise", path, *out)
    assert not (tmp_path / "out.csv").exists()
