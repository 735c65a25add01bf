"""SFEW, RAF-DB, AffectNet and synthetic faces: real file names in fake trees."""

from collections import Counter

import numpy as np
import pytest
from trees import plant

from relgan.data.folds import plan_folds, verify
from relgan.data.readers import READERS, read, read_faces
from relgan.errors import InputError


def reasons(reading):
    return Counter(skip.reason for skip in reading.skipped)


def test_sfew_prefers_aligned_faces_and_groups_by_film(tmp_path):
    names = [
        "SFEW_2.0/Train/Train/Angry/Airheads_000519240_00000005.png",
        "SFEW_2.0/Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png",
        "SFEW_2.0/Train/Train_Aligned_Faces/Happy/Remember_Me_003029640_00000019.PNG",
        "SFEW_2.0/Val/Val_Aligned_Faces_new/Val_Aligned_Faces/Neutral/Bridesmaids_001234_00000001.png",
        "SFEW_2.0/Test/Test_Aligned_Faces/0001_000000000_00000001.png",
        "SFEW_2.0/Train/Train/Sad/Hangover_001020440_00000020.png",
    ]
    reading = read("sfew", plant(tmp_path, names))
    assert {(face.sequence, face.expression, face.split, face.subject) for face in reading.faces} == {
        ("Airheads", "anger", "train", None),
        ("Remember_Me", "happiness", "train", None),
        ("Hangover", "sadness", "train", None),
        ("Bridesmaids", "neutral", "validation", None),
    }
    assert "Aligned" in next(face.path for face in reading.faces if face.sequence == "Airheads")
    assert reasons(reading) == {
        "another copy (whole frame or aligned face) of a picture": 1,
        "test picture, its label is not published": 1,
    }


def test_sfew_holds_out_whole_films_and_tests_on_validation(tmp_path):
    names = [
        f"Train/{e}/Film{n}_000519240_{k:08d}.png" for n in range(30) for k, e in enumerate(("Angry", "Sad"))
    ]
    faces = read_faces("sfew", plant(tmp_path, [*names, "Val/Sad/Other_000519240_00000001.png"]))
    plan = plan_folds(faces, READERS["sfew"].protocol)
    fold = plan.folds[0]
    verify(fold, faces)
    assert [faces[position].split for position in fold.test] == ["validation"]
    held = {faces[position].sequence for position in fold.validation}
    assert len(held) == 3
    assert held.isdisjoint(faces[position].sequence for position in fold.train)
    assert "10 % of train" in plan.text


def test_rafdb_reads_aligned_faces_by_the_list(tmp_path):
    names = [
        f"basic/Image/aligned/{name}_aligned.jpg" for name in ("train_00001", "train_00002", "test_0001")
    ]
    names += ["basic/Image/original/train_00001.jpg", "basic/Image/aligned/test_0009_aligned.jpg"]
    text = "train_00001.jpg 5\ntrain_00002.jpg 1\ntest_0001.jpg 7\ntest_0002.jpg 3\n"
    reading = read("rafdb", plant(tmp_path, names, {"basic/EmoLabel/list_patition_label.txt": text}))
    assert {(face.expression, face.split) for face in reading.faces} == {
        ("sadness", "train"),
        ("surprise", "train"),
        ("neutral", "test"),
    }
    assert reasons(reading) == {
        "whole photograph, its aligned face is read": 1,
        "not listed": 1,
        "listed, but absent": 1,
    }


def test_rafdb_leaves_the_compound_expressions_beside_it_alone(tmp_path):
    lists = {
        f"RAF/{part}/EmoLabel/list_patition_label.txt": f"train_00001.jpg {code}\n"
        for part, code in (("basic", 4), ("compound", 11))
    }
    names = [f"RAF/{part}/Image/aligned/train_00001_aligned.jpg" for part in ("basic", "compound")]
    reading = read("rafdb", plant(tmp_path, names, lists))
    assert [(face.expression, "basic" in face.path) for face in reading.faces] == [("happiness", True)]
    assert reasons(reading) == {"compound expression": 1}


def test_rafdb_reads_numbered_folders_where_there_is_no_list(tmp_path):
    names = ["DATASET/train/6/train_00001_aligned.jpg", "DATASET/test/4/test_0001_aligned.jpg"]
    reading = read("rafdb", plant(tmp_path, names, {"train_labels.csv": "image,label"}))
    assert {(face.expression, face.split) for face in reading.faces} == {
        ("anger", "train"),
        ("happiness", "test"),
    }


@pytest.mark.parametrize(
    ("names", "text", "message"),
    [
        (["train_00001.jpg"], "train_00001.jpg 5", r"unpack Image/aligned\.zip"),
        (["train_00001_aligned.jpg"], "train_00001.jpg 9", r"line 1: 'train_00001\.jpg 9'"),
        (["extra_1_aligned.jpg"], "extra_1.jpg 2", r"extra_1_aligned\.jpg"),
    ],
)
def test_rafdb_refuses_what_it_cannot_label(tmp_path, names, text, message):
    with pytest.raises(InputError, match=message):
        read("rafdb", plant(tmp_path, names, {"list_patition_label.txt": text}))


