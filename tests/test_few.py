"""Folders of rendered people in which everyone shows few expressions."""

import json
from pathlib import Path

import pandas as pd
import pytest

from relgan.benchmark.few import SEQUENCES, kept, main
from relgan.errors import InputError
from relgan.expressions import CANONICAL


def table(people: int = 60) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"path": f"faces/{k:03d}-{name}-{frame}.png", "subject": f"{k:03d}", "expression": name}
            for k in range(people)
            for name in CANONICAL
            for frame in range(3)
        ]
    )


def test_everyone_shows_one_to_six_expressions_with_all_their_frames() -> None:
    rows = kept(table())
    shown = rows.groupby("subject").expression.nunique()
    assert len(shown) == 60
    assert set(shown) == {1, 2, 3, 4, 5, 6}
    assert (rows.groupby(["subject", "expression"]).size() == 3).all()
    assert set(rows.expression) == set(SEQUENCES)
    assert (rows.expression == "surprise").sum() > 2 * (rows.expression == "fear").sum()
    pd.testing.assert_frame_equal(rows, kept(table()))


def test_pictures_and_rows_are_copied_and_bad_folders_refused(tmp_path: Path) -> None:
    people, out = tmp_path / "people", tmp_path / "few"
    (people / "faces").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no manifest\.csv"):
        main([str(people), "--out", str(out)])
    rows = table(3)
    rows.to_csv(people / "manifest.csv", index=False)
    for path in rows.path:
        (people / path).write_text(json.dumps(path))
    main([str(people), "--out", str(out)])
    left = pd.read_csv(out / "manifest.csv", dtype=str)
    assert left.path.tolist() == kept(rows).path.tolist()
    assert {f"faces/{path.name}" for path in (out / "faces").iterdir()} == set(left.path)
    with pytest.raises(InputError, match="holds something"):
        main([str(people), "--out", str(out)])
    rows[rows.expression != "fear"].to_csv(people / "manifest.csv", index=False)
    with pytest.raises(InputError, match="000 does not show fear"):
        main([str(people), "--out", str(tmp_path / "other")])
    assert not (tmp_path / "other").exists()
