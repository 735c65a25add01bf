from collections import Counter
from dataclasses import replace

import pytest

from relgan.data.face import Face
from relgan.data.folds import (
    Fold,
    cross_dataset_fold,
    leave_one_subject_out,
    person_independent_folds,
    plan_folds,
    split_fold,
    verify,
    write_folds,
)
from relgan.data.reader import TEN_FOLDS, Protocol
from relgan.data.readers import READERS
from relgan.errors import InputError

SPLIT = Protocol("split", "its own split")


def crowd(people: int, each: int = 3) -> list[Face]:
    return [
        Face(f"{person}-{n}", ("anger", "fear", "sadness")[n % 3], f"S{person:03d}")
        for n in range(each)
        for person in range(people)
    ]


def subjects(faces: list[Face], positions: tuple[int, ...]) -> set[str]:
    return {str(faces[position].subject) for position in positions}


def test_fold_k_tests_every_tenth_sorted_subject_and_validates_on_the_next_fold():
    faces = crowd(118)
    folds = person_independent_folds(faces)
    names = sorted({str(face.subject) for face in faces})
    for fold in folds:
        assert subjects(faces, fold.test) == set(names[fold.index :: 10])
        assert subjects(faces, fold.validation) == set(names[(fold.index + 1) % 10 :: 10])
        assert sorted(fold.train + fold.validation + fold.test) == list(range(len(faces)))
        verify(fold, faces)
    assert Counter(p for fold in folds for p in fold.test) == Counter(range(len(faces)))


def test_fewer_subjects_than_folds_give_one_subject_per_fold_and_say_so():
    faces = crowd(4)
    plan = plan_folds(faces, TEN_FOLDS)
    assert [subjects(faces, fold.test) for fold in plan.folds] == [{"S000"}, {"S001"}, {"S002"}, {"S003"}]
    assert plan.text.startswith("4-fold")
    assert "too few" in plan.text


def test_two_subjects_cannot_be_folded():
    with pytest.raises(InputError, match=r"2 labelled subjects \(S000 S001\).*at least 3"):
        person_independent_folds(crowd(2))


def test_faces_without_a_subject_are_refused_by_path():
    with pytest.raises(InputError, match=r"x\.png.*1 faces name no person.*--subject-pattern"):
        person_independent_folds([*crowd(5), Face("x.png", "fear")])


def test_unlabelled_faces_stand_in_no_fold_and_are_counted():
    faces = [*crowd(5), Face("x.png", None, "S001"), Face("y.png", None)]
    plan = plan_folds(faces, TEN_FOLDS)
    assert "2 faces without an expression left out" in plan.text
    assert all(position < 15 for fold in plan.folds for position in fold.train + fold.validation + fold.test)


def test_lone_expressions_and_one_picture_subjects_are_folded():
    faces = [*crowd(9), Face("one", "contempt", "S100")]
    folds = person_independent_folds(faces)
    assert [fold.index for fold in folds if 27 in fold.test] == [9]
    for fold in folds:
        verify(fold, faces)


def test_leave_one_subject_out_tests_each_subject_once():
    faces = crowd(13)
    plan = plan_folds(faces, Protocol("loso", "leave one subject out"))
    assert plan.folds == leave_one_subject_out(faces)
    assert [len(subjects(faces, fold.test)) for fold in plan.folds] == [1] * 13
    assert "13 subjects" in plan.text


def test_a_three_way_split_is_taken_as_it_is():
    faces = [Face(role, "fear", split=role) for role in ("test", "train", "validation", "train")]
    assert split_fold(faces) == Fold(0, (1, 3), (2,), (0,))


def anonymous(split: str, **counts: int) -> list[Face]:
    return [
        Face(f"{split}-{name}-{n}", name, split=split) for name, count in counts.items() for n in range(count)
    ]


@pytest.mark.parametrize("other", ["test", "validation"])
def test_a_two_way_split_holds_out_a_stratified_tenth_of_train(other):
    faces = anonymous("train", anger=200, fear=50) + anonymous(other, anger=10)
    fold = split_fold(faces)
    assert [faces[position].split for position in fold.test] == [other] * 10
    assert Counter(faces[position].expression for position in fold.validation) == {"anger": 20, "fear": 5}
    assert sorted(fold.train + fold.validation) == list(range(250))
    assert split_fold(faces) == fold
    assert split_fold(faces, seed=1).validation != fold.validation
    verify(fold, faces)