AFFECT = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def test_affectnet_of_2017_reads_tables_with_and_without_a_first_line(tmp_path):
    names = [
        f"Manually_Annotated_Images/{name}" for name in ("689/a.jpg", "689/b.JPG", "10/c.jpg", "10/d.jpg")
    ]
    tables = {
        "training.csv": f"{AFFECT}\n689/a.jpg,1,1,9,9,1;2,1,0,0\n689/b.JPG,1,1,9,9,1;2,8,0,0\n"
        "1/x.jpg,1,1,9,9,,0,0,0\n",
        "validation.csv": "10/c.jpg,1,1,9,9,1;2,7,0,0\n",
        "automatically_annotated.csv": AFFECT,
    }
    reading = read("affectnet", plant(tmp_path, names, tables))
    assert [(face.path[-5:], face.expression, face.split) for face in reading.faces] == [
        ("a.jpg", "happiness", "train"),
        ("c.jpg", "contempt", "validation"),
    ]
    assert reasons(reading) == {
        "no expression (none)": 1,
        "listed, but absent": 1,
        "not listed": 1,
        "not a picture": 1,
    }


def test_affectnet_of_2021_reads_arrays(tmp_path):
    root = plant(tmp_path, ["train_set/images/0.jpg", "train_set/images/1.jpg", "val_set/images/0.jpg"])
    for place, code in (("train_set/annotations/0", "3"), ("val_set/annotations/0", "6")):
        (root / place).parent.mkdir()
        np.save(root / f"{place}_exp.npy", np.array(code))
        np.save(root / f"{place}_lnd.npy", np.zeros(136))
    reading = read("affectnet", root)
    assert {(face.expression, face.split) for face in reading.faces} == {
        ("surprise", "train"),
        ("anger", "validation"),
    }
    assert reasons(reading) == {"not listed": 1}


def test_affectnet_plus_reads_what_people_annotated(tmp_path):
    sets = [f"AffectNet+/human_annotated/{name}" for name in ("train_set", "validation_set")]
    labels = {
        f"{sets[0]}/annotations/0.json": '{"human-label": 7, "soft-label": [0.1]}',
        f"{sets[0]}/annotations/1.json": '{"human-label": "8"}',
        f"{sets[1]}/annotations/0.json": '{"human-label": "1"}',
        "AffectNet+/no_human_annotated/annotations/0.json": '{"soft-label": [0.1]}',
    }
    names = [f"{sets[0]}/images/0.jpg", f"{sets[0]}/images/1.jpg", f"{sets[1]}/images/0.jpg"]
    root = plant(tmp_path, [*names, "AffectNet+/no_human_annotated/images/0.jpg"], labels)
    reading = read("affectnet", root)
    assert {(face.expression, face.split) for face in reading.faces} == {
        ("contempt", "train"),
        ("happiness", "validation"),
    }
    assert reasons(reading) == {"no expression (none)": 1, "annotated by no person": 1}


def test_affectnet_plus_refuses_an_annotation_without_a_label(tmp_path):
    labels = {"train_set/annotations/0.json": '{"soft-label": [0.1]}'}
    with pytest.raises(InputError, match=r"annotations/0\.json: not an annotation with one expression"):
        read("affectnet", plant(tmp_path, ["train_set/images/0.jpg"], labels))


@pytest.mark.parametrize("code", ["11", "happy", ""])
def test_affectnet_refuses_an_unknown_code(tmp_path, code):
    text = f"{AFFECT}\n1/a.jpg,1,1,9,9,,{code},0,0\n"
    with pytest.raises(InputError, match=r"training\.csv: expression .* of 1/a\.jpg"):
        read("affectnet", plant(tmp_path, ["M/1/a.jpg"], {"training.csv": text}))


def test_affectnet_without_annotations_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"no training\.csv, validation\.csv, \*_exp\.npy or annotations"):
        read("affectnet", plant(tmp_path, ["train_set/images/0.jpg"]))


@pytest.mark.parametrize(
    "name", ["1/Train_x.png", "Train/Bored/Film_000519240_00000005.png", "Train/Angry/1.png"]
)
def test_sfew_refuses_unknown_names(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*SFEW lies as"):
        read("sfew", plant(tmp_path, [name]))


def test_synthetic_faces_come_from_their_manifest(tmp_path):
    text = "path,person,expression,frame,age\n1.png,p00,anger,0,31\n"
    reading = read("synthetic", plant(tmp_path, ["1.png"], {"manifest.csv": text}))
    assert [(face.subject, face.expression, face.frame) for face in reading.faces] == [("p00", "anger", 0)]
    assert [skip.reason for skip in reading.skipped] == ["column 'age' not used"]


def test_synthetic_faces_without_a_manifest_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no manifest\.csv"):
        read("synthetic", plant(tmp_path, ["anger/1.png"]))
