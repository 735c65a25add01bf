"""Runs side by side, from hand-made predictions."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from relgan.compare import compare, load_run, print_comparison, short_names
from relgan.data.face import Face
from relgan.errors import InputError
from relgan.predictions import METHODS, people_of, prediction_table, read_predictions

CLASSES = ("anger", "fear")


def write_run(folder: Path, right: dict[str, str], seed: int = 0, people: int = 5) -> Path:
    """A run over ``people`` folds; ``right[method]`` says of the faces of each person which were right, one
    character a face, people apart by a space."""
    for fold in range(people):
        faces = [
            Face(f"{folder}/prepared/faces/p{fold}_{k}.png", CLASSES[k % 2], f"p{fold}") for k in range(4)
        ]
        tables = {
            method: np.stack(
                [
                    np.eye(2)[k % 2] * 0.8 + 0.1 if flag == "1" else 0.6 - np.eye(2)[k % 2] * 0.2
                    for k, flag in enumerate(right[method].split()[fold])
                ]
            )
            for method in METHODS
        }
        place = folder / f"seed_{seed}" / f"fold_{fold}"
        place.mkdir(parents=True)
        prediction_table(faces, CLASSES, tables).to_csv(place / "predictions.csv", index=False)
        (place / "fold.json").write_text(json.dumps({"fingerprint": folder.name, "seed": seed, "fold": fold}))
    accuracy = {m: right[m].count("1") / (4 * people) for m in METHODS}
    results = {
        "fingerprint": folder.name,
        "dataset": "drawn",
        "expressions": CLASSES,
        "preset": "tiny",
        "methods": {m: {"accuracy": accuracy[m], "macro_f1": accuracy[m]} for m in METHODS},
        "disentanglement": {},
    }
    (folder / "results.json").write_text(json.dumps(results))
    return folder


ALL, LAST_WRONG = "1111 1111 1111 1111 1111", "1110 1110 1110 1110 1110"
ONE_WRONG = "1111 1111 0000 1111 1111"


def test_methods_and_runs_are_tested_on_the_faces_they_share(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {"relgan": ALL, "baseline": LAST_WRONG})
    second = write_run(tmp_path / "b", {"relgan": ONE_WRONG, "baseline": LAST_WRONG})
    found = compare([load_run(first), load_run(second)])
    assert (found["methods"][0]["run"], found["methods"][0]["method"]) == (str(first), "baseline")
    own, other, across, baselines = found["tests"]
    assert (own["faces"], own["people"]) == (20, 5)
    assert own["difference"] == pytest.approx(0.25)
    assert own["interval"] == pytest.approx([0.25, 0.25])  # every person gains as much
    assert own["mcnemar"] == {"first_only": 5, "second_only": 0, "p": pytest.approx(2 / 2**5)}
    assert other["difference"] == pytest.approx(0.05)
    assert across["first"] == [str(first), "relgan"]
    assert across["second"] == [str(second), "relgan"]
    assert across["difference"] == pytest.approx(0.2)
    assert across["interval"][0] == 0  # one person carries it all
    assert baselines["mcnemar"]["p"] == 1
    screen = io.StringIO()
    print_comparison(found, Console(file=screen, width=80))
    assert "+25.0" in screen.getvalue()
    assert str(first) not in screen.getvalue()


def test_runs_are_called_by_what_tells_them_apart() -> None:
    assert short_names(["/x/a/run", "/x/b/run"]) == {"/x/a/run": "a/run", "/x/b/run": "b/run"}
    assert short_names(["/x/a/run", "/x/a/run", "/y/other"]) == {"/x/a/run": "run", "/y/other": "other"}
    assert short_names(["."]) == {".": Path.cwd().name}


def test_seeds_are_averaged_and_no_face_is_tested_twice(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", {"relgan": LAST_WRONG, "baseline": ONE_WRONG})
    write_run(folder, {"relgan": ALL, "baseline": ONE_WRONG}, seed=1)
    (test,) = compare([load_run(folder)])["tests"]
    assert test["faces"] == 20
    assert test["difference"] == pytest.approx(0.075)  # 0.875 and 0.8
    # A wrong answer is 0.6 sure, a right one 0.9: their mean is right. The first seed alone says 3 and 4.
    assert (test["mcnemar"]["first_only"], test["mcnemar"]["second_only"]) == (4, 0)


def test_runs_without_common_faces_are_shown_and_not_tested(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {"relgan": ALL, "baseline": ALL})
    second = write_run(tmp_path / "b", {"relgan": ALL, "baseline": ALL})
    for path in second.rglob("predictions.csv"):
        path.write_text(path.read_text().replace("/p", "/q"))
    across = compare([load_run(first), load_run(second)])["tests"][2]
    assert (across["faces"], across["mcnemar"]) == (0, None)


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no results\.json"):
        load_run(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(InputError, match="not the results of relgan evaluate"):
        load_run(tmp_path)
    (tmp_path / "results.json").write_text('{"fingerprint": "x"}')
    with pytest.raises(InputError, match="run relgan evaluate again"):
        load_run(tmp_path)


def test_a_person_called_na_keeps_the_name(tmp_path: Path) -> None:
    faces = [Face("faces/NA.AN1.png", "anger", "NA"), Face("faces/x.png", "anger", None)]
    path = tmp_path / "predictions.csv"
    prediction_table(faces, CLASSES, {"relgan": np.eye(2)}).to_csv(path, index=False)
    table = read_predictions(path)
    assert people_of(table).tolist() == ["NA", "faces/x.png"]
    assert table.predicted.tolist() == ["anger", "fear"]
