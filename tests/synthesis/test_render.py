import dataclasses

import numpy as np
import pytest
import torch

pytest.importorskip("anny", reason="needs anny: pip install 'relgan[synthesis]'")

from relgan.faces.align import TEMPLATE
from relgan.synthesis.appearance import paint
from relgan.synthesis.camera import _fit
from relgan.synthesis.chart import load_chart, noise, sample_maps
from relgan.synthesis.expressions import UNIT_INDEX, UNITS, draw_take
from relgan.synthesis.mean_head import load_mean_head
from relgan.synthesis.people import draw_person
from relgan.synthesis.render import render
from relgan.synthesis.sittings import draw_shot, draw_sitting


def shot(person=0, yaw=0.0, exact=True, seed=1):
    taken = draw_shot(draw_sitting(0, person, 0, 20), np.random.default_rng(seed))
    changes = {"misalignment": (0.0, 0.0, 0.0, 0.0)} if exact else {}
    return dataclasses.replace(taken, yaw=yaw, pitch=0.0, **changes)


def test_frontal_landmarks_lie_on_the_template_of_aligned_faces(room):
    model = room.model(draw_person(room.head, 0, 0))
    rendered = room.render([model], torch.zeros(1, len(UNITS), 2), [shot()])
    assert rendered.pictures.shape == (1, 64, 64, 3)
    assert rendered.pictures.dtype == torch.uint8
    away = rendered.landmarks[0] - (torch.tensor(TEMPLATE) * 64 - 0.5)
    assert away.norm(dim=1).max() < 0.05 * 64


def test_the_fit_to_the_template_is_the_aligners_own():
    from relgan.faces.align import similarity

    generator = torch.Generator().manual_seed(0)
    points = torch.rand(3, 5, 2, generator=generator) * 40 + torch.tensor(TEMPLATE, dtype=torch.float32) * 100
    goal = torch.tensor(TEMPLATE, dtype=torch.float32) * 112
    fitted = _fit(points, goal, torch.zeros(3, 4))
    for ours, cloud in zip(fitted, points, strict=True):
        np.testing.assert_allclose(ours, similarity(cloud.numpy(), goal.numpy()), atol=1e-3)


def test_the_same_row_gives_the_same_picture_alone_and_in_company(room):
    models = [room.model(draw_person(room.head, 0, number)) for number in (0, 1)]
    units = torch.from_numpy(np.stack([draw_take("fear", np.random.default_rng(k)).at(0.5) for k in (0, 1)]))
    shots = [shot(0), shot(1, yaw=15.0)]
    together = room.render(models, units, shots).pictures
    alone = room.render(models[1:], units[1:], shots[1:]).pictures
    difference = (together[1].int() - alone[0].int()).abs()
    assert difference.float().mean() < 0.05


def test_an_expression_changes_the_face_far_more_than_the_background(room):
    model = room.model(draw_person(room.head, 0, 2))
    units = torch.zeros(2, len(UNITS), 2)
    units[1, UNIT_INDEX[27]] = 1
    still = dataclasses.replace(shot(2), noise_seed=5)
    before, after = room.render([model, model], units, [still, still]).pictures.float()
    change = (before - after).abs().mean(-1)
    assert change[42:62, 22:42].mean() > 4 * change[:6, :6].mean()


def test_the_public_render_takes_people_and_units():
    from relgan.synthesis.head import load_head

    person = draw_person(load_head(), 0, 5)
    pictures = render([person, person], np.zeros((2, len(UNITS), 2), np.float32), [shot(5), shot(5)], size=48)
    assert pictures.shape == (2, 48, 48, 3)
    assert torch.equal(pictures[0], pictures[1])


def test_eyeballs_stay_behind_the_lids_when_eyes_are_screwed_up(room):
    head = room.head
    weights = torch.zeros(1, len(head.names))
    for name in ("eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight"):
        weights[0, head.names[name]] = 1.5
    vertices = head.settle(head.template[None] + head.displacement(weights), weights)
    ball = vertices[0, head.part_vertices(1)]
    radius = (ball - ball.mean(0)).norm(dim=1).mean()
    near = (head.vertex_part == 0) & ((head.template - head.eye_centres[0]).norm(dim=1) < 0.02)
    assert (vertices[0, near] - ball.mean(0)).norm(dim=1).min() > radius


def test_a_smile_brings_the_upper_teeth_down_and_a_dropped_jaw_hardly(room):
    head = room.head

    def teeth_at(**shapes: float) -> float:
        weights = torch.zeros(1, len(head.names))
        for name, amount in shapes.items():
            weights[0, head.names[name]] = amount
        still = head.template[None].clone()
        return float(head.settle(still, weights)[0, head.part_vertices(5), 2].mean())

    rest, dropped = teeth_at(), teeth_at(jawOpen=1.0)
    smile = teeth_at(jawOpen=0.1, mouthSmileLeft=0.6, mouthSmileRight=0.6)
    assert rest - smile == pytest.approx(0.0035, abs=1e-4)
    assert 0 < rest - dropped < 0.001


def test_the_chart_covers_the_face_and_samples_bilinearly(room):
    chart = load_chart(1.0)
    assert torch.isfinite(chart.tilt).all()
    assert chart.masks["lips"].max() > 0.9
    maps = torch.arange(12.0).view(1, 3, 4, 1)
    middle = sample_maps(maps, torch.zeros(1, dtype=torch.int64), torch.tensor([[0.5, 0.5]]))
    assert middle.item() == pytest.approx(5.5, abs=0.01)


def test_lashes_do_not_grow_at_the_inner_corner_of_the_eye(head):
    person = draw_person(head, 0, 3)
    chart = load_chart(0.5)
    albedo = paint(person, chart)[..., :3].mean(-1)
    line = (chart.lid_distance < 0.001) & (chart.above_lid > 0.5)
    across = chart.position[..., 0].abs()
    corner, middle = albedo[line & (across < 0.021)], albedo[line & (across > 0.028)]
    assert min(len(corner), len(middle)) > 5
    assert corner.mean() > 3 * middle.mean()


def test_noise_repeats_after_its_lattice_and_is_smooth():
    points = torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) * 32
    torch.testing.assert_close(noise(points), noise(points + 32), atol=2e-3, rtol=0)
    assert (noise(points) - noise(points + 0.001)).abs().max() < 0.02


def test_the_mean_head_is_stored_with_landmarks_on_its_surface():
    mean = load_mean_head()
    assert mean.faces.max() < len(mean.vertices)
    left_eye, right_eye, nose, left_mouth, right_mouth = mean.landmarks
    assert left_eye[0] < 0 < right_eye[0]
    assert left_mouth[0] < 0 < right_mouth[0]
    assert nose[1] == mean.landmarks[:, 1].min()
    assert left_eye[2] > nose[2] > left_mouth[2]
    distance = np.linalg.norm(mean.vertices[None] - mean.landmarks[:, None], axis=2).min(1)
    assert distance.max() < 0.006
