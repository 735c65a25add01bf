"""What a training takes over from weights."""

import torch

from relgan.config import preset
from relgan.models import LAST_OF_EXPRESSIONS, LAST_OF_IDENTITIES, Discriminator
from relgan.training import load_fitting


def test_folds_of_best_are_as_long_from_weights_as_from_scratch() -> None:
    best = preset("best")
    for stage in (best.reenactment, best.baseline):
        assert stage.tuning() == stage


def test_the_last_layers_of_other_people_are_not_taken_over() -> None:
    mine, theirs = Discriminator(3, 4, 32), Discriminator(3, 4, 32)
    before = mine.identity_branch[4].weight.clone()
    load_fitting(mine, theirs, (LAST_OF_IDENTITIES,))
    assert torch.equal(mine.identity_branch[4].weight, before)
    assert torch.equal(mine.expression_branch[4].weight, theirs.expression_branch[4].weight)
    load_fitting(mine, theirs, (LAST_OF_EXPRESSIONS,))
    assert torch.equal(mine.identity_branch[4].weight, theirs.identity_branch[4].weight)
