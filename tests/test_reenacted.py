"""Reenactments by a generator whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from relgan.data.augment import CENTRE
from relgan.data.pairs import NO_TRUTH, Pairs
from relgan.data.tensors import FaceTensors
from relgan.models import Baseline, Reenacted
from relgan.probes import Labels
from relgan.reenacted import measure_reenactment, read_people, reenact, unseen_pairs

Drawn = Callable[..., FaceTensors]
SIZE = 32


class Known(nn.Module):
    """A "generator" that copies its source or its target, with the picture's mean rows as codes."""

    def __init__(self, copies: str) -> None:
        super().__init__()
        self.copies = copies

    def expression_encoder(self, pictures: Tensor) -> Tensor:
        return pictures.mean((1, 3))

    def identity_encoder(self, pictures: Tensor) -> Tensor:
        return pictures.mean((1, 2))

    def forward(self, source: Tensor, target: Tensor) -> Reenacted:
        picture = source if self.copies == "source" else target
        return Reenacted(picture, self.expression_encoder(source), self.identity_encoder(target))


def views(data: FaceTensors) -> Tensor:
    return data.views(torch.arange(len(data)), torch.full((len(data),), CENTRE[0]), SIZE).float()


def test_no_pair_holds_its_answer_in_the_target(drawn: Drawn) -> None:
    data = drawn(people=5)
    pairs = unseen_pairs(data.faces, 12, 0)
    assert pairs is not None
    assert 10 < len(pairs) <= 256
    for s, t, truth in zip(pairs.source.tolist(), pairs.target.tolist(), pairs.truth.tolist(), strict=True):
        source, target = data.faces[s], data.faces[t]
        assert t < 12
        assert source.subject != target.subject
        assert source.expression != target.expression
        assert truth != NO_TRUTH
        assert data.faces[truth].subject == target.subject
        assert data.faces[truth].expression == source.expression
    one = data.subset([i for i, face in enumerate(data.faces) if face.expression == "anger"])
    assert unseen_pairs(one.faces, 4, 0) is None


def test_a_copy_of_the_target_has_its_person_and_not_the_expression(drawn: Drawn) -> None:
    data = drawn(people=5, takes=3)
    for copies, person, coder in (("target", "target", "identity"), ("source", "source", "expression")):
        generator = Known(copies)
        pairs = unseen_pairs(data.faces, len(data), 0)
        assert pairs is not None
        made = reenact(generator, data, pairs, SIZE)  # type: ignore[arg-type]
        seen = read_people(made.picture, pairs, views(data), Labels.of(data.faces))
        assert seen is not None
        assert seen["chance"] == pytest.approx(1 / 5)
        assert seen["real"] > 0.8
        assert seen[person] > 0.8
        assert seen["source" if person == "target" else "target"] < 0.2
        found = measure_reenactment(generator, Baseline(3, SIZE), data, len(data), SIZE, 0)  # type: ignore[arg-type]
        assert found is not None
        assert found[f"swap_{coder}_code"]["cosine"] == pytest.approx(1, abs=1e-5)
        if copies == "target":
            assert found["output"] == found["copied_target"]
            assert found["expression_read"]["output"] == found["expression_read"]["target"]
        else:
            assert found["expression_read"]["output"] == found["expression_read"]["source"]


def test_expressions_that_the_reader_never_learnt_are_not_held_against_it(drawn: Drawn) -> None:
    data = drawn(people=5)
    generator, reader = Known("source"), Baseline(3, SIZE)
    knows = FaceTensors.of(data.faces, data.pictures, data.classes[:2])  # the third expression is unknown
    found = measure_reenactment(generator, reader, knows, len(data), SIZE, 0)  # type: ignore[arg-type]
    assert found is not None
    pairs = unseen_pairs(data.faces, len(data), 0)
    assert pairs is not None
    with torch.no_grad():
        answers = reader.eval()(reenact(generator, data, pairs, SIZE).source).argmax(1)  # type: ignore[arg-type]
    wanted = knows.expression[pairs.source]
    right = (answers == wanted)[wanted >= 0].float().mean()
    assert found["expression_read"]["source"] == pytest.approx(float(right))
    none = FaceTensors.of(data.faces, data.pictures, ["contempt"])
    silent = measure_reenactment(generator, reader, none, len(data), SIZE, 0)  # type: ignore[arg-type]
    assert silent is not None
    assert silent["expression_read"]["output"] is None


def test_people_cannot_be_read_where_they_are_unknown(drawn: Drawn) -> None:
    data = drawn(people=3)
    nobody = Labels(
        np.full(len(data), ""), Labels.of(data.faces).expression, np.arange(len(data)).astype(str)
    )
    pairs = Pairs(torch.tensor([0, 1]), torch.tensor([7, 8]), torch.tensor([-1, -1]))
    assert read_people(views(data)[:2], pairs, views(data), nobody) is None
