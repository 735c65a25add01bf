import pytest
from trees import plant

from relgan.data.readers import READERS, read_faces
from relgan.errors import InputError


def test_person_sequence_and_frame_come_from_the_name_and_the_expression_from_the_folder(tmp_path):
    names = [f"CK+48/happy/S010_006_{frame:08d}.PNG" for frame in (13, 15, 14)] + [
        "CK+48/anger/S010_004_00000017.png"
    ]
    found = {
        (face.path[-12:-4], face.subject, face.sequence, face.expression, face.frame)
        for face in read_faces("ck48", plant(tmp_path, names))
    }
    assert found == {
        ("00000015", "S010", "S010_006", "happiness", 0),
        ("00000014", "S010", "S010_006", "happiness", 1),
        ("00000013", "S010", "S010_006", "happiness", 2),
        ("00000017", "S010", "S010_004", "anger", 0),
    }


def test_the_pictures_are_crops_of_the_people_of_ckplus():
    assert READERS["ck48"].cropped
    assert READERS["ck48"].people == READERS["ckplus"].people


@pytest.mark.parametrize("name", ["bored/S010_004_00000017.png", "anger/17.png", "S010_004_00000017.png"])
def test_an_unknown_folder_or_name_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*<expression>/S010"):
        read_faces("ck48", plant(tmp_path, ["anger/S011_004_00000017.png", name]))


@pytest.mark.parametrize("inside", ["", "ckextended.csv"])
def test_the_table_that_names_nobody_is_refused(tmp_path, inside):
    root = plant(tmp_path, [], {"ckextended.csv": "emotion,pixels,Usage\n6,1 2 3,Training\n"})
    with pytest.raises(InputError, match=r"ckextended\.csv: does not say who is who; take the pictures"):
        read_faces("ck48", root / inside)
