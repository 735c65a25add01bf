import pytest
from trees import picture, plant, zipped

from relgan.data.readers import read, read_faces
from relgan.errors import InputError


def test_the_nearest_folder_that_names_an_expression_counts(tmp_path):
    root = plant(
        tmp_path / "r", ["Happy/a.PNG", "set/angry/anna/1.webp", "Fear/test/b.tif", "Fear/readme.txt"]
    )
    found = {
        (face.path.rsplit("/", 1)[1], face.expression, face.split) for face in read_faces("folder", root)
    }
    assert found == {("a.PNG", "happiness", None), ("1.webp", "anger", None), ("b.tif", "fear", None)}


def test_everything_twice_in_a_folder_of_the_same_name_is_read_once(tmp_path):
    names = ["images/train/sad/1.png", "images/validation/sad/1.png", "images/train/sad/2.png"]
    twice = [*names, *(f"images/{name}" for name in names), "images/images/train/sad/3.png"]
    root = plant(tmp_path / "r", twice)
    (root / "images/images/train/sad/2.png").write_bytes(picture(9))  # another picture: no copy
    for place in (root, zipped(root)):
        reading = read("folder", place)
        assert sorted(face.path[-7:-4] for face in reading.faces) == ["d/1", "d/1", "d/2", "d/2", "d/3"]
        assert [skip.reason for skip in reading.skipped] == ["second copy of a picture"] * 2


def test_the_misspelt_surprise_of_a_copy_of_ferplus_is_surprise(tmp_path):
    faces = read_faces("folder", plant(tmp_path / "r", ["train/suprise/1.png"]))
    assert [face.expression for face in faces] == ["surprise"]


def test_split_folders_are_read_under_their_usual_names(tmp_path):
    names = [
        "Train/sad/1.png",
        "training/sad/2.png",
        "val/sad/3.png",
        "validation/sad/4.png",
        "TEST/sad/5.png",
    ]
    found = sorted((face.path[-5], face.split) for face in read_faces("folder", plant(tmp_path / "r", names)))
    assert found == [("1", "train"), ("2", "train"), ("3", "validation"), ("4", "validation"), ("5", "test")]


def test_a_folder_that_names_no_expression_is_refused_with_the_words_we_know(tmp_path):
    with pytest.raises(InputError, match=r"bored/1\.png.*and 2 more.*surprised.*manifest\.csv"):
        read("folder", plant(tmp_path, ["happy/1.png", *(f"bored/{n}.png" for n in range(1, 8))]))


@pytest.mark.parametrize("pattern", [r"([a-z]+)_\d+\.png$", r"(?P<take>\w+/)(?P<subject>[a-z]+)_"])
def test_a_subject_pattern_names_people_from_the_relative_path(tmp_path, pattern):
    root = plant(tmp_path / "r", ["happy/anna_1.png", "sad/bo_2.png"])
    for place in (root, zipped(root)):
        assert [face.subject for face in read_faces("folder", place, pattern)] == ["anna", "bo"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a", "not a regular expression"),
        ("anna", "brackets"),
        (r"(\d{4})_", "does not match these 2 of 2 paths"),
    ],
)
def test_a_bad_subject_pattern_is_refused(tmp_path, pattern, message):
    with pytest.raises(InputError, match=message):
        read_faces("folder", plant(tmp_path, ["happy/anna_1.png", "sad/bo_2.png"]), pattern)


def test_a_subject_pattern_is_refused_where_people_are_known(tmp_path):
    with pytest.raises(InputError, match="names its people itself"):
        read_faces("jaffe", plant(tmp_path, ["KA.AN1.39.tiff"]), "(.)")


def test_a_manifest_fills_every_field(tmp_path):
    text = (
        "Path,Expression,person,sequence,frame,intensity,view,split\n"
        "p/1.png,Happy,anna,s1,0,0.5,frontal,val\np\\2.png,,,,,,,\n"
    )
    root = plant(tmp_path / "r", ["p/1.png", "p/2.png"], {"manifest.csv": "\ufeff" + text})
    for place in (root, root / "manifest.csv", zipped(root)):
        one, two = read_faces("folder", place)
        assert (one.expression, one.subject, one.sequence) == ("happiness", "anna", "s1")
        assert (one.frame, one.intensity, one.view, one.split) == (0, 0.5, "frontal", "validation")
        assert (two.expression, two.subject, two.frame) == (None, None, None)
        assert two.path.endswith("p/2.png")


@pytest.mark.parametrize("suffix", [".zip", ".ZIP"])
def test_a_manifest_may_point_into_an_archive_and_lists_what_is_absent_unlisted_or_repeated(tmp_path, suffix):
    archive = zipped(plant(tmp_path / "a", ["x/1.png"]))
    archive = archive.rename(archive.with_suffix(suffix))
    lines = [
        "path,expression,colour",
        f"{archive}/x/1.png,sad,red",
        f"{archive}/x/2.png,sad,red",
        "3.png,sad,red",
    ]
    root = plant(tmp_path / "r", ["3.png", "4.png"], {"manifest.csv": "\n".join([*lines, "3.png,sad,blue"])})
    reading = read("folder", root)
    assert len(reading.faces) == 2
    assert [skipped.reason for skipped in reading.skipped] == [
        "column 'colour' not used",
        "listed, but absent",
        "second copy of a picture",
        "not listed",
    ]


def test_wrong_manifest_lines_are_listed_five_and_counted(tmp_path):
    lines = [f"{n}.png,bored" for n in range(2, 9)]
    root = plant(tmp_path, ["1.png"], {"manifest.csv": "\n".join(["path,expression", *lines])})
    with pytest.raises(
        InputError, match=r"manifest\.csv line 2: unknown expression 'bored'.*line 6.*and 2 more.*happy"
    ):
        read("folder", root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,expresion\n1.png,sad", "no column 'expression'; rename 'expresion'"),
        ("name,label\n1.png,sad", "no column 'path'; add it"),
        ("", "no column 'path'"),
        ("path,expression,frame\n1.png,sad,last", "line 2: frame 'last'.*not a number"),
        ("path,expression,intensity\n1.png,sad,3", "line 2: intensity 3 is not between"),
        ("path,expression,split\n1.png,sad,dev", "line 2: split 'dev'"),
        ("path,expression\n1.png,sad,more", "line 2: more cells"),
        ("path,expression\n,sad", "line 2: no path"),
    ],
)
def test_a_manifest_that_cannot_be_understood_says_why(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read("folder", plant(tmp_path, ["1.png"], {"manifest.csv": text}))


def test_a_manifest_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00p")
    with pytest.raises(InputError, match="UTF-8"):
        read("folder", tmp_path)


def test_what_else_our_own_manifests_say_is_no_news(tmp_path):
    root = plant(
        tmp_path, ["1.png"], {"manifest.csv": "path,expression,align,width\n1.png,sad,similarity,112"}
    )
    assert read("folder", root).skipped == []
