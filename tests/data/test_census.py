import io

from rich.console import Console
from trees import plant

from relgan.data.census import census, check, compare, print_check
from relgan.data.face import Face
from relgan.data.reader import Published

FACES = [
    Face("1", "anger", "a", "s1"),
    Face("2", "anger", "a", "s1"),
    Face("3", "anger", "b", "s1"),
    Face("4", "fear", None, None, split="train"),
    Face("5", None, "b"),
]


def test_the_census_counts_by_hand():
    table = census(FACES)
    assert list(table.index) == ["anger", "fear", "unlabelled", "all"]
    assert table.loc["anger"].to_dict() == {
        "faces": 3,
        "subjects": 2,
        "sequences": 2,
        "no_subject": 0,
        "train": 0,
    }
    assert table.loc["all"].to_dict() == {
        "faces": 5,
        "subjects": 2,
        "sequences": 2,
        "no_subject": 1,
        "train": 1,
    }


def test_no_faces_have_a_census_too():
    assert census([]).loc["all", "faces"] == 0


def test_every_kind_of_difference_is_a_sentence():
    published = Published(
        "a paper", 6, 2, 3, {"anger": 3, "sadness": 2}, {"anger": 3}, {"train": 1, "test": 2}
    )
    assert compare(census(FACES), published) == [
        "faces: 5 here, 6 published (-1)",
        "sequences: 2 here, 3 published (-1)",
        "sadness: faces: 0 here, 2 published (-2)",
        "fear: faces: 1 here, 0 published (+1)",
        "unlabelled: faces: 1 here, 0 published (+1)",
        "anger: sequences: 2 here, 3 published (-1)",
        "test: faces: 0 here, 2 published (-2)",
    ]


def test_the_printed_check_names_what_was_skipped_and_what_differs(tmp_path):
    root = plant(tmp_path, ["KA.AN1.39.tiff", "KA.FE1.45.tiff"], {"[b]README.txt": "hello"})
    console = Console(file=io.StringIO(), width=60)
    print_check(check("jaffe", root), console)
    text = console.file.getvalue()
    assert f"JAFFE in {root}" in text
    assert f"skipped 1: not a picture (such as {root}/[b]README.txt)" in text
    assert "faces: 2 here, 213 published (-211)" in text
    assert "2 faces, 1 subjects" in text


def test_data_without_published_counts_says_so(tmp_path):
    console = Console(file=io.StringIO(), width=60)
    print_check(check("folder", plant(tmp_path, ["happy/1.png"])), console)
    assert "no published counts" in console.file.getvalue()
    assert "1 faces, no subjects named\n" in console.file.getvalue()


def test_the_protocol_is_the_one_that_these_faces_allow(tmp_path):
    assert "name no person" in check("folder", plant(tmp_path / "a", ["happy/1.png", "sad/2.png"])).protocol
    files = [f"{name}/{person}_{name}.png" for name in ("happy", "sad") for person in "abc"]
    found = check("folder", plant(tmp_path / "b", files), r"/([a-c])_")
    assert found.protocol.startswith("3-fold")
