"""What a reader of action units is told and asked."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny", reason="needs anny: pip install 'relgan[synthesis]'")

from relgan.benchmark.units import agreement, apart, faces_of, main, moved, random_units
from relgan.errors import InputError
from relgan.synthesis.expressions import UNIT_INDEX, UNITS
from relgan.synthesis.generate import synthesize


def test_units_drawn_at_random_say_nothing_of_each_other() -> None:
    drawn = np.stack([random_units(np.random.default_rng(seed)) for seed in range(2000)]).mean(2)
    smiles, frowns = drawn[:, UNIT_INDEX[12]], drawn[:, UNIT_INDEX[4]]
    assert abs(np.corrcoef(smiles > 0, frowns > 0)[0, 1]) < 0.1
    assert not ((drawn[:, UNIT_INDEX[26]] > 0) & (drawn[:, UNIT_INDEX[27]] > 0)).any()
    assert drawn.max() <= 1.45


def test_what_an_expression_moves_is_told_from_the_face_at_rest() -> None:
    units = np.array([[0.2, 0.1], [0.4, 0.1], [0.9, 0.1], [0.5, 0.0]], np.float32)
    found = moved(units, np.array(["neutral", "neutral", "anger", ""]))
    assert list(found) == ["anger"]
    np.testing.assert_allclose(found["anger"], [0.6, 0.0], atol=1e-6)


def test_agreement_is_the_correlation_unit_by_unit() -> None:
    rng = np.random.default_rng(0)
    found, drawn = rng.random((2, 50, 3)).astype(np.float32)
    drawn[:, 2] = 0
    result = agreement(found, drawn)
    for k in range(2):
        assert result[k] == pytest.approx(np.corrcoef(found[:, k], drawn[:, k])[0, 1], abs=1e-4)
    assert np.isnan(result[2])


def test_a_reader_learns_and_its_table_has_a_row_for_each_expression_and_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = tmp_path / "people"
    synthesize(3, people, expressions=["neutral", "happiness"], frames=3, takes=2, progress=False)
    faces = faces_of(people)
    assert set(faces.expressions.tolist()) == {"neutral", "happiness"}
    assert [len(np.unique(part.people)) for part in apart(faces)] == [2, 1]
    main([str(people), str(people), "--actors", "1", "--steps", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[2:] == [str(unit) for unit in UNITS]
    assert [line.split(",")[0] for line in lines[1:]] == ["correlation", "correlation", "happiness"]
    assert all(len(line[28:].split()) == len(UNITS) for line in lines[1:])


def test_photographs_cannot_be_learnt_from(tmp_path: Path) -> None:
    people = tmp_path / "people"
    synthesize(1, people, expressions=["happiness"], frames=1, takes=1, progress=False)
    with pytest.raises(InputError, match="nobody is at rest"):
        faces_of(people)


def test_one_person_alone_leaves_nobody_to_learn_from(tmp_path: Path) -> None:
    people = tmp_path / "people"
    synthesize(1, people, expressions=["neutral", "happiness"], frames=1, takes=1, progress=False)
    for actors in ("0", "1"):
        with pytest.raises(InputError, match="names one person"):
            main([str(people), str(people), "--actors", actors])
