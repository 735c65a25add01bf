"""CREMA-D and MMI: real file names in fake trees; reading the list needs no video package."""

from collections import Counter

import pytest
from trees import plant

from relgan.data.census import check
from relgan.data.readers import read, read_faces
from relgan.errors import InputError


def reasons(reading):
    return Counter(skip.reason for skip in reading.skipped)


def test_cremad_takes_three_frames_of_each_clip(tmp_path):
    names = [
        "CREMA-D/VideoFlash/1001_IEO_ANG_HI.flv",
        "CREMA-D/VideoFlash/1040_ITH_SAD_X.FLV",
        "AudioWAV/1001_IEO_ANG_HI.wav",
    ]
    reading = read("cremad", plant(tmp_path, names))
    first = reading.faces[0]
    assert (first.subject, first.expression, first.sequence, first.intensity) == (
        "1001",
        "anger",
        "1001_IEO_ANG_HI",
        1.0,
    )
    assert [face.path.rpartition("#")[2] for face in reading.faces[:3]] == ["at=0.25", "at=0.5", "at=0.75"]
    assert [face.frame for face in reading.faces] == [0, 1, 2, 0, 1, 2]
    assert reading.faces[3].intensity is None
    assert reasons(reading) == {"not a video": 1}


def test_cremad_in_full_is_as_published(tmp_path):
    counts = {"ANG": 1271, "DIS": 1271, "FEA": 1271, "HAP": 1271, "SAD": 1271, "NEU": 1087}
    sentences = [f"{a}{b}A" for a in "ABCD" for b in "ABCD"]
    names = [
        f"{1001 + n % 91}_{sentences[n // 91]}_{code}_XX.flv"
        for code, count in counts.items()
        for n in range(count)
    ]
    (tmp_path / "VideoFlash").mkdir()
    for name in names:
        (tmp_path / "VideoFlash" / name).touch()
    assert check("cremad", tmp_path).differences == []


@pytest.mark.parametrize("name", ["1001_IEO_JOY_HI.flv", "1001_IEO_ANG_ZZ.flv", "holiday.mp4"])
def test_cremad_refuses_unknown_names(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*CREMA-D names"):
        read("cremad", plant(tmp_path, [name]))


def session(number: int, name: str, emotion: str, view: int, upright: bool = False) -> dict[str, str]:
    last = f'<annotation filename="{name}-oao_aucs.xml"/>' if upright else ""
    folder = f"Sessions/{number}"
    return {
        f"{folder}/{name}.avi": "video",
        f"{folder}/{name}.xml": f'<Metadata><Metatag Name="Sex" Value="1"/>{emotion}</Metadata>',
        f"{folder}/session.xml": f'<s><track view="{view}"><annotation filename="x.xml"/>{last}</track></s>',
    }


def tag(code: int) -> str:
    return f'<Metatag Name="Emotion" Value="{code}"/>'


def test_mmi_reads_frontal_sessions_of_the_six_expressions(tmp_path):
    text = {
        **session(224, "S002-106", tag(4), 0),
        **session(225, "S002-107", tag(1), 0, upright=True),
        **session(226, "S002-108", tag(9), 0),
        **session(227, "S003-001", tag(2), 1),
        **session(228, "S003-002", tag(2), 2),
        **session(229, "S003-003", "", 0),
        "Sessions/230/S004-001.jpg": "still",
    }
    reading = read("mmi", plant(tmp_path, [], text))
    assert [(face.subject, face.expression, face.sequence) for face in reading.faces[::3]] == [
        ("S002", "happiness", "S002-106"),
        ("S002", "anger", "S002-107"),
    ]
    assert [face.path.rpartition("#")[2] for face in reading.faces] == [
        "at=0.45&turn=90",
        "at=0.5&turn=90",
        "at=0.55&turn=90",
        "at=0.45",
        "at=0.5",
        "at=0.55",
    ]
    assert reasons(reading) == {
        "session with emotion code 9, none of the six": 1,
        "profile view": 1,
        "dual view: face and profile in one picture": 1,
        "session without an emotion label": 1,
        "not a video (still picture or other file)": 1,
    }


def test_mmi_refuses_broken_annotations_and_unknown_names(tmp_path):
    broken = session(1, "S002-106", tag(4), 0) | {"Sessions/1/S002-106.xml": "<Metadata"}
    with pytest.raises(InputError, match=r"S002-106\.xml: not readable as XML"):
        read("mmi", plant(tmp_path / "a", [], broken))
    with pytest.raises(InputError, match=r"holiday\.avi.*MMI names"):
        read_faces("mmi", plant(tmp_path / "b", ["holiday.avi"]))
