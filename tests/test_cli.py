"""The command line as a user meets it: one clear line for bad input, exit status 2, nothing half-written."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import relgan
from relgan import config as presets
from relgan.cli import main
from relgan.cli_train import numbers, starting_weights
from relgan.config import scaled
from relgan.data.face import read_bytes, walk
from relgan.errors import InputError

from .conftest import EXPRESSIONS, draw_face


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line a command that ends with status 2 prints."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("relgan:")]
    assert len(lines) == 1, lines
    return lines[0]


def crops(root: Path, people: int = 4) -> Path:
    """A ``ck48`` tree of drawn faces: ROOT/<class>/S010_004_00000017.png."""
    for person in range(people):
        for number, (name, expression) in enumerate(
            zip(("anger", "happy", "surprise"), EXPRESSIONS, strict=True)
        ):
            for frame in range(2):
                path = root / name / f"S{person:03d}_{number:03d}_{frame + 10:08d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw_face(person, expression, frame, 48)).save(path)
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    small = scaled(presets.PRESETS["fast"], 0.005)
    monkeypatch.setitem(presets.PRESETS, "fast", small)


def test_version_and_help_come_without_torch() -> None:
    code = (
        "import sys\nfrom relgan.cli import main\nmain(['--version'])\n"
        "try:\n main(['--help'])\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"relgan {relgan.__version__}" in done.stdout
    for verb in ("check", "prepare", "evaluate", "synthesize"):
        assert verb in done.stdout


def test_a_crop_data_set_is_evaluated_from_root_to_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: None
) -> None:
    root, out = crops(tmp_path / "CK+48"), tmp_path / "run"
    main(["evaluate", "ck48", str(root), "--out", str(out), "--folds", "0,2"])
    results = json.loads((out / "results.json").read_text())
    assert (results["dataset"], results["faces"], results["subjects"]) == ("ck48", 24, 4)
    assert results["folds_finished"] == 2
    assert results["command"].startswith("relgan evaluate ck48")
    assert (out / "report.html").exists()
    assert "CNN baseline" in capsys.readouterr().out
    folds = pd.read_csv(out / "folds.txt", sep="\t")
    for _, fold in folds.groupby("fold"):
        assert fold.groupby("subject").role.nunique().max() == 1
    # The prepared folder serves as a root of its own, and the same command goes on from where it was.
    again = tmp_path / "again"
    main(["evaluate", "ck48", str(out / "prepared"), "--out", str(again), "--folds", "0"])
    assert json.loads((again / "results.json").read_text())["faces"] == 24
    main(["evaluate", "ck48", str(root), "--out", str(out), "--folds", "0,2"])


def test_unknown_data_sets_suggest_close_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "ckplus" in fails(capsys, "check", "ckpluss", tmp_path)
    assert "no such folder" in fails(capsys, "check", "jaffe", tmp_path / "nowhere")


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in fails(capsys, "evaluate", "ck48", tmp_path, "--out", tmp_path / "run")


def test_an_unwritable_output_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = crops(tmp_path / "crops")
    (tmp_path / "file").write_text("in the way")
    line = fails(capsys, "evaluate", "ck48", root, "--out", tmp_path / "file" / "run")
    assert "cannot be written" in line


def test_an_export_is_called_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ".onnx" in fails(capsys, "export", "--out", tmp_path / "x.txt")
    assert not list(tmp_path.iterdir())


def test_a_manifest_with_unknown_expressions_names_lines_and_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(draw_face(0, "anger")).save(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,expression,subject\na.png,anger,x\na.png,grumpy,y\n")
    line = fails(capsys, "check", "folder", tmp_path)
    assert "manifest.csv" in line
    assert "grumpy" in line
    assert "surprise" in line


def test_people_who_cannot_be_told_apart_stop_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for expression in EXPRESSIONS:
        (tmp_path / "d" / expression).mkdir(parents=True)
        Image.fromarray(draw_face(0, expression)).save(tmp_path / "d" / expression / "one.png")
    assert "--subject-pattern" in fails(
        capsys, "evaluate", "folder", tmp_path / "d", "--out", tmp_path / "run"
    )


def test_lists_of_numbers_are_checked() -> None:
    assert numbers("2,0,2", "--folds") == [2, 0]
    for text in ("", "a", "1;2", "-1"):
        with pytest.raises(InputError, match="--folds"):
            numbers(text, "--folds")


def test_broken_photographs_are_listed_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], jaffe: Path
) -> None:
    """Real photographs with every kind of fault among them, through ``relgan prepare``."""
    root, out = tmp_path / "photos", tmp_path / "prepared"
    members = [path for path in walk(jaffe) if "/KA." in path][:4]
    (root / "anger").mkdir(parents=True)
    for member in members:
        (root / "anger" / Path(member).name).write_bytes(read_bytes(member))
    (root / "anger" / "text.png").write_text("not a picture")
    (root / "anger" / "cut.jpg").write_bytes(read_bytes(members[0])[:3000])
    (root / "anger" / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (200, 200), "gray").save(root / "anger" / "no_face.png")
    first, second = (Image.open(io.BytesIO(read_bytes(member))).convert("RGB") for member in members[:2])
    pair = Image.new("RGB", (512, 256))
    pair.paste(first, (0, 0))
    pair.paste(second.resize((200, 200)), (280, 20))
    pair.save(root / "anger" / "two_faces.png")
    main(["prepare", "folder", str(root), "--out", str(out)])
    assert "5 faces" in capsys.readouterr().out
    failures = pd.read_csv(out / "failures.csv")
    assert {Path(path).name for path in failures.path} == {"text.png", "cut.jpg", "empty.jpg", "no_face.png"}
    manifest = pd.read_csv(out / "manifest.csv")
    assert manifest.loc[manifest.source.str.endswith("two_faces.png"), "faces_found"].item() == 2


def test_nothing_but_broken_pictures_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos" / "fear").mkdir(parents=True)
    (tmp_path / "photos" / "fear" / "text.png").write_text("not a picture")
    fails(capsys, "prepare", "folder", tmp_path / "photos", "--out", tmp_path / "out")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize("verb", ["prepare", "evaluate", "train"])
def test_a_device_that_is_not_there_is_named(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], jaffe: Path
) -> None:
    line = fails(capsys, verb, "jaffe", jaffe, "--out", tmp_path / "out", "--device", "cuda")
    assert "--device cuda" in line
    assert not list(tmp_path.rglob("*.png"))


def test_a_damaged_archive_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "jaffe.zip", "w") as archive:
        archive.writestr("jaffe/KA.AN1.39.jpg", b"x" * 1000)
    data = (tmp_path / "jaffe.zip").read_bytes()
    (tmp_path / "jaffe.zip").write_bytes(data[: len(data) // 2])
    assert "zip" in fails(capsys, "check", "jaffe", tmp_path / "jaffe.zip")
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_folder_named_like_packaged_weights_is_no_matter_where_nobody_named_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "synthetic").mkdir()
    (tmp_path / "synthetic" / "card.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"write \./synthetic for the folder"):
        starting_weights("synthetic")
    assert starting_weights(None, "synthetic") is not None
