"""The protocol runner: both methods, person-independent, resumable, honest about what it did."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from relgan import crossval
from relgan.config import BaselineConfig, Config, RecognitionConfig, ReenactmentConfig, preset, tuned
from relgan.crossval import evaluate
from relgan.data.folds import Fold, person_independent_folds
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.predictions import averaged, read_predictions
from relgan.report import print_results
from relgan.study import Study
from relgan.summary import command_for
from relgan.training import make_fabric

Drawn = Callable[..., FaceTensors]
TINY = Config(
    preset="tiny",
    size=32,
    width=0.25,
    precision="32-true",
    reenactment=ReenactmentConfig(epochs=9, max_steps=2, batch_size=8, expand=False, choices=1, samples=1),
    recognition=RecognitionConfig(epochs=2, variants=2),
    baseline=BaselineConfig(epochs=9, max_steps=2, batch_size=8, expand=False, choices=1),
)


def study(drawn: Drawn, people: int = 4) -> Study:
    data = drawn(people=people)
    folds = person_independent_folds(data.faces)
    return Study(
        "drawn", "4-fold, drawn people", data, folds, notes=["drawn by a test"], command="relgan evaluate"
    )


def run(case: Study, out: Path, config: Config = TINY, **named: Any) -> dict[str, Any]:
    quiet = Console(quiet=True)
    return evaluate(case, config, out=out, fabric=make_fabric("32-true", "cpu"), console=quiet, **named)


@pytest.fixture(scope="module")
def finished(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("finished")
    return out, run(study(drawn), out, seeds=(0, 1))


def test_results_hold_what_the_plan_specifies(finished: tuple[Path, dict[str, Any]]) -> None:
    out, results = finished
    assert not list(out.rglob("checkpoint.pt"))
    assert json.loads((out / "results.json").read_text()) == results
    assert results["dataset"] == "drawn"
    assert (results["faces"], results["subjects"], results["seeds"]) == (24, 4, [0, 1])
    assert results["folds_finished"] == results["folds_wanted"] == 8
    for method in ("baseline", "relgan"):
        scores = results["methods"][method]
        assert len(scores["folds"]) == 4
        assert sum(map(sum, scores["confusion"])) == 2 * 24
        assert scores["accuracy"] == pytest.approx(sum(scores["confusion"][k][k] for k in range(3)) / 48)
        assert scores["fold_mean"] == pytest.approx(sum(scores["folds"]) / 4)
    assert {"identity_from_expression_code", "identity_from_baseline_features", "chance"} <= set(
        results["disentanglement"]
    )
    assert results["versions"]["torch"]


def test_every_seed_is_tested_and_their_mean(finished: tuple[Path, dict[str, Any]]) -> None:
    out, results = finished
    found = results["comparison"]
    assert [row["seed"] for row in found["by_seed"]] == [0, 1]
    for method in ("baseline", "relgan"):
        assert [row[method] for row in found["by_seed"]] == pytest.approx(
            results["methods"][method]["by_seed"]
        )
    for row in [*found["by_seed"], found["mcnemar"]]:
        gained = row["first_only"] - row["second_only"]
        assert gained == pytest.approx(24 * (row["relgan"] - row["baseline"]))
    tables = [read_predictions(path) for path in sorted(out.glob("seed_*/fold_*/predictions.csv"))]
    once = averaged(pd.concat(tables), results["expressions"])
    assert len(once) == 2 * 24
    right = (once.expression == once.predicted)[once.method == "relgan"]
    assert right.mean() == pytest.approx(found["mcnemar"]["relgan"])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("McNemar's exact test") == 2
    assert "<td>averaged</td>" in page


def test_predictions_are_of_test_people_alone_and_both_methods_see_the_same_faces(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, _ = finished
    for fold in range(4):
        table = pd.read_csv(out / "seed_0" / f"fold_{fold}" / "predictions.csv")
        assert set(table.subject) == {f"p{fold:02d}"}
        baseline, relgan = (table[table.method == name] for name in ("baseline", "relgan"))
        assert baseline.path.tolist() == relgan.path.tolist()
        assert len(relgan) == 6
        assert table[["anger", "happiness", "surprise"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)


def test_the_report_is_one_page_without_network(finished: tuple[Path, dict[str, Any]]) -> None:
    out, results = finished
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"{100 * results['methods']['relgan']['accuracy']:.1f} %" in page
    assert "Drawn by a test" in page
    assert page.count('<div class="grid">') == 8
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_finished_folds_are_not_run_again(
    finished: tuple[Path, dict[str, Any]], drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, results = finished
    monkeypatch.setattr(crossval, "run_fold", lambda *_: pytest.fail("a finished fold was run again"))
    assert run(study(drawn), out, seeds=(0, 1))["methods"] == results["methods"]


def test_a_killed_run_goes_on_to_the_same_result(
    finished: tuple[Path, dict[str, Any]], drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = crossval.train_baseline, 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    monkeypatch.setattr(crossval, "train_baseline", dying)
    with pytest.raises(KeyboardInterrupt):
        run(study(drawn), tmp_path, seeds=(0, 1))
    assert json.loads((tmp_path / "results.json").read_text())["folds_finished"] == 2
    monkeypatch.setattr(crossval, "train_baseline", original)
    assert run(study(drawn), tmp_path, seeds=(0, 1))["methods"] == finished[1]["methods"]


def test_folds_and_seeds_of_several_calls_add_up(
    finished: tuple[Path, dict[str, Any]], drawn: Drawn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = run(study(drawn), tmp_path, seeds=(0, 0), folds=[2])
    assert (some["folds_finished"], some["folds_wanted"]) == (1, 4)
    assert some["tested"] == {"faces": 6, "people": 1}
    page = (tmp_path / "report.html").read_text()
    assert "1 of 4 folds are in: 6 test faces of 1 person." in page
    assert "Only 1 of 4 folds are in" in page
    print_results(some)
    assert "1 of 4 folds are in: 6 test faces of 1 person." in capsys.readouterr().out
    run(study(drawn), tmp_path, seeds=(1,))
    every = run(study(drawn), tmp_path, seeds=(0,))
    assert every["seeds"] == [0, 1]
    assert every["methods"] == finished[1]["methods"]


def test_a_refused_run_leaves_the_folds_of_the_one_that_is_there(
    finished: tuple[Path, dict[str, Any]], drawn: Drawn
) -> None:
    out, _ = finished
    before = (out / "folds.txt").read_text()
    assert len(before.splitlines()) > 24
    with pytest.raises(InputError, match="other settings or faces"):
        run(study(drawn, people=5), out)
    assert (out / "folds.txt").read_text() == before


def test_training_people_must_show_two_expressions(drawn: Drawn, tmp_path: Path) -> None:
    case = study(drawn)
    fold = case.folds[0]
    angry = tuple(i for i in fold.train if case.data.faces[i].expression == "anger")
    with pytest.raises(InputError, match="fold 0: its training people show 1 expression"):
        run(replace(case, folds=[replace(fold, train=angry)]), tmp_path / "x")


def test_the_runner_refuses_a_subject_in_two_parts(drawn: Drawn, tmp_path: Path) -> None:
    case = study(drawn)
    fold = case.folds[0]
    crossed = Fold(0, fold.train, fold.validation, (*fold.test[:-1], fold.train[0]))
    with pytest.raises(InputError, match="stands in"):
        run(replace(case, folds=[crossed]), tmp_path / "x")
    person = Fold(0, fold.train[:-1], fold.validation, (*fold.test, fold.train[-1]))
    with pytest.raises(InputError, match="subject p03"):
        run(replace(case, folds=[person]), tmp_path / "y")
    assert not (tmp_path / "x").exists()


def test_another_run_in_the_same_folder_is_refused(
    finished: tuple[Path, dict[str, Any]], drawn: Drawn
) -> None:
    with pytest.raises(InputError, match="other settings or faces"):
        run(study(drawn), finished[0], replace(TINY, size=64))


def test_folds_and_seeds_that_do_not_exist_are_named(drawn: Drawn, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--folds 7: this protocol has folds 0 to 3"):
        run(study(drawn), tmp_path, folds=[1, 7])
    with pytest.raises(InputError, match="--seeds"):
        run(study(drawn), tmp_path, seeds=())


def test_an_unwritable_folder_is_one_clear_line(drawn: Drawn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"--out .*file.*cannot be written"):
        run(study(drawn), tmp_path / "file" / "run")


def test_an_expression_nobody_else_has_does_not_stop_the_run(drawn: Drawn, tmp_path: Path) -> None:
    data = drawn(people=4)
    faces = [
        replace(face, expression="contempt") if (face.subject, face.expression) == ("p00", "anger") else face
        for face in data.faces
    ]
    classes = ["anger", "contempt", "happiness", "surprise"]
    case = replace(study(drawn), data=FaceTensors.of(faces, data.pictures, classes))
    results = run(case, tmp_path, folds=[0])
    assert results["methods"]["relgan"]["confusion"][1][1] == 0


def test_folds_that_begin_with_weights_have_steps_and_rates_of_their_own() -> None:
    scratch, begun = preset("fast"), tuned(preset("fast"))
    for anew, going_on in (
        (scratch.reenactment, begun.reenactment),
        (scratch.baseline, begun.baseline),
    ):
        assert (going_on.max_steps, going_on.learning_rate) == (anew.tune_steps, anew.tune_rate)
        assert (anew.decay, going_on.decay) == (False, True)
        assert anew.max_steps != going_on.max_steps
    assert tuned(TINY) == TINY


def test_the_command_in_the_results_gives_all_folds_that_are_in_them(drawn: Drawn) -> None:
    case = replace(study(drawn), command="relgan evaluate ck48 'a b' --folds 1 --out runs/a --seeds=2")
    records = [{"fold": fold, "seed": seed} for fold in (0, 1) for seed in (0, 2)]
    assert command_for(case, records) == "relgan evaluate ck48 'a b' --out runs/a --seeds 0,2 --folds 0,1"
    everything = [{"fold": fold, "seed": 0} for fold in range(4)]
    assert command_for(case, everything) == "relgan evaluate ck48 'a b' --out runs/a"
    assert command_for(replace(case, command=""), everything) == ""
    assert command_for(replace(case, command="relgan demo --seed 2"), records) == "relgan demo --seed 2"
