import pytest
import torch

pytest.importorskip("anny", reason="needs anny: pip install 'relgan[synthesis]'")

from relgan.synthesis.rasterize import EMPTY, barycentric, depth_of, interpolate, rasterize, triangle_of

POINTS = torch.tensor([[[0.0, 0.0, 1.0], [8.0, 0.0, 1.0], [0.0, 8.0, 3.0], [8.0, 8.0, 0.5]]])


def test_pixels_inside_a_triangle_are_filled_and_others_are_not():
    buffer = rasterize(POINTS, torch.tensor([[0, 1, 2]], dtype=torch.int32), 8, 8)[0]
    for row in range(8):
        for column in range(8):
            inside = (row + 0.5) + (column + 0.5) <= 8
            assert (int(buffer[row, column]) < EMPTY) == inside


def test_the_nearer_triangle_wins():
    faces = torch.tensor([[0, 1, 2], [0, 1, 3]], dtype=torch.int32)
    buffer = rasterize(POINTS, faces, 8, 8)[0]
    # At row 2, column 3 both cover: plane 0-1-2 is at depth 1/(..) > 1, plane 0-1-3 nearer than 1.
    assert int(triangle_of(buffer[2, 3])) == 1
    assert int(triangle_of(buffer[3, 1])) == 0
    assert depth_of(buffer)[2, 3] < 1
    assert torch.isinf(depth_of(buffer)[7, 4])


def test_culling_leaves_out_triangles_that_run_clockwise():
    one_way, other_way = (torch.tensor([face], dtype=torch.int32) for face in ([0, 1, 2], [0, 2, 1]))
    assert (rasterize(POINTS, one_way, 8, 8, cull=True) == EMPTY).all()
    assert (rasterize(POINTS, other_way, 8, 8, cull=True) < EMPTY).sum() == 36


def test_interpolation_is_perspective_correct():
    item, row, column = (torch.tensor([k]) for k in (0, 3, 0))
    corners = torch.tensor([[0, 1, 2]])
    weights = barycentric(POINTS, item, row, column, corners)
    # By hand: screen weights of (0.5, 3.5) in the triangle, divided by depth.
    screen = torch.tensor([1 - 0.5 / 8 - 3.5 / 8, 0.5 / 8, 3.5 / 8])
    expected = screen / torch.tensor([1.0, 1.0, 3.0])
    torch.testing.assert_close(weights[0], expected / expected.sum())
    values = torch.tensor([[10.0], [20.0], [30.0], [0.0]])
    torch.testing.assert_close(
        interpolate(values, item, corners, weights)[0, 0], (weights[0] * values[:3, 0]).sum()
    )
