import pytest
from trees import plant

from relgan.data.census import check
from relgan.data.readers import read, read_faces
from relgan.errors import InputError

IMAGES = "CK+/cohn-kanade-images"


def frames(sequence: str, count: int, first: int = 1, suffix: str = "png") -> list[str]:
    person, take = sequence.split("_")
    return [f"{IMAGES}/{person}/{take}/{sequence}_{n:08d}.{suffix}" for n in range(first, first + count)]


def label(sequence: str, frame: int, code: str) -> dict[str, str]:
    person, take = sequence.split("_")
    return {f"CK+/Emotion_labels/Emotion/{person}/{take}/{sequence}_{frame:08d}_emotion.txt": code}


def test_the_last_three_frames_of_labelled_sequences_are_read(tmp_path):
    root = plant(tmp_path, frames("S005_001", 11), label("S005_001", 11, "   3.0000000e+00\n"))
    reading = read("ckplus", root)
    found = [
        (face.path[-6:-4], face.frame, face.expression, face.subject, face.sequence) for face in reading.faces
    ]
    assert found == [
        ("11", 0, "disgust", "S005", "S005_001"),
        ("10", 1, "disgust", "S005", "S005_001"),
        ("09", 2, "disgust", "S005", "S005_001"),
    ]
    assert [skipped.reason for skipped in reading.skipped] == ["earlier frame of a labelled sequence"] * 8


@pytest.mark.parametrize(
    ("code", "expression"),
    enumerate(["neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"]),
)
def test_every_code_has_its_name(tmp_path, code, expression):
    root = plant(tmp_path, frames("S010_002", 3), label("S010_002", 3, f"   {code}.0000000e+00"))
    assert {face.expression for face in read_faces("ckplus", root)} == {expression}


def test_unlabelled_sequences_lone_labels_and_upper_case_names_are_accounted_for(tmp_path):
    labels = {**label("S005_001", 4, "1.0"), **label("S137_001", 9, "5.0")}
    names = [*frames("S005_001", 4, suffix="PNG"), *frames("S005_002", 2), f"{IMAGES}/.DS_Store.png"]
    reading = read(
        "ckplus", plant(tmp_path, names, {**labels, "CK+/ReadMeCohnKanadeDatabase_website.txt": "read"})
    )
    assert len(reading.faces) == 3
    assert sorted(skipped.reason for skipped in reading.skipped) == [
        "earlier frame of a labelled sequence",
        "label without pictures",
        "not a picture",
        "sequence without an emotion label",
        "sequence without an emotion label",
    ]


def test_missing_last_frames_are_reported(tmp_path):
    root = plant(tmp_path, frames("S005_001", 9), label("S005_001", 11, "3"))
    assert any("frames missing" in skipped.reason for skipped in read("ckplus", root).skipped)


@pytest.mark.parametrize("text", ["9.0", "", "happy", "3.5", "nan", "inf", "-1"])
def test_an_unreadable_label_is_refused_by_file(tmp_path, text):
    root = plant(tmp_path, frames("S005_001", 3), label("S005_001", 3, text))
    with pytest.raises(InputError, match=r"S005_001_00000003_emotion\.txt.*0 to 7"):
        read("ckplus", root)


def test_pictures_without_any_label_file_say_where_labels_come_from(tmp_path):
    with pytest.raises(InputError, match=r"Emotion_labels\.zip"):
        read("ckplus", plant(tmp_path, frames("S005_001", 3)))


def test_the_census_of_a_full_fake_tree_is_as_published(tmp_path):
    # 327 sequences over 118 people: person n has takes n, n + 118, n + 236.
    codes = [
        code
        for code, count in zip(range(1, 8), (45, 18, 59, 25, 69, 28, 83), strict=True)
        for _ in range(count)
    ]
    names, labels = [], {}
    for number, code in enumerate(codes):
        sequence = f"S{number % 118:03d}_{number // 118:03d}"
        names += frames(sequence, 4)
        labels.update(label(sequence, 4, f"{code}.0"))
    result = check("ckplus", plant(tmp_path, names, labels))
    assert result.differences == []
    assert int(result.census["sequences"]["all"]) == 327
