import json
from collections import Counter

from relgan.data.face import read_bytes
from relgan.data.synthetic import SYNTHETIC
from relgan.expressions import CANONICAL
from relgan.faces.image import decode
from relgan.synthesis.sample import sample_path


def test_the_packaged_sample_holds_every_expression_of_every_person():
    faces = SYNTHETIC.read(sample_path()).faces
    assert Counter(face.expression for face in faces) == dict.fromkeys(CANONICAL, 180)
    assert set(Counter(face.subject for face in faces).values()) == {24}
    assert {face.frame for face in faces} == {0, 1, 2}


def test_its_pictures_open_from_within_the_archive():
    faces = SYNTHETIC.read(sample_path()).faces
    for face in faces[::240]:
        assert decode(read_bytes(face.path), face.path).shape == (112, 112, 3)


def test_it_is_small_and_its_card_says_how_it_was_made():
    card = json.loads(sample_path().with_suffix(".json").read_text(encoding="utf-8"))
    assert sample_path().stat().st_size == card["bytes"] < 6_000_000
    assert card["command"] == "python -m relgan.synthesis.sample"
    assert card["faces"] == 1440
    assert card["still leaking"] == 0
    assert "CC0" in card["licences"]["pictures"]
