"""Equations 1 to 4 of the paper, each a small function on logits and pictures.

| equation | function |
| --- | --- |
| 1, objective of D | :func:`discriminator_loss` |
| 2, classification terms of G | :func:`expression_loss`, :func:`identity_loss` |
| 3, pixel loss | :func:`pixel_loss` |
| 4, total loss of G | :func:`generator_loss` |

The paper maximises log-likelihoods; here everything is a loss to be minimised. A label of -1 means "unknown":
that picture takes no part in the term. A term nobody takes part in is 0 and has no gradient.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.config import ReenactmentConfig

UNKNOWN = -1


def masked_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the pictures whose label is known.

    Args:
        logits: (B, C), any float type; computed in float32.
        labels: (B,) integers in [0, C), or -1 where unknown.

    Returns:
        A scalar; 0 where no label is known.
    """
    known = labels != UNKNOWN
    total = F.cross_entropy(logits.float(), labels, ignore_index=UNKNOWN, reduction="sum")
    return total / known.sum().clamp(min=1)


def expression_loss(expression_logits: Tensor, expression: Tensor) -> Tensor:
    """-log D^e_y(x): the expression term of equations 1 and 2. Logits (B, N_e + 1), labels (B,)."""
    return masked_cross_entropy(expression_logits, expression)


def identity_loss(identity_logits: Tensor, identity: Tensor) -> Tensor:
    """-log D^i_y(x): the identity term of equations 1 and 2. Logits (B, N_i), labels (B,)."""
    return masked_cross_entropy(identity_logits, identity)


def fake_loss(expression_logits: Tensor) -> Tensor:
    """-log D^e_{N_e+1}(G(x_s, x_t)): the second line of equation 1; the last class of D^e is "fake"."""
    logits = expression_logits.float()
    return (logits.logsumexp(1) - logits[:, -1]).mean()


def adversarial_loss(expression_logits: Tensor) -> Tensor:
    """L_adv = -log(1 - P(fake)) of a reenacted picture, from the logits (B, N_e + 1)."""
    logits = expression_logits.float()
    return (logits.logsumexp(1) - logits[:, :-1].logsumexp(1)).mean()


def _mean_over(wanted: Tensor, each: Tensor) -> Tensor:
    """The mean of those of (B,) numbers that are wanted (B,); 0, without gradient, where none is."""
    return torch.where(wanted, each, 0.0).sum() / wanted.sum().clamp(min=1)


