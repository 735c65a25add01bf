"""From metres to pixels: pose, perspective, and the similarity that lays the five landmarks on the aligned
face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from relgan.faces.align import TEMPLATE
from relgan.synthesis.head import LEFT_EYE, RIGHT_EYE, SKIN, Head
from relgan.synthesis.sittings import Shot
from relgan.synthesis.upload import upload

PIVOT = (0.0, -0.02, 0.66)  # where the head turns on the neck, metres on the mean head
LANDMARKS = (
    "left_eye",
    "right_eye",
    "nose",
    "left_mouth",
    "right_mouth",
)  # left and right as seen in the picture


@dataclass(frozen=True)
class View:
    """Where a batch's points go: `project` needs points in the posed frame (`pose`)."""

    rotation: Tensor  # (B, 3, 3)
    distance: Tensor  # (B,)
    affine: Tensor  # (B, 2, 3) from the picture plane to pixels
    eye: Tensor  # (B, 3) the camera's place in the posed frame

    def pose(self, points: Tensor) -> Tensor:
        pivot = upload(PIVOT, points.device)
        return (points - pivot) @ self.rotation.transpose(1, 2) + pivot

    def turn(self, directions: Tensor) -> Tensor:
        return directions @ self.rotation.transpose(1, 2)

    def project(self, posed: Tensor) -> Tensor:
        """(B, N, 3) to column, row (continuous: the first pixel's centre is 0.5) and depth in metres."""
        plane, depth = _perspective(posed, self.eye)
        pixels = plane @ self.affine[:, :, :2].transpose(1, 2) + self.affine[:, None, :, 2]
        return torch.cat([pixels, depth[..., None]], -1)


@lru_cache(maxsize=4)
def _landmark_vertices(head: Head) -> Tensor:
    """Nose tip and the two mouth corners (picture's left, right) as vertices."""
    template, skin = head.template, head.vertex_part == SKIN
    nose = torch.where(
        skin & (template[:, 0].abs() < 0.002) & (template[:, 2] > 0.685), template[:, 1], 9.0
    ).argmin()
    lips = skin & (head.masks["lips"] > 0.5) & (head.masks["mouth"] < 0.3)
    corner_left = torch.where(lips, template[:, 0], 9.0).argmin()
    corner_right = torch.where(lips, template[:, 0], -9.0).argmax()
    return torch.stack([nose, corner_left, corner_right])


def landmarks_of(head: Head, vertices: Tensor) -> Tensor:
    """(B, V, 3) to (B, 5, 3): pupils looking straight ahead, nose tip, mouth corners, in the order of
    LANDMARKS."""
    ahead = upload([0.0, -0.0155, 0.0], vertices.device)
    eyes = [vertices[:, head.part_vertices(part)].mean(1) + ahead for part in (RIGHT_EYE, LEFT_EYE)]
    return torch.cat([torch.stack(eyes, 1), vertices[:, _landmark_vertices(head)]], 1)


def view_of(head: Head, vertices: Tensor, shots: Sequence[Shot], size: int) -> View:
    """The camera of each shot, with the aligned face's frame of `size` pixels fitted to the projected
    landmarks."""
    device = vertices.device
    angles = upload([[shot.yaw, shot.pitch, shot.roll] for shot in shots], device)
    rotation = _rotations(torch.deg2rad(angles))
    distance = upload([shot.sitting.distance for shot in shots], device)
    middle = upload([0.0, -0.13, 0.70], device)
    eye = middle - distance[:, None] * upload([0.0, 1.0, 0.0], device)
    unit = torch.eye(2, 3, device=device).expand(len(shots), 2, 3)
    view = View(rotation, distance, unit, eye)
    flat = view.project(view.pose(landmarks_of(head, vertices)))[..., :2]
    error = upload([shot.misalignment for shot in shots], device)
    template = upload(TEMPLATE, device, torch.float32) * size
    return View(rotation, distance, _fit(flat, template, error), eye)


def _perspective(posed: Tensor, eye: Tensor) -> tuple[Tensor, Tensor]:
    ray = posed - eye[:, None]
    depth = ray[..., 1]
    plane = torch.stack([ray[..., 0], -ray[..., 2]], -1) / depth[..., None]
    return plane, depth


def _rotations(angles: Tensor) -> Tensor:
    """(B, 3) yaw, pitch, roll in radians to matrices: roll last, about the line of sight."""
    zero, one = torch.zeros_like(angles[:, 0]), torch.ones_like(angles[:, 0])
    (cy, cp, cr), (sy, sp, sr) = angles.cos().unbind(1), angles.sin().unbind(1)
    turn = torch.stack([cy, -sy, zero, sy, cy, zero, zero, zero, one], 1).view(-1, 3, 3)
    nod = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], 1).view(-1, 3, 3)
    tilt = torch.stack([cr, zero, sr, zero, one, zero, -sr, zero, cr], 1).view(-1, 3, 3)
    return tilt @ nod @ turn


def _fit(points: Tensor, template: Tensor, error: Tensor) -> Tensor:
    """Least-squares similarity (B, 2, 3) from points (B, 5, 2) to the template (5, 2), with a detector's
    error.

    As relgan.faces.align.similarity, for a batch.
    """
    centre, goal_centre = points.mean(1), template.mean(0)
    source, goal = points - centre[:, None], (template - goal_centre)[None]
    spread = (source**2).sum((1, 2))
    a = (source * goal).sum((1, 2)) / spread
    b = (source[..., 0] * goal[..., 1] - source[..., 1] * goal[..., 0]).sum(1) / spread
    scale, turn = torch.exp(error[:, 2]), error[:, 3]
    a, b = scale * (a * turn.cos() - b * turn.sin()), scale * (a * turn.sin() + b * turn.cos())
    rotation = torch.stack([a, -b, b, a], 1).view(-1, 2, 2)
    between_eyes = (template[1] - template[0]).norm()
    shift = goal_centre + error[:, :2] * between_eyes - (rotation @ centre[..., None])[..., 0]
    return torch.cat([rotation, shift[..., None]], 2)
