"""Networks for use alone: the same functions with batch norm folded into the layers beside it."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from relgan.models import LEAK, Classifier, Encoder


def folded_encoder(encoder: Encoder) -> nn.Sequential:
    """The same function in evaluation mode: batch norm folded into the convolutions, and the leaky ReLU,
    which keeps the order of numbers, behind the pooling, where it has a quarter of the work."""
    layers: list[nn.Module] = [encoder.front]
    for block in encoder.blocks:
        convolution, norm, *_ = block.children()
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        layers += [fuse_conv_bn_eval(convolution.eval(), norm.eval()), nn.MaxPool2d(2), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Flatten(), copy.deepcopy(encoder.code)).eval()


def folded_classifier(classifier: Classifier) -> nn.Sequential:
    """The same function in evaluation mode: batch norm folded into the first fully connected layer."""
    norm, first, *rest = copy.deepcopy(classifier).eval().layers
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(first, nn.Linear)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    with torch.no_grad():
        first.bias.add_(first.weight @ (norm.bias - norm.running_mean * scale))
        first.weight *= scale
    return nn.Sequential(first, *rest)
