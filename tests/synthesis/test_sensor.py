import io

import numpy as np
import torch
from PIL import Image

from relgan.synthesis.sensor import _blur, _jpeg


def scene() -> torch.Tensor:
    down, across = torch.meshgrid(torch.linspace(0, 6, 64), torch.linspace(0, 6, 64), indexing="ij")
    channels = [0.5 + 0.3 * torch.sin(across * k + down) for k in (1.0, 1.7, 2.3)]
    return torch.stack(channels)[None]


def test_jpeg_resembles_what_a_real_encoder_keeps():
    picture = scene()
    for quality in (40, 75, 95):
        ours = _jpeg(picture, torch.tensor([quality]))[0].permute(1, 2, 0).numpy()
        stored = io.BytesIO()
        array = (picture[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(array).save(stored, "JPEG", quality=quality)
        real = np.asarray(Image.open(stored), np.float32) / 255
        assert np.abs(ours - real).mean() < 0.01


def test_quality_100_leaves_the_picture_alone_and_odd_sizes_keep_theirs():
    picture = scene()[..., :50, :50]
    assert torch.equal(_jpeg(picture, torch.tensor([100])), picture)
    assert _jpeg(picture, torch.tensor([60])).shape == picture.shape


def test_blur_keeps_the_mean_and_widens_with_sigma():
    picture = torch.zeros(2, 3, 33, 33)
    picture[..., 16, 16] = 1
    blurred = _blur(picture, torch.tensor([0.5, 1.5]))
    torch.testing.assert_close(blurred.sum((2, 3)), torch.ones(2, 3))
    assert blurred[1, 0, 16, 16] < 0.3 * blurred[0, 0, 16, 16]
