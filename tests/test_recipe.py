"""The recipe's rows depart in one thing each, share what they can, and are not run twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

from relgan.averaging import mean_network
from relgan.benchmark import personal, recipe
from relgan.benchmark.recipe import BASELINE, ROWS, Recipe, run_rows, summary
from relgan.config import preset
from relgan.predictions import read_predictions
from relgan.training import make_fabric
from relgan.weights import load_weights

from .test_crossval import TINY, Drawn, study

QUICK = replace(TINY, reenactment=replace(TINY.reenactment, tune_steps=1))
NAMES = ("relgan", "hidden-16", "test-1-view", "encoder-tuned", "no-d", "no-turns", "baseline")
CHOSEN = [ROWS[name] for name in NAMES]


@pytest.fixture
def case(drawn: Drawn) -> Recipe:
    return Recipe(study(drawn), QUICK, None, make_fabric("32-true", "cpu"))


def test_rows_that_share_stage_1_are_trained_once(
    case: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[float, float]] = []
    original = recipe.train_reenactment

    def counting(data: Any, config: Any, **named: Any) -> Any:
        trained.append((config.reenactment.lambda_expression, data.reach.turn))
        return original(data, config, **named)

    monkeypatch.setattr(recipe, "train_reenactment", counting)
    fold = case.study.folds[0]
    run_rows(case, CHOSEN, fold, 0, tmp_path)
    assert trained == [(50, 1), (0, 1), (50, 0)]
    tables = {
        row.name: read_predictions(tmp_path / row.name / "seed_0/fold_0/predictions.csv") for row in CHOSEN
    }
    for name, table in tables.items():
        assert len(table) == len(fold.test), name
    one, ten = (tables[name][["anger", "happiness"]].to_numpy() for name in ("test-1-view", "relgan"))
    assert np.abs(one - ten).max() > 0
    run_rows(case, CHOSEN, fold, 0, tmp_path)
    assert len(trained) == 3
    assert not list(tmp_path.rglob("checkpoint.pt"))


def test_the_first_row_is_what_evaluate_does(case: Recipe, tmp_path: Path) -> None:
    from .test_crossval import run

    fold = case.study.folds[1]
    run_rows(case, [ROWS["relgan"], ROWS["baseline"]], fold, 0, tmp_path / "rows")
    run(case.study, tmp_path / "run", QUICK, folds=[1])
    theirs = read_predictions(tmp_path / "run/seed_0/fold_1/predictions.csv")
    for name in ("relgan", "baseline"):
        ours = read_predictions(tmp_path / "rows" / name / "seed_0/fold_1/predictions.csv")
        same = theirs[theirs.method == name].reset_index(drop=True).drop(columns="method")
        pd.testing.assert_frame_equal(ours.drop(columns="method"), same)


def test_halfway_reads_with_the_mean_of_the_weights_before_and_after(
    case: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = load_weights("wild")
    config = replace(begun.fitted(QUICK), size=begun.card.size)
    meant: list[list[nn.Module]] = []

    def noting(networks: Any) -> Any:
        meant.append(list(networks))
        return mean_network(networks)

    baselines: list[str] = []
    original = recipe.train_baseline

    def counting(*given: Any, **named: Any) -> Any:
        baselines.append("trained")
        return original(*given, **named)

    monkeypatch.setattr(recipe, "mean_network", noting)
    monkeypatch.setattr(recipe, "train_baseline", counting)
    names = ("relgan", "halfway", "baseline", "baseline-halfway")
    run_rows(
        replace(case, config=config, start=begun),
        [ROWS[name] for name in names],
        case.study.folds[0],
        0,
        tmp_path,
    )
    assert len(baselines) == 1
    assert begun.baseline is not None
    assert [first for first, _ in meant] == [begun.generator, begun.baseline.encoder]
    tables = {
        name: read_predictions(tmp_path / name / "seed_0/fold_0/predictions.csv")[["anger", "happiness"]]
        for name in names
    }
    for name in ("", "baseline-"):
        assert (tables[f"{name}halfway"] - tables[name.strip("-") or "relgan"]).abs().to_numpy().max() > 0


def test_the_summary_compares_each_row_with_the_first(case: Recipe, tmp_path: Path) -> None:
    for fold in case.study.folds[:2]:
        for seed in (0, 1):
            run_rows(case, [ROWS["relgan"], ROWS["hidden-16"], ROWS["baseline"]], fold, seed, tmp_path)
    first, other, base = summary(case, list(ROWS.values()), tmp_path)
    assert [line["row"] for line in (first, other, base)] == ["relgan", "hidden-16", "baseline"]
    assert first["folds"] == 4
    assert first["accuracy"] == pytest.approx(np.mean(list(first["by_seed"].values())))
    assert "difference" not in first
    assert "difference" not in base
    assert other["alone_right"][0] - other["alone_right"][1] == pytest.approx(other["difference"] * 12)
    assert 0 <= first["validation"] <= 1
    assert 0 <= first["person"] <= 1
    assert first["ssim_of_target"] <= 1


def test_every_row_departs_from_the_recipe() -> None:
    case = Recipe(None, preset("fast"), load_weights("wild"), None)  # type: ignore[arg-type]
    settings = [
        (row in BASELINE, *case.of(row), row.views, row.frozen, row.reach, row.halfway)
        for row in ROWS.values()
    ]
    for place, row in enumerate(ROWS.values()):
        assert settings.count(settings[place]) == 1, row.name


def test_unknown_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(recipe.InputError, match="--rows luck: unknown"):
        recipe.main(["jaffe", str(tmp_path), "--out", str(tmp_path), "--rows", "luck"])


def people_with_offsets(classes: list[str], offset: float) -> pd.DataFrame:
    """Three people who each look as if always showing one expression more, 15 pictures each."""
    rows = []
    for person in range(3):
        for shown in range(15):
            logs = offset * np.eye(3)[person] + np.eye(3)[shown % 3]
            p = np.exp(logs) / np.exp(logs).sum()
            rows.append((f"{shown}.png", str(person), classes[shown % 3], "relgan", classes[p.argmax()], *p))
    return pd.DataFrame(rows, columns=["path", "subject", "expression", "method", "predicted", *classes])


def test_normalisation_is_tried_with_few_pictures_and_uneven_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ["anger", "fear", "sadness"]
    table = people_with_offsets(classes, 3.0)
    plain, without = personal.accuracies(table, classes, 15, None)
    assert (plain, without) == (pytest.approx(1 / 3), 1)
    few = personal.accuracies(table, classes, 2, None)[1]
    uneven = personal.accuracies(table, classes, 12, 0.3)[1]
    assert 1 / 3 < few < 1
    assert 1 / 3 < uneven < 1
    both = pd.concat([table, table.assign(method="baseline")])
    both.to_csv(tmp_path / "predictions.csv", index=False)
    personal.main(str(tmp_path / "predictions.csv"))
    said = capsys.readouterr().out
    assert "15: 33.3 %, 100.0 %" in said
    assert "at rest" not in said

    classes = ["anger", "fear", "neutral"]
    resting = people_with_offsets(classes, 1.5)
    assert personal.accuracies_at_rest(resting, classes, 2) == (pytest.approx(1 / 3), 1)
    pd.concat([resting, resting.assign(method="baseline")]).to_csv(tmp_path / "predictions.csv", index=False)
    personal.main(str(tmp_path / "predictions.csv"))
    assert "at rest" in capsys.readouterr().out
