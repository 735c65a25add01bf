"""Each loss against a naive loop over hand-written examples, in several float types."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from relgan.config import ReenactmentConfig
from relgan.losses import (
    adversarial_loss,
    agreement_loss,
    code_loss,
    discriminator_loss,
    edge_loss,
    expression_loss,
    fake_loss,
    feature_loss,
    focus,
    generator_loss,
    identity_loss,
    keep_identity_loss,
    pixel_loss,
)

EXPRESSION_LOGITS = [
    [2.0, -1.0, 0.5, 0.1],
    [0.0, 0.0, 3.0, -2.0],
    [1.5, 1.0, -0.5, 2.5],
]  # 3 classes and "fake"
IDENTITY_LOGITS = [[0.3, 1.2], [-0.7, 0.4], [2.0, -1.0]]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def probabilities(row: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


def naive_cross_entropy(logits: list[list[float]], labels: list[int]) -> float:
    terms = [
        -math.log(probabilities(row)[label]) for row, label in zip(logits, labels, strict=True) if label >= 0
    ]
    return sum(terms) / len(terms) if terms else 0.0


def tensor(values: list[list[float]], dtype: torch.dtype) -> Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("labels", [[0, 2, 1], [-1, 2, -1], [1, -1, 0]])
def test_expression_and_identity_terms_are_the_mean_over_known_labels(
    dtype: torch.dtype, labels: list[int]
) -> None:
    tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5
    ours = expression_loss(tensor(EXPRESSION_LOGITS, dtype), torch.tensor(labels))
    assert ours.item() == pytest.approx(naive_cross_entropy(EXPRESSION_LOGITS, labels), abs=tolerance)
    people = [min(label, 1) for label in labels]
    ours = identity_loss(tensor(IDENTITY_LOGITS, dtype), torch.tensor(people))
    assert ours.item() == pytest.approx(naive_cross_entropy(IDENTITY_LOGITS, people), abs=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fake_and_adversarial_terms_follow_the_probability_of_the_last_class(dtype: torch.dtype) -> None:
    tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5
    fakes = [probabilities(row)[-1] for row in EXPRESSION_LOGITS]
    logits = tensor(EXPRESSION_LOGITS, dtype)
    assert fake_loss(logits).item() == pytest.approx(sum(-math.log(p) for p in fakes) / 3, abs=tolerance)
    assert adversarial_loss(logits).item() == pytest.approx(
        sum(-math.log(1 - p) for p in fakes) / 3, abs=tolerance
    )


def test_adversarial_term_stays_finite_when_the_fake_is_certain() -> None:
    logits = torch.tensor([[0.0, 0.0, 200.0]], requires_grad=True)
    loss = adversarial_loss(logits)
    loss.backward()
    assert loss.item() == pytest.approx(200 - math.log(2), rel=1e-4)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("mask", [[True, True], [True, False], [False, False]])
def test_pixel_loss_is_the_mean_difference_over_pairs_with_a_truth(mask: list[bool]) -> None:
    generator = torch.Generator().manual_seed(1)
    output = torch.rand(2, 3, 4, 4, generator=generator)
    truth = torch.rand(2, 3, 4, 4, generator=generator)
    each = []
    for pair in range(2):
        if mask[pair]:
            differences = [
                abs(output[pair, c, y, x].item() - truth[pair, c, y, x].item())
                for c in range(3)
                for y in range(4)
                for x in range(4)
            ]
            each.append(sum(differences) / len(differences))
    expected = sum(each) / len(each) if each else 0.0
    assert pixel_loss(output, truth, torch.tensor(mask)).item() == pytest.approx(expected, abs=1e-6)


def test_a_masked_pair_sends_no_gradient() -> None:
    output = torch.rand(2, 3, 4, 4).requires_grad_(True)
    pixel_loss(output, torch.zeros(2, 3, 4, 4), torch.tensor([True, False])).backward()
    assert output.grad is not None
    assert output.grad[0].abs().sum() > 0
    assert output.grad[1].abs().sum() == 0
    logits = torch.randn(2, 3, requires_grad=True)
    identity_loss(logits, torch.tensor([-1, 2])).backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() == 0
    assert logits.grad[1].abs().sum() > 0


def test_equation_1_is_the_sum_of_its_three_terms() -> None:
    expression, identity = [0, 2, -1], [1, 0, -1]
    fake_logits = [[0.1, 0.2, 0.3, 0.4]] * 3
    losses = discriminator_loss(
        torch.tensor(EXPRESSION_LOGITS),
        torch.tensor(expression),
        torch.tensor(IDENTITY_LOGITS),
        torch.tensor(identity),
        torch.tensor(fake_logits),
    )
    expected = (
        naive_cross_entropy(EXPRESSION_LOGITS, expression)
        + naive_cross_entropy(IDENTITY_LOGITS, identity)
        - math.log(probabilities(fake_logits[0])[-1])
    )
    assert losses["discriminator"].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("warmth", [0.0, 0.25, 1.0])
def test_equation_4_weighs_its_terms_with_the_papers_lambdas(warmth: float) -> None:
    expression, identity, pixel = [0, 2, 1], [1, -1, 0], 0.37
    losses = generator_loss(
        torch.tensor(EXPRESSION_LOGITS),
        torch.tensor(expression),
        torch.tensor(IDENTITY_LOGITS),
        torch.tensor(identity),
        torch.tensor(pixel),
        ReenactmentConfig(),
        warmth,
    )
    adversarial = sum(-math.log(1 - probabilities(row)[-1]) for row in EXPRESSION_LOGITS) / 3
    of_d = (
        0.7 * adversarial
        + 50 * naive_cross_entropy(EXPRESSION_LOGITS, expression)
        + 30 * naive_cross_entropy(IDENTITY_LOGITS, identity)
    )
    assert losses["generator"].item() == pytest.approx(20 * pixel + warmth * of_d, rel=1e-5)


def test_keeping_the_identity_asks_only_for_unknown_people_and_moves_only_the_output() -> None:
    output = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    target = torch.tensor([[1.0, 1.0], [0.0, 5.0]], requires_grad=True)
    loss = keep_identity_loss(output, target, torch.tensor([True, False]))
    loss.backward()
    assert loss.item() == pytest.approx(1 - 1 / math.sqrt(2), abs=1e-6)
    assert target.grad is None
    assert output.grad is not None
    assert output.grad[1].abs().sum() == 0


def test_code_loss_contrasts_each_source_with_truths_of_other_expressions() -> None:
    source = torch.tensor([[1.0, 0.2], [0.1, 1.0], [-1.0, 0.5], [9.0, 9.0]], requires_grad=True)
    truth = torch.tensor([[0.8, 0.1], [0.3, 0.9], [-0.2, -1.0], [9.0, -9.0]])
    has_truth, expression = torch.tensor([True, True, True, False]), torch.tensor([0, 1, 0, 2])

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(((a @ b) / (a.norm() * b.norm())).detach())

    expected = 0.0
    for i in range(3):
        rivals = [j for j in range(3) if j == i or expression[j] != expression[i]]
        for first, second in ((source, truth), (truth, source)):
            scores = {j: math.exp(cosine(first[i], second[j]) / 0.1) for j in rivals}
            expected -= math.log(scores[i] / sum(scores.values())) / 6
    loss = code_loss(source, truth, has_truth, expression)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert source.grad is not None
    assert torch.equal(source.grad[3], torch.zeros(2))


def test_code_loss_of_fewer_than_two_truths_is_nothing() -> None:
    codes = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = code_loss(codes, codes.detach(), torch.tensor([True, False, False]), torch.tensor([0, 1, 2]))
    assert loss.item() == 0
    loss.backward()  # type: ignore[no-untyped-call]


def test_agreement_is_the_mean_correlation_of_the_numbers_of_the_code() -> None:
    generator = torch.Generator().manual_seed(0)
    source, truth = torch.randn(2, 9, 3, generator=generator)
    truth[:, 0] = 5 * source[:, 0] + 2  # scale and origin do not matter
    has_truth = torch.arange(9) < 7
    expected = 1 - np.mean([np.corrcoef(source[:7, d], truth[:7, d])[0, 1] for d in range(3)])
    source.requires_grad_()
    loss = agreement_loss(source, truth, has_truth)
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert source.grad is not None
    assert source.grad[7:].abs().sum() == 0
    assert agreement_loss(source, truth, torch.arange(9) < 3).item() == 0


def test_edges_forgive_a_shift_of_brightness_and_no_blur() -> None:
    truth = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    both, first = torch.tensor([True, True]), torch.tensor([True, False])
    assert edge_loss(truth + 0.3, truth, both).item() == pytest.approx(0, abs=1e-6)
    blurred = truth.mean((2, 3), keepdim=True).expand_as(truth)
    steps = [truth[0].diff(dim=axis).abs().mean().item() for axis in (1, 2)]
    assert edge_loss(blurred, truth, first).item() == pytest.approx(sum(steps), rel=1e-5)


def test_focus_weighs_what_differs_and_keeps_the_mean() -> None:
    target = torch.zeros(2, 3, 20, 20)
    truth = target.clone()
    truth[0, :, 8:12, 8:12] = 1
    weight = focus(target, truth, 4.0)
    assert weight.shape == (2, 1, 20, 20)
    assert weight.mean((1, 2, 3)).tolist() == pytest.approx([1, 1])
    assert weight[0, 0, 10, 10] > 5 * weight[0, 0, 0, 0]
    assert torch.equal(weight[1], torch.ones(1, 20, 20))
    plain = pixel_loss(target, truth, torch.tensor([True, True]))
    assert pixel_loss(target, truth, torch.tensor([True, True]), weight) > 2 * plain
    assert torch.allclose(focus(target, truth, 0.0), torch.ones(2, 1, 20, 20))


def test_features_are_compared_layer_by_layer_where_there_is_a_truth() -> None:
    truth = [torch.ones(2, 1, 4, 4), 2 * torch.ones(2, 5, 2, 2)]
    output = [layer * 1.5 for layer in truth]
    output[0][1] = 99
    output[1][1] = 99
    loss = feature_loss(output, truth, torch.tensor([True, False]))
    assert loss.item() == pytest.approx(0.5)