def pixel_loss(reenacted: Tensor, truth: Tensor, has_truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Equation 3: mean absolute difference from the truth, over the pairs that have one.

    Args:
        reenacted: (B, 3, S, S) in [-1, 1].
        truth: (B, 3, S, S) in [-1, 1]; anything where there is none.
        has_truth: (B,) bool.
        weight: (B, 1, S, S) of the pixels; all alike where None, as in the paper.
    """
    difference = (reenacted.float() - truth.float()).abs()
    each = (difference if weight is None else difference * weight).flatten(1).mean(1)
    return _mean_over(has_truth, each)


def focus(target: Tensor, truth: Tensor, strength: float) -> Tensor:
    """Weights (B, 1, S, S) for :func:`pixel_loss`, of mean 1: higher where truth and target differ.

    Not in the paper. Most pixels of the target are the truth's already, and a generator that copies the
    target makes a small error; what the source's expression changes must count for more.

    Args:
        target, truth: (B, 3, S, S).
        strength: 0 for equal weights; else a pixel counts 1 + strength times its difference, smoothed over
            5x5 pixels, in units of the picture's mean.
    """
    difference = F.avg_pool2d((truth.float() - target.float()).abs().mean(1, keepdim=True), 5, 1, 2)
    weight = 1 + strength * difference / (difference.mean((1, 2, 3), keepdim=True) + 0.01)
    return weight / weight.mean((1, 2, 3), keepdim=True)


def feature_loss(reenacted: Sequence[Tensor], truth: Sequence[Tensor], has_truth: Tensor) -> Tensor:
    """Difference between what a network sees in output and truth, relative to the truth's, over its layers.

    Not in the paper (the perceptual loss of Johnson et al. 2016).

    Args:
        reenacted, truth: maps (B, C, H, W) of several layers of a network that is not trained.
        has_truth: (B,) bool.
    """
    known = has_truth.float()[:, None, None, None]
    each = [
        ((ours.float() - theirs.float()).abs() * known).mean()
        / (theirs.float().abs() * known).mean().clamp(min=1e-6)
        for ours, theirs in zip(reenacted, truth, strict=True)
    ]
    return torch.stack(each).mean()


def edge_loss(reenacted: Tensor, truth: Tensor, has_truth: Tensor) -> Tensor:
    """Mean absolute difference between the steps from pixel to pixel of the two pictures, along both axes.

    Not in the paper (the gradient difference loss of Mathieu et al. 2015): what equation 3 forgives as blur
    is an error here. Arguments as :func:`pixel_loss`.
    """
    difference = reenacted.float() - truth.float()
    each = difference.diff(dim=2).abs().flatten(1).mean(1) + difference.diff(dim=3).abs().flatten(1).mean(1)
    return _mean_over(has_truth, each)


def agreement_loss(source_code: Tensor, truth_code: Tensor, has_truth: Tensor) -> Tensor:
    """1 - the correlation of each number of f(e) between sources and truths, averaged over the numbers.

    Not in the paper; the first term of Barlow Twins (Zbontar et al. 2021). Source and truth are two people
    who show the same, so what differs between their codes is the person, and every number of the code is
    asked for as little of it as can be. 0 where all numbers agree, 1 where they tell nothing of each other.

    Args:
        source_code, truth_code: (B, D).
        has_truth: (B,) bool; the other rows take no part.
    """
    count = has_truth.sum()
    known = has_truth.float()[:, None]

    def centred(code: Tensor) -> Tensor:
        mean = (code.float() * known).sum(0) / count.clamp(min=1)
        return (code.float() - mean) * known

    source, truth = centred(source_code), centred(truth_code)
    scale = (source.square().sum(0) * truth.square().sum(0)).clamp(min=1e-8).sqrt()
    loss = (1 - (source * truth).sum(0) / scale).mean()
    return torch.where(count < 4, 0.0, loss)


def code_loss(
    source_code: Tensor, truth_code: Tensor, has_truth: Tensor, expression: Tensor, temperature: float = 0.1
) -> Tensor:
    """InfoNCE (van den Oord et al. 2018) between f(e) of the sources and f(e) of their truths.

    Not in the paper. Source and truth show one expression on two people: a code from which one of the two can
    be told to belong to the other, among truths of other expressions, has no use for the person. Both
    directions are averaged; pairs of the same expression are no negatives of each other.

    Args:
        source_code, truth_code: (B, D).
        has_truth: (B,) bool; the other rows take no part.
        expression: (B,) labels of the sources.
        temperature: of the cosines.

    Returns:
        A scalar; 0 where fewer than two pairs have a truth.
    """
    source, truth = (F.normalize(code.float(), dim=1) for code in (source_code, truth_code))
    logits = source @ truth.T / temperature
    own = torch.arange(len(source), device=source.device)
    # Rows and columns without a truth keep nothing but themselves, and so lose nothing.
    left_out = (expression[:, None] == expression[None]) | ~(has_truth[:, None] & has_truth[None])
    logits = logits.masked_fill(left_out & (own[:, None] != own[None]), float("-inf"))
    both = F.cross_entropy(logits, own, reduction="sum") + F.cross_entropy(logits.T, own, reduction="sum")
    return both / 2 / has_truth.sum().clamp(min=1)


def keep_identity_loss(code_of_output: Tensor, code_of_target: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of G_et(output) and G_et(target), over ``wanted`` (B,): targets whose person is unknown.

    Not in the paper: it stands in for the identity term where a data set names no people. The code of the
    target is what is to be matched and gets no gradient.
    """
    each = 1 - F.cosine_similarity(code_of_output.float(), code_of_target.detach().float(), dim=1)
    return _mean_over(wanted, each)


def discriminator_loss(
    source_expression_logits: Tensor,
    expression: Tensor,
    target_identity_logits: Tensor,
    identity: Tensor,
    fake_expression_logits: Tensor | None = None,
) -> dict[str, Tensor]:
    """Equation 1 as a loss: the real source's expression, the real target's identity, and the fake class.

    Returns:
        The terms there are and their sum under "discriminator".
    """
    terms = {
        "expression_real": expression_loss(source_expression_logits, expression),
        "identity_real": identity_loss(target_identity_logits, identity),
    }
    if fake_expression_logits is not None:
        terms["fake"] = fake_loss(fake_expression_logits)
    return {"discriminator": torch.stack(list(terms.values())).sum(), **terms}


def generator_loss(
    expression_logits: Tensor,
    expression: Tensor,
    identity_logits: Tensor,
    identity: Tensor,
    pixel: Tensor,
    config: ReenactmentConfig,
    warmth: float | Tensor = 1.0,
) -> dict[str, Tensor]:
    """Equation 4: lambda_1 L_adv + lambda_2 L_pixel + lambda_3 L_De + lambda_4 L_Di.

    Args:
        expression_logits, identity_logits: D's judgement of the reenacted pictures.
        expression: (B,) the source's expression; identity: (B,) the target's person, -1 where unknown.
        pixel: equation 3's value.
        config: the lambdas.
        warmth: 0 to 1, scales the three terms that come from D (see ``warmup_share``).

    Returns:
        The four terms, unweighted, and the weighted total under "generator".
    """
    adversarial = adversarial_loss(expression_logits)
    expression_term = expression_loss(expression_logits, expression)
    identity_term = identity_loss(identity_logits, identity)
    total = config.lambda_pixel * pixel + warmth * (
        config.lambda_adversarial * adversarial
        + config.lambda_expression * expression_term
        + config.lambda_identity * identity_term
    )
    return {
        "generator": total,
        "adversarial": adversarial,
        "pixel": pixel,
        "expression": expression_term,
        "identity": identity_term,
    }
