"""Views of an aligned face: the paper's 40 variants as one affine lookup."""

import math

import pytest
import torch

from relgan.data.augment import (
    ANGLES,
    CENTRE,
    CROP,
    PLACES,
    TEST_VIEWS,
    THETAS,
    VARIANTS,
    Reach,
    draw_jitter,
    draw_variants,
    jittered,
    views,
)


def ramp() -> torch.Tensor:
    """(1, 112, 112, 3) uint8: red grows to the right, green downwards."""
    axis = torch.arange(112, dtype=torch.uint8) * 2
    picture = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    picture[0, :, :, 0] = axis[None, :]
    picture[0, :, :, 1] = axis[:, None]
    return picture


def test_there_are_forty_training_variants_and_ten_test_views() -> None:
    assert VARIANTS == 5 * 4 * 2 == 40
    assert len(TEST_VIEWS) == 10
    assert len({tuple(theta.flatten().tolist()) for theta in THETAS}) == 50


def test_the_centre_view_is_the_central_96_pixels() -> None:
    face = torch.randint(
        0, 256, (1, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    view = views(face, torch.tensor(CENTRE), 96)
    expected = face[:, 8:104, 8:104].permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.allclose(view, expected, atol=1e-4)


@pytest.mark.parametrize(("view", "rows", "columns"), [(41, (0, 96), (0, 96)), (44, (16, 112), (16, 112))])
def test_unturned_corner_views_are_the_corner_crops(
    view: int, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    face = torch.randint(
        0, 256, (1, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    expected = face[:, slice(*rows), slice(*columns)].permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.allclose(views(face, torch.tensor([view]), 96), expected, atol=1e-4)


def test_a_mirrored_view_is_the_mirror_image_of_the_centre() -> None:
    face = ramp()
    plain, mirrored = views(face, torch.tensor([40]), 96), views(face, torch.tensor([45]), 96)
    assert torch.allclose(plain.flip(3), mirrored, atol=1e-4)


@pytest.mark.parametrize("variant", range(VARIANTS))
def test_every_variant_turns_by_one_of_the_papers_angles(variant: int) -> None:
    (a, b, _), (c, d, _) = THETAS[variant].tolist()
    assert math.hypot(a, c) == pytest.approx(CROP)
    degrees = math.degrees(math.asin(-b / CROP))
    assert min(abs(degrees - angle) for angle in ANGLES) < 1e-3
    assert a * d - b * c == pytest.approx(CROP**2 * (1 if variant < 20 else -1))


def test_reach_moves_training_views_alone() -> None:
    face = torch.randint(
        0, 256, (1, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    ).expand(50, -1, -1, -1)
    every = torch.arange(50)
    still, papers = views(face, every, 96, Reach(0, 0)), views(face, every, 96)
    assert torch.allclose(still[:20], papers[CENTRE[0]].expand(20, -1, -1, -1), atol=1e-4)
    assert torch.equal(still[VARIANTS:], papers[VARIANTS:])
    turned_back = views(face, every, 96, Reach(turn=0))
    assert torch.allclose(turned_back[:20:4], papers[VARIANTS : VARIANTS + 5], atol=1e-4)


def test_no_view_has_black_corners() -> None:
    white = torch.full((1, 112, 112, 3), 255, dtype=torch.uint8)
    for variant in range(len(THETAS)):
        assert views(white, torch.tensor([variant]), 64).min() > 0.99


def test_crops_reach_the_edge_of_the_face_but_not_beyond() -> None:
    assert max(abs(dx) for dx, _ in PLACES) * (1 - CROP) + CROP == pytest.approx(1)


def test_variants_follow_the_generator() -> None:
    first = draw_variants(1000, torch.Generator().manual_seed(2))
    assert torch.equal(first, draw_variants(1000, torch.Generator().manual_seed(2)))
    assert set(first.tolist()) == set(range(40))


def test_jitter_changes_equal_rows_alike_and_nothing_at_strength_0() -> None:
    generator = torch.Generator().manual_seed(4)
    pictures = torch.rand(1, 3, 32, 32, generator=generator).expand(40, 3, 32, 32) * 2 - 1
    draws = draw_jitter(40, generator)
    assert torch.equal(jittered(pictures, draws, 0.0), pictures)
    draws[1] = draws[0]
    changed = jittered(pictures, draws, 1.0)
    assert torch.equal(changed[0], changed[1])
    assert not torch.equal(changed[0], changed[2])
    assert changed.abs().max() <= 1
    grey = (changed[:, 0] == changed[:, 1]).flatten(1).all(1)
    assert torch.equal(grey, draws[:, 0] < 0.3)
