"""From light to a stored picture: lens blur, tone, colour, grain, JPEG, grey."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.synthesis.chart import noise
from relgan.synthesis.sittings import Background, Shot
from relgan.synthesis.upload import beside, upload

LUMA = (0.299, 0.587, 0.114)
# The JPEG standard's tables (Annex K) for luminance and chrominance.
LUMINANCE_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
    120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE_TABLE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99,
    99, 99, 99, *([99] * 32),
)  # fmt: skip


def background(backgrounds: Sequence[Background], size: int, device: torch.device) -> Tensor:
    """(B, size, size, 3) linear radiance."""
    small = max(size // 4, 8)
    across, down = torch.meshgrid(*(torch.linspace(0, 1, small, device=device),) * 2, indexing="xy")
    top, bottom, offset = (
        upload([getattr(b, name) for b in backgrounds], device)
        for name in ("top", "bottom", "clutter_offset")
    )
    clutter, scale = (
        upload([getattr(b, name) for b in backgrounds], device) for name in ("clutter", "clutter_scale")
    )
    wall = torch.lerp(top[:, None, None], bottom[:, None, None], down[None, :, :, None])
    place = torch.stack([across, down, torch.zeros_like(across)], -1)[None] * scale[:, None, None, None]
    things = noise(place + offset[:, None, None])
    value = wall + clutter[:, None, None, None] * (0.8 * things[..., :1] + 0.12 * things[..., 1:4])
    linear = value.clamp(0.01, 1) ** 2.2
    grown = F.interpolate(linear.permute(0, 3, 1, 2), size=(size, size), mode="bilinear", align_corners=False)
    return grown.permute(0, 2, 3, 1).contiguous()


def develop(light: Tensor, shots: Sequence[Shot], exposure: Tensor, supersample: int) -> Tensor:
    """(B, S * supersample, S * supersample, 3) radiance to (B, S, S, 3) uint8. exposure: (B,) factors."""
    device = light.device
    sensors = [shot.sitting.sensor for shot in shots]

    def column(name: str) -> Tensor:
        return upload([float(getattr(sensor, name)) for sensor in sensors], device).view(-1, 1, 1, 1)

    linear = F.avg_pool2d(light.permute(0, 3, 1, 2), supersample) * exposure.view(-1, 1, 1, 1)
    size = linear.shape[-1]
    linear = _blur(linear, column("blur").view(-1) * size / 112)
    radius = torch.linspace(-1, 1, size, device=device) ** 2
    linear = linear * (1 - column("vignette") * (radius[:, None] + radius[None]) / 2)
    warm = torch.cat(
        [torch.exp(column("warmth")), torch.ones_like(column("warmth")), torch.exp(-column("warmth"))], 1
    )
    linear = linear * warm
    tone = (linear * (1 + linear / 4) / (1 + 0.85 * linear)).clamp(0, 1) ** (1 / 2.2)
    luma = (tone * upload(LUMA, device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    # A monochrome film is less sensitive to red than the eye, so that lips come out dark, or more.
    film = upload([sensor.film for sensor in sensors], device).view(-1, 3, 1, 1)
    picture = luma + (tone - luma) * column("saturation")
    picture = torch.where(column("grey") > 0.5, (tone * film).sum(1, keepdim=True).expand_as(tone), picture)
    steep = (picture - 0.5) * column("contrast")
    picture = steep / (1 + (2 * steep) ** 4) ** 0.25 + 0.5  # bends before it reaches black or white
    grains = beside(device, lambda shot: _grain(shot.noise_seed, size), shots)
    grain = torch.stack(grains).to(device, non_blocking=True)
    grain = torch.where(column("grey") > 0.5, grain[:, :1].expand_as(grain), grain)
    picture = (picture + column("noise") * grain * (0.6 + 0.8 * (1 - luma))).clamp(0, 1)
    picture = _jpeg(picture, upload([sensor.jpeg or 100 for sensor in sensors], device))
    picture = torch.where(column("grey") > 0.5, picture.mean(1, keepdim=True).expand_as(picture), picture)
    return (picture * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _grain(seed: int, size: int) -> Tensor:
    """(3, size, size) partly shared between the channels, slightly coarser than a pixel."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(4, size, size, generator=generator)
    mixed = 0.75 * own[:1] + 0.65 * own[1:]
    return 0.8 * mixed + 0.2 * F.avg_pool2d(mixed[None], 3, 1, 1)[0]


def _blur(picture: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, its own width for every item (pixels)."""
    reach = 4 if picture.shape[-1] < 200 else 8
    taps = torch.arange(-reach, reach + 1, device=picture.device).float()
    weights = torch.exp(-0.5 * (taps[None] / sigma[:, None].clamp(min=0.2)) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None, :]
    batch, channels, height, width = picture.shape
    flat = picture.reshape(1, batch * channels, height, width)
    padded = F.pad(flat, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, weights[:, :, None, :], groups=batch * channels)
    down = F.conv2d(across, weights[:, :, :, None], groups=batch * channels)
    return down.reshape(picture.shape)


@lru_cache(maxsize=4)
def _cosines(device: str) -> Tensor:
    """(8, 8) orthonormal DCT-II matrix."""
    k = torch.arange(8.0)
    matrix = torch.cos((k[None] + 0.5) * k[:, None] * torch.pi / 8) * 0.5
    matrix[0] *= 0.5**0.5
    return matrix.to(device)


def _jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """What a JPEG of this quality (B,) keeps of (B, 3, S, S) in 0..1; quality 100 leaves the picture
    alone."""
    size = picture.shape[-1]
    pad = -size % 16
    padded = F.pad(picture, (0, pad, 0, pad), mode="replicate") if pad else picture
    r, g, b = (padded * 255).unbind(1)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    chroma = torch.stack([(b - luma) * 0.564, (r - luma) * 0.713], 1)
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality).view(-1, 1, 1, 1, 1, 1)
    luma = _quantise(luma[:, None] - 128, LUMINANCE_TABLE, scale)[:, 0] + 128
    chroma = _quantise(F.avg_pool2d(chroma, 2), CHROMINANCE_TABLE, scale)
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    blue, red = chroma.unbind(1)
    decoded = (
        torch.stack([luma + 1.402 * red, luma - 0.344 * blue - 0.714 * red, luma + 1.772 * blue], 1) / 255
    )
    kept = torch.where((quality >= 100).view(-1, 1, 1, 1), padded, decoded.clamp(0, 1))
    return kept[..., :size, :size]


def _quantise(plane: Tensor, table: tuple[int, ...], scale: Tensor) -> Tensor:
    cosines = _cosines(str(plane.device))
    batch, channels, height, width = plane.shape
    blocks = plane.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = upload(table, plane.device, torch.float32).view(1, 1, 1, 1, 8, 8)
    steps = ((steps * scale + 50) / 100).floor().clamp(1, 255)
    coefficients = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    restored = cosines.T @ coefficients @ cosines
    return restored.transpose(3, 4).reshape(plane.shape)