def test_held_out_people_and_sequences_stay_whole():
    train = [replace(face, split="train") for face in crowd(30, 6)]
    films = [Face(f"f{n}", "fear", None, f"film{n // 4}", split="train") for n in range(40)]
    faces = [*train, *films, Face("t", "fear", "T", split="test")]
    fold = split_fold(faces)
    verify(fold, faces)
    held = {faces[position].sequence for position in fold.validation} - {None}
    assert held
    assert held.isdisjoint(faces[position].sequence for position in fold.train)
    assert 0.05 < len(fold.validation) / (len(faces) - 1) < 0.15


def test_two_large_groups_still_leave_a_validation_part():
    faces = [Face(f"{n}", "fear", "ab"[n > 3], split="train") for n in range(10)]
    fold = split_fold([*faces, Face("t", "fear", "c", split="test")])
    assert fold.validation == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ([Face("a", "fear", split="train"), Face("b", "fear")], "b; 1 faces stand in none of train"),
        ([Face("a", "fear", split="train")], "train 1, validation 0, test 0"),
        ([Face("a", "fear", split="test")], "train 0, validation 0, test 1"),
        (
            [Face("a", "fear", "A", split="train"), Face("b", "fear", "B", split="test")],
            "nothing can be held out",
        ),
    ],
)
def test_an_unusable_split_is_refused(faces, message):
    with pytest.raises(InputError, match=message):
        split_fold(faces)


def test_faces_that_name_a_split_are_evaluated_on_it_whatever_the_protocol():
    faces = anonymous("train", anger=20, fear=20) + anonymous("test", anger=3)
    plan = plan_folds(faces, TEN_FOLDS)
    assert len(plan.folds) == 1
    assert "10 % of train" in plan.text
    assert plan_folds(faces, SPLIT).text.startswith("its own split")


def test_fold_runner_refuses_a_shared_subject():
    faces = [Face(str(n), "fear", subject) for n, subject in enumerate("abca")]
    with pytest.raises(InputError, match=r"fold 7: subject a stands in train and in test \(3\)"):
        verify(Fold(7, (0,), (1, 2), (3,)), faces)


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        (Fold(0, (0,), (), (1,)), "no validation faces"),
        (Fold(0, (0,), (1,), (0,)), "stands in train and in test"),
        (Fold(0, (0,), (1,), (9,)), "position 9 in test"),
    ],
)
def test_other_dishonest_folds_are_refused(fold, message):
    with pytest.raises(InputError, match=message):
        verify(fold, [Face("0", "fear"), Face("1", "fear")])


def test_a_cross_data_set_fold_uses_the_expressions_both_have():
    ours = [*crowd(20), Face("n", "neutral", "S001")]
    theirs = [Face("x", "anger", "S001"), Face("y", "fear", "S002"), Face("z", "contempt", "S003")]
    faces, fold = cross_dataset_fold((READERS["ck48"], ours), (READERS["jaffe"], theirs))
    verify(fold, faces)
    assert {face.expression for face in faces} == {"anger", "fear"}
    assert {faces[position].path for position in fold.test} == {"x", "y"}
    assert {faces[position].subject for position in fold.test} == {"jaffe:S001", "jaffe:S002"}
    assert len(fold.train) + len(fold.validation) == 40


def test_a_cross_run_over_the_same_people_is_refused():
    with pytest.raises(InputError, match="same people"):
        cross_dataset_fold((READERS["ckplus"], crowd(5)), (READERS["ck48"], crowd(5)))


def test_a_cross_run_without_common_expressions_is_refused():
    with pytest.raises(InputError, match=r"share only the expressions \['fear'\]"):
        cross_dataset_fold((READERS["ckplus"], crowd(5)), (READERS["jaffe"], [Face("x", "fear", "A")]))


def test_folds_are_written_as_readable_text(tmp_path):
    faces = [Face("p/0.png", "fear", "a"), Face("p/1.png", "fear"), Face("p/2.png", "fear", "c")]
    write_folds([Fold(0, (0,), (1,), (2,))], faces, tmp_path / "folds.txt")
    assert (tmp_path / "folds.txt").read_text().splitlines() == [
        "fold\trole\tsubject\tpath",
        "0\ttrain\ta\tp/0.png",
        "0\tvalidation\t-\tp/1.png",
        "0\ttest\tc\tp/2.png",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["folds.txt"]


def test_an_unwritable_place_for_folds_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/folds\.txt: cannot be written"):
        write_folds([], [], tmp_path / "nowhere" / "folds.txt")


def test_the_last_face_of_an_expression_stays_in_training():
    faces = anonymous("train", anger=40, contempt=1) + anonymous("test", anger=5, contempt=5)
    for seed in range(20):
        fold = split_fold(faces, seed=seed)
        assert 40 in fold.train
        assert fold.validation
