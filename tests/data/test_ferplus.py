import pytest
from trees import plant

from relgan.data.ferplus import majority
from relgan.data.readers import read
from relgan.errors import InputError

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
VOTES = {
    "fer0000000.png": "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
    "fer0000001.png": "Training,fer0000001.png,6,0,1,1,0,0,0,0,2,0",
    "fer0000002.png": "PublicTest,fer0000002.png,0,0,0,0,0,1,1,8,0,0",
    "fer0000003.png": "PrivateTest,fer0000003.png,0,0,0,0,0,0,0,0,8,2",
    "none": "PrivateTest,,0,0,0,0,0,0,0,0,0,10",
    "fer0000005.png": "PrivateTest,fer0000005.png,0,9,1,0,0,0,0,0,0,0",
}


def test_majority_is_the_authors_rule():
    assert majority([4, 0, 0, 1, 3, 2, 0, 0, 0, 0]) is None
    assert majority([6, 0, 1, 1, 0, 0, 0, 0, 2, 0]) == "neutral"
    # Five of ten votes are no majority, but single votes do not count: five of eight are.
    assert majority([5, 0, 1, 1, 3, 0, 0, 0, 0, 0]) == "neutral"
    assert majority([1] * 10) is None


def expected(reading):
    assert [(face.expression, face.split) for face in reading.faces] == [
        ("neutral", "train"),
        ("contempt", "validation"),
        ("happiness", "test"),
    ]
    assert sorted(skip.reason for skip in reading.skipped if skip.reason != "not a picture") == [
        "majority for unknown",
        "no majority",
        "not a face",
    ]


def test_pictures_by_name_or_by_line_of_the_table(tmp_path):
    votes = {"FERPlus-master/fer2013new.csv": "\n".join([HEADER, *VOTES.values()])}
    pictures = [f"data/FER2013Train/{name}" for name in VOTES if name != "none"]
    expected(read("ferplus", plant(tmp_path / "named", pictures, votes)))
    lines = ["emotion,pixels,Usage", *("0,1 2 3 4,Training" for _ in VOTES)]
    reading = read(
        "ferplus",
        plant(
            tmp_path / "table", ["FERPlus-master/FER+vsFER.png"], {**votes, "fer2013.csv": "\n".join(lines)}
        ),
    )
    expected(reading)
    assert reading.faces[1].path == f"{tmp_path}/table/fer2013.csv#pixels=61+7"


def test_tables_of_different_length_do_not_belong_together(tmp_path):
    votes = {"fer2013new.csv": "\n".join([HEADER, *VOTES.values()])}
    with pytest.raises(InputError, match=r"6 lines, but .*fer2013\.csv has 1"):
        read("ferplus", plant(tmp_path, [], {**votes, "fer2013.csv": "emotion,pixels,Usage\n0,1,Training"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "\nTraining,x.png,a,0,0,0,0,0,0,0,0,0", "line 2; votes are"),
        (HEADER + "\nTraining,x.png,1,0", "line 2; votes are"),
        ("Usage,name\na,b", "expected the columns"),
    ],
)
def test_wrong_votes_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read("ferplus", plant(tmp_path, ["x.png"], {"fer2013new.csv": text}))
