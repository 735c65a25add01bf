"""The report as a reader meets it: self-contained, honest, without faces where they are not to be shown."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from relgan import figures, gallery, paper
from relgan.compare import compare, load_run
from relgan.data.tensors import FaceTensors
from relgan.probes import Labels
from relgan.report import in_short, print_results, write_report

from .test_crossval import run, study

Drawn = Callable[..., FaceTensors]


@pytest.fixture(scope="module")
def finished(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reported")
    run(study(drawn), out, folds=[0, 1])
    return out


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def change(folder: Path, **values: Any) -> dict[str, Any]:
    """Overwrite parts of ``results.json``."""
    path = folder / "results.json"
    results = json.loads(path.read_text()) | values
    path.write_text(json.dumps(results))
    return results


def test_the_report_has_every_part_and_no_network(folder: Path) -> None:
    page = write_report(folder).read_text(encoding="utf-8")
    for part in (
        "accuracy of each fold", "confusion matrix of REL-GAN", "confusion matrix of CNN baseline",
        "calibration", "what probes read from each code", "map of the codes", "training curves",
    ):  # fmt: skip
        assert page.count(f'aria-label="{part}"') == 1
    for part in ("Beside the paper", "The worst mistakes", "Every setting", "relgan compare", "SHA-256"):
        assert part in page
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\((?!#)|@import', page)
    assert "nan" not in re.sub(r'data:image/png;base64,[^"]*', "", page)
    results = json.loads((folder / "results.json").read_text())
    for row in results["methods"]["relgan"]["per_expression"]:
        assert f"<td>{row['expression']}</td><td>{row['faces']}</td>" in page
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_without_faces_no_picture_is_left(folder: Path) -> None:
    assert "<img" in write_report(folder).read_text(encoding="utf-8")
    page = write_report(folder, show_faces=False).read_text(encoding="utf-8")
    assert "<img" not in page
    assert "data:image" not in page
    assert "--no-faces" in page
    assert "taken for" in page  # the mistakes are still named


def test_the_papers_rows_stand_beside_ours_with_what_differs(folder: Path) -> None:
    page = write_report(folder).read_text(encoding="utf-8")
    assert "does not report drawn" in page
    results = change(folder, dataset="ck48")
    page = write_report(folder).read_text(encoding="utf-8")
    assert "the paper's Table 1" in page
    rows = re.findall(r"<tr[^>]*><td>([^<]*)</td><td class=\"word\">static</td><td>([\d.]+)</td>", page)
    assert ("REL-GAN, paper", "97.41") in rows
    ours = f"{100 * results['methods']['relgan']['fold_mean']:.2f}"
    assert ("REL-GAN, this run", ours) in rows
    assert "CK+48 holds crops of 48x48 pixels" in page
    assert "24 faces here, 981 in the paper" in page


def test_the_papers_tables_hold_both_its_methods() -> None:
    ours = {table.data: {name: value for name, _, value in table.rows} for table in paper.TABLES}
    assert {data: (rows["CNN baseline"], rows["REL-GAN"]) for data, rows in ours.items()} == {
        "CK+": (90.34, 97.41),
        "Oulu-CASIA": (73.14, 88.93),
        "BU-3DFE": (72.74, 83.46),
        "SFEW": (29.75, 45.82),
    }


def test_differences_from_the_paper_are_said_only_where_they_are() -> None:
    results = {
        "dataset": "ckplus",
        "faces": 981,
        "preset": "paper",
        "config": {"size": 96, "reenactment": {"max_steps": None, "epochs": 300}},
        "notes": ["both methods began from the weights wild"],
        "folds_finished": 10,
        "folds_wanted": 10,
    }
    said = " ".join(paper.differences(results))
    assert "on other faces" in said
    for word in ("Preset", "scratch", "faces here", "Only"):
        assert word not in said
    said = " ".join(paper.differences(results | {"folds_finished": 3, "notes": []}))
    assert "Only 3 of 10 folds" in said
    assert "from scratch" in said


def test_the_summary_claims_no_more_than_the_interval_allows() -> None:
    methods = {name: {"accuracy": 0.5, "person_normalised": None} for name in ("relgan", "baseline")}
    leak = dict.fromkeys(("identity_from_expression_code", "identity_from_baseline_features", "chance"))

    def verdict(interval: list[float] | None, people: int = 50) -> str:
        comparison = {"difference": 0.03, "interval": interval, "people": people}
        return " ".join(in_short({"comparison": comparison, "methods": methods, "disentanglement": leak}))

    assert "not shown to differ" in verdict([-0.01, 0.07])
    assert "REL-GAN is better." in verdict([0.01, 0.05])
    assert "REL-GAN is worse." in verdict([-0.05, -0.01])
    assert "as far as 4 people can say" in verdict([0.01, 0.05], 4)
    assert "nothing can be said" in verdict(None, 2)
    unknown = verdict([0.01, 0.05], 0)
    assert "Over faces such as these the difference" in unknown
    assert "people" not in unknown


def test_people_who_are_unknown_are_not_counted_as_none(
    drawn: Drawn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = study(drawn)
    nameless = [replace(face, subject=None) for face in case.data.faces]
    data = FaceTensors.of(nameless, case.data.pictures, case.data.classes)
    run(replace(case, data=data), tmp_path, folds=[0])
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["subjects"], results["comparison"]["people"]) == (0, 0)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    print_results(results)
    for text in (page, capsys.readouterr().out):
        assert "faces of unknown people" in " ".join(text.split())
        assert "95 % over faces" in text
        assert re.findall(r".{0,30}\b0 (?:unseen )?people.{0,30}", text) == []
    assert "<td>unknown</td>" in page
    assert "nobody stands in two" not in page
    assert "somebody may stand in two" in page
    found = compare([load_run(tmp_path)])
    assert {row["people"] for row in found["tests"]} == {0}


def test_the_worst_mistakes_are_the_surest_wrong_answers(folder: Path) -> None:
    path = folder / "seed_0" / "fold_0" / "predictions.csv"
    table = pd.read_csv(path)
    ours = table.method == "relgan"
    table.loc[:, ["anger", "happiness", "surprise"]] = [0.2, 0.2, 0.6]
    table["predicted"] = table.expression
    first, second = table[ours & (table.expression != "anger")].index[:2]
    table.loc[[first, second], "predicted"] = "anger"
    table.loc[first, ["anger", "happiness", "surprise"]] = [0.7, 0.2, 0.1]
    table.loc[second, ["anger", "happiness", "surprise"]] = [0.9, 0.05, 0.05]
    table.to_csv(path, index=False)
    found = gallery.worst_mistakes(folder, [{"seed": 0, "fold": 0}], ["anger", "happiness", "surprise"], True)
    assert [row["confidence"] for row in found] == pytest.approx([0.9, 0.7])
    assert found[0]["predicted"] == "anger"
    assert found[0]["baseline"] == found[0]["expression"]
    assert found[0]["picture"] is None  # drawn faces have no file
    shutil.copytree(folder / "seed_0", folder / "seed_2")
    folds = [{"seed": seed, "fold": 0} for seed in (0, 2)]
    found = gallery.worst_mistakes(folder, folds, ["anger", "happiness", "surprise"], True)
    assert [row["place"] for row in found] == ["fold 0, seeds 0, 2"] * 2  # each picture once


def test_names_of_people_are_text_and_nothing_else() -> None:
    names = np.array(["<b>&", "$x_$", "_c"] * 4)
    labels = Labels(names, np.array(["fear", "anger"] * 6), np.arange(12).astype(str))
    svg = figures.code_map({"expression_code": np.random.default_rng(0).normal(size=(12, 2))}, labels)
    assert "<b>" not in svg
    assert "&lt;b&gt;&amp;" in svg
    assert "$x_$" in svg


def test_a_fold_with_few_faces_or_old_codes_has_no_map(tmp_path: Path) -> None:
    place = tmp_path / "seed_0" / "fold_0"
    place.mkdir(parents=True)
    folds = [{"seed": 0, "fold": 0}]
    assert gallery.map_of_codes(tmp_path, folds) is None
    np.savez(place / "codes.npz", expression_code=np.ones((20, 3)))
    assert gallery.map_of_codes(tmp_path, folds) is None
    labels = {key: np.array(["a", "b", "c"]) for key in ("subject", "expression", "take")}
    np.savez(place / "codes.npz", **{key: np.eye(3) for key in gallery.MAPPED}, **labels)
    assert gallery.map_of_codes(tmp_path, folds) is None
