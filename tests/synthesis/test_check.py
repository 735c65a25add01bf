import torch

from relgan.synthesis.check import LEFT_EYEBALL, LIP, MOUTH, OTHER, Kinds, find_leaks


def face() -> torch.Tensor:
    """Skin with an open mouth between lips, and an eye."""
    image = torch.full((1, 224, 224), OTHER)
    image[:, 150:156, 80:140] = LIP
    image[:, 156:170, 80:140] = MOUTH
    image[:, 170:178, 80:140] = LIP
    image[:, 80:92, 140:170] = LEFT_EYEBALL
    return image


def test_a_proper_face_has_no_leak():
    assert not find_leaks(Kinds(face())).any()


def test_the_inside_of_the_mouth_above_the_lips_is_a_leak():
    image = face()
    image[:, 140:144, 100:106] = MOUTH
    assert find_leaks(Kinds(image)).all()


def test_a_lip_within_the_mouth_is_a_leak():
    image = face()
    image[:, 160:163, 90:100] = LIP
    assert find_leaks(Kinds(image)).all()


def test_an_eyeball_showing_through_its_lid_is_a_leak():
    image = face()
    image[:, 96:99, 150:156] = LEFT_EYEBALL
    assert find_leaks(Kinds(image)).all()


def test_single_points_are_tolerated_and_faces_are_judged_one_by_one():
    speck, broken = face(), face()
    speck[:, 140, 100] = MOUTH
    broken[:, 140:144, 100:106] = MOUTH
    assert find_leaks(Kinds(torch.cat([speck, broken]))).tolist() == [False, True]
