"""Pairs: the truth is the target's person with the source's expression, wherever there is one."""

import pytest
import torch

from relgan.data.face import Face
from relgan.data.pairs import NO_TRUTH, PairSampler
from relgan.errors import InputError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sparse_people() -> list[Face]:
    """Like CK+: many people show one to three expressions, three frames of each."""
    shown = {"a": ["anger"], "b": ["anger", "fear"], "c": ["fear", "happiness", "anger"], "d": ["contempt"]}
    return [
        Face(f"{subject}_{expression}_{frame}", expression, subject, f"{subject}_{expression}", frame)
        for subject, expressions in shown.items()
        for expression in expressions
        for frame in range(3)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_truth_is_the_targets_person_with_the_sources_expression_and_frame(seed: int) -> None:
    faces = sparse_people()
    pairs = PairSampler(faces).draw(seeded(seed))
    for source, target, truth in zip(
        *(t.tolist() for t in (pairs.source, pairs.target, pairs.truth)), strict=True
    ):
        assert truth != NO_TRUTH
        assert faces[truth].subject == faces[target].subject
        assert faces[truth].expression == faces[source].expression
        assert faces[truth].frame == faces[source].frame


def test_every_labelled_face_is_a_source_once_an_epoch() -> None:
    faces = [*sparse_people(), Face("unlabelled", None, "a")]
    pairs = PairSampler(faces).draw(seeded(0))
    assert sorted(pairs.source.tolist()) == list(range(len(faces) - 1))


def test_the_target_is_another_person_where_another_shows_the_expression() -> None:
    faces = sparse_people()
    sampler = PairSampler(faces)
    for seed in range(10):
        pairs = sampler.draw(seeded(seed))
        for source, target in zip(pairs.source.tolist(), pairs.target.tolist(), strict=True):
            alone = faces[source].expression in {"contempt", "happiness"}
            assert (faces[source].subject == faces[target].subject) == alone


def test_the_truth_is_another_picture_than_the_target_where_there_is_one() -> None:
    faces = [Face(f"{s}{e}{k}", e, s) for s in "ab" for e in ("anger", "fear") for k in range(2)]
    sampler = PairSampler(faces)
    for seed in range(10):
        pairs = sampler.draw(seeded(seed))
        assert (pairs.target != pairs.truth).all()


def test_people_with_one_picture_and_lone_expressions_are_no_trouble() -> None:
    faces = [Face("1", "anger", "a"), Face("2", "fear", "b"), Face("3", "fear", "c")]
    pairs = PairSampler(faces).draw(seeded(0))
    row = pairs.source.tolist().index(0)
    assert (pairs.target[row].item(), pairs.truth[row].item()) == (0, 0)


def test_unknown_people_are_their_own_truth_or_have_none() -> None:
    faces = [Face(str(k), "anger" if k % 2 else "fear") for k in range(20)]
    pairs = PairSampler(faces).draw(seeded(0))
    own = pairs.source == pairs.target
    assert own.sum() >= 10
    assert torch.equal(pairs.truth[pairs.truth != NO_TRUTH], pairs.source[pairs.truth != NO_TRUTH])
    assert (pairs.truth[~own] == NO_TRUTH).all()
    assert (~own).any()


def test_the_same_seed_draws_the_same_pairs() -> None:
    sampler = PairSampler(sparse_people())
    first, again, other = sampler.draw(seeded(4)), sampler.draw(seeded(4)), sampler.draw(seeded(5))
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.source, other.source)


def test_faces_without_any_expression_are_refused() -> None:
    with pytest.raises(InputError, match="no face has an expression"):
        PairSampler([Face("x", None, "a")])


def test_the_truth_comes_from_the_targets_sitting_and_the_sources_take() -> None:
    faces = [
        Face(f"{s}{sitting}{e}{f}", e, s, None, f, sitting=str(sitting), take=str(number % 2))
        for number, s in enumerate("abcd")
        for sitting in range(2)
        for e in ("anger", "fear")
        for f in range(2)
    ]
    pairs = PairSampler(faces).draw(seeded(0))
    for source, target, truth in zip(
        *(t.tolist() for t in (pairs.source, pairs.target, pairs.truth)), strict=True
    ):
        assert (faces[truth].subject, faces[truth].sitting) == (faces[target].subject, faces[target].sitting)
        assert (faces[truth].take, faces[truth].frame) == (faces[source].take, faces[source].frame)
        assert faces[truth].expression == faces[source].expression
        assert faces[target].subject != faces[source].subject


def test_a_take_nobody_else_gives_falls_back_to_the_expression() -> None:
    faces = [Face(f"{s}{e}", e, s, take=s) for s in "abc" for e in ("anger", "fear")]
    pairs = PairSampler(faces).draw(seeded(0))
    for source, target, truth in zip(
        *(t.tolist() for t in (pairs.source, pairs.target, pairs.truth)), strict=True
    ):
        assert faces[truth].expression == faces[source].expression
        assert faces[truth].subject == faces[target].subject != faces[source].subject


def test_strangers_beside_known_people_learn_from_them_too() -> None:
    known = [Face(f"{s}{e}", e, s) for s in "abc" for e in ("anger", "fear")]
    strangers = [Face(f"x{k}", "anger" if k % 2 else "fear") for k in range(40)]
    faces = [*known, *strangers]
    pairs = PairSampler(faces).draw(seeded(3))
    for source, target, truth in zip(
        *(t.tolist() for t in (pairs.source, pairs.target, pairs.truth)), strict=True
    ):
        assert faces[target].subject is not None
        assert faces[truth].subject == faces[target].subject
        assert faces[truth].expression == faces[source].expression
