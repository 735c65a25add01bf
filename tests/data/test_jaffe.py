from pathlib import Path

import pytest
from trees import plant, zipped

from relgan.data.census import check
from relgan.data.readers import read, read_faces
from relgan.errors import InputError

REAL = Path(__file__).parents[3] / "shared" / "data" / "jaffe.zip"


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is absent")
def test_the_real_archive_has_the_published_counts():
    result = check("jaffe", REAL)
    assert result.differences == []
    assert list(result.census["faces"]) == [30, 29, 32, 31, 30, 31, 30, 213]
    assert int(result.census["subjects"]["all"]) == 10


def test_person_and_expression_come_from_the_name(tmp_path):
    root = plant(
        tmp_path / "j", ["jaffe/KA.AN1.39.tiff", "jaffe/ym.su3.60.JPG", "jaffe/deep/TM.SA1.184.tiff"]
    )
    faces = read_faces("jaffe", root)
    assert {(face.subject, face.expression, face.sequence) for face in faces} == {
        ("KA", "anger", None),
        ("YM", "surprise", None),
        ("TM", "sadness", None),
    }


def test_a_zip_reads_like_its_folder(tmp_path):
    root = plant(tmp_path / "j", ["KA.AN1.39.tiff", "KA.NE1.26.tiff"])
    folder, archive = read_faces("jaffe", root), read_faces("jaffe", zipped(root))
    assert [(f.subject, f.expression) for f in folder] == [(f.subject, f.expression) for f in archive]
    assert archive[0].path == f"{tmp_path}/j.zip/KA.AN1.39.tiff"


def test_a_second_copy_and_the_readme_are_listed_as_skipped(tmp_path):
    root = plant(
        tmp_path, ["KA.AN1.39.tiff", "copy/KA.AN1.39.jpg", "__MACOSX/._KA.AN1.39.tiff"], {"README": "hello"}
    )
    reading = read("jaffe", root)
    assert len(reading.faces) == 1
    assert sorted(skipped.reason for skipped in reading.skipped) == [
        "not a picture",
        "second copy of a picture",
    ]


@pytest.mark.parametrize("name", ["KA.XX1.39.tiff", "me.jpg", "KA_AN1_39.tiff"])
def test_an_unknown_name_is_refused_with_a_remedy(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*KA\.AN1\.39\.tiff.*remove") as error:
        read("jaffe", plant(tmp_path, ["KA.AN1.39.tiff", name]))
    assert "\n" not in str(error.value)
