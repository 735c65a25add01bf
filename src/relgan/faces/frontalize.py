"""Frontalization: a turned face seen from the front, after Hassner et al. (CVPR 2015).

A generic head is posed so that its five marks project onto a face's landmarks. Where each point of its
frontal view then falls in the picture is where that point's colour is taken from. What the turned head hides
is filled from the other half of the face. Unlike Hassner's, the surface goes on beyond the head, as a sheet,
so that hair and background stay where a similarity has them, and a face that looks ahead hardly changes.

Two frames are used besides the picture's. In the *template's* the side of the aligned face is 1 (see
``TEMPLATE``). In the *camera's*, x points to the picture's right, y down, z away from it, all in metres.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from relgan.faces.align import TEMPLATE, reduced, similarity
from relgan.synthesis.mean_head import MeanHead, load_mean_head

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

DISTANCE = 1.0  # metres from the camera to the face: where none is known, a portrait's
MAX_YAW, MAX_PITCH = 45.0, 30.0  # degrees; beyond, too little of one half is seen to show the other
MAX_MISFIT = 0.15  # of the distance between the eyes; beyond, the landmarks are no face's

# How far landmarks stand from the posed head's marks on rendered people (standard deviations, of the
# distance between the eyes): noses differ in length, mouths move.
_SPREAD = np.array([[0.03, 0.03], [0.03, 0.03], [0.04, 0.06], [0.05, 0.05], [0.05, 0.05]])
# Most faces look nearly ahead, and five points tell a raised face from a short nose badly: turns that are
# small beside these degrees are mistrusted (a Cauchy prior on pitch and yaw).
_AHEAD = 3.0
# Of the side: how near the far edge of the face, and how far beyond it, nothing is taken from the picture.
_WITHIN, _BEYOND = 0.05, 0.5
_BEHIND = 0.09  # metres behind the eyes at which the sides of the head pass into the sheet


@dataclass(frozen=True, slots=True)
class Pose:
    """How a face is turned in the upright picture of it.

    Attributes:
        yaw: degrees, positive where the face turns to the picture's right.
        pitch: degrees, positive where it looks up.
        roll: degrees, clockwise, of the face in the picture as given.
        misfit: how far the posed head's marks are from the landmarks, root mean square, in distances between
            the eyes.
    """

    yaw: float
    pitch: float
    roll: float
    misfit: float

    @property
    def possible(self) -> bool:
        """Whether the face can be shown from the front."""
        return abs(self.yaw) <= MAX_YAW and abs(self.pitch) <= MAX_PITCH and self.misfit <= MAX_MISFIT


@dataclass(frozen=True, slots=True, eq=False)
class _Camera:
    """The head before the camera as the template shows it: focal length and centre in the template's
    frame."""

    focal: float
    centre: Doubles  # (2,)
    pivot: Doubles  # (3,) about which the head turns, camera's frame
    marks: Doubles  # (5, 3) from the pivot: they project exactly onto TEMPLATE

    @property
    def matrix(self) -> Doubles:
        return np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1]])


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """What the frontal view shows: (3, size * size) places from the pivot, and how much of the face itself,
    in contrast to ears, neck and the sheet, each pixel is: (size, size), 0 to 1."""

    points: Floats
    face: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A head posed by landmarks: points are turned, then shifted; matrix leads from picture to template."""

    pose: Pose
    rotation: Doubles  # (3, 3)
    shift: Doubles  # (3,)
    matrix: Doubles  # (2, 3)


def head_pose(landmarks: ArrayLike) -> Pose:
    """How a face is turned, from its landmarks (5, 2): pixels, order as in ``TEMPLATE``."""
    return _place(landmarks).pose


def frontalize(picture: NDArray[np.uint8], landmarks: ArrayLike, size: int = 112) -> NDArray[np.uint8] | None:
    """The face of a picture from the front, with its landmarks near ``TEMPLATE``.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) pixels, counted from the centre of the first pixel; order as in ``TEMPLATE``.
        size: side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB; None where the pose is not ``Pose.possible``.
    """
    placed = _place(landmarks)
    if not placed.pose.possible:
        return None
    seen = _project(placed, size)
    to_pixels = placed.matrix * size
    to_pixels[:, 2] -= 0.5  # pixel centres lie half a pixel inside
    picture, to_pixels = reduced(picture, to_pixels)
    inverse = cv2.invertAffineTransform(to_pixels).astype(np.float32)
    where = cv2.transform((seen * size - 0.5)[None], inverse).reshape(size, size, 2)
    x, y = np.ascontiguousarray(where.transpose(2, 0, 1))
    front = np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    hidden = _hidden(seen.reshape(size, size, 2), placed.pose)
    outside = (where < -1).any(2) | (where > np.array(picture.shape[1::-1], np.float32)).any(2)
    return _mirror_into(front, np.maximum(hidden, outside.astype(np.float32)))


def source_points(landmarks: ArrayLike, size: int = 112) -> tuple[Floats, Floats]:
    """Where each pixel of the frontal view comes from.

    Returns:
        (size, size, 2) x and y in the picture, pixels; (size, size) how much of it is hidden there, 0 to 1.
    """
    placed = _place(landmarks)
    seen = _project(placed, size)
    where = cv2.transform(seen[None], cv2.invertAffineTransform(placed.matrix)).reshape(size, size, 2)
    return np.asarray(where, np.float32), _hidden(seen.reshape(size, size, 2), placed.pose)


def _place(landmarks: ArrayLike) -> _Placed:
    """Poses the head by landmarks: Gauss-Newton on the reprojection error, from the frontal pose."""
    camera = _camera()
    matrix = similarity(landmarks, TEMPLATE)
    goal = np.asarray(landmarks, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    eyes = float(TEMPLATE[1, 0] - TEMPLATE[0, 0])
    weight = 1 / (_SPREAD.ravel() * eyes)
    still = np.zeros(6)  # weights of the wish not to move
    turn, shift = np.zeros(3), np.zeros(3)
    for _ in range(15):
        flat, slopes = cv2.projectPoints(camera.marks, turn, camera.pivot + shift, camera.matrix, None)
        error = (goal - flat[:, 0]).ravel()
        still[:2] = 1 / np.hypot(np.radians(_AHEAD), turn[:2])
        slopes = slopes[:, :6] * weight[:, None]
        normal = slopes.T @ slopes + np.diag(still**2 + 1e-9)
        step = np.linalg.solve(normal, slopes.T @ (error * weight) - still**2 * np.concatenate([turn, shift]))
        step *= min(1.0, 0.5 / max(float(np.abs(step[:3]).max()), 1e-9))  # at most half a radian at once
        turn, shift = turn + step[:3], shift + step[3:]
        shift[2] = max(shift[2], -0.7 * DISTANCE)  # never behind the camera
        if np.abs(step).max() < 1e-4:
            break
    flat = cv2.projectPoints(camera.marks, turn, camera.pivot + shift, camera.matrix, None)[0][:, 0]
    # Landmarks that are no face's shrink to a point: the misfit is measured by the posed head's own size.
    misfit = float(np.sqrt(((goal - flat) ** 2).sum(1).mean()) / eyes * (1 + shift[2] / DISTANCE))
    rotation = np.asarray(cv2.Rodrigues(turn)[0], np.float64)
    ahead = -rotation[:, 2]  # where the face looks
    yaw = np.degrees(np.arctan2(ahead[0], -ahead[2]))
    pitch = np.degrees(np.arcsin(np.clip(-ahead[1], -1, 1)))
    upright = np.arctan2(rotation[1, 0], rotation[1, 1]) - np.arctan2(matrix[1, 0], matrix[0, 0])
    roll = (np.degrees(upright) + 180) % 360 - 180
    pose = Pose(float(yaw), float(pitch), float(roll), misfit)
    return _Placed(pose, rotation, camera.pivot + shift, matrix)


def _project(placed: _Placed, size: int) -> Floats:
    """Where the posed surface is seen: (size * size, 2) in the template's frame."""
    camera = _camera()
    rotation, shift = placed.rotation.astype(np.float32), placed.shift.astype(np.float32)
    x, y, z = rotation @ _surface(size).points + shift[:, None]
    scale = np.float32(camera.focal) / z
    return np.stack([x * scale + np.float32(camera.centre[0]), y * scale + np.float32(camera.centre[1])], 1)


def _hidden(seen: Floats, pose: Pose) -> Floats:
    """How much of each point of the frontal view the turned head hides, 0 to 1, feathered.

    Args:
        seen: (size, size, 2), from ``_project``.
    """
    size = len(seen)
    face = _surface(size).face > 0.5
    lost = np.maximum(
        _fallen_behind(seen[..., 0], pose.yaw, face), _fallen_behind(seen[..., 1].T, -pose.pitch).T
    )
    reach = max(1, round(size / 56))
    lost = np.asarray(cv2.dilate(lost, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.float32)
    return np.asarray(cv2.GaussianBlur(lost, (0, 0), size / 60), np.float32)


def _fallen_behind(along: Floats, angle: float, face: NDArray[np.bool_] | None = None) -> Floats:
    """What a turn hides along the rows of the frontal view, (size, size), 0 to 1.

    From the near side to the far one a surface is seen as long as it advances in the picture: where it falls
    back, something nearer covers it, and where it hardly advances it is seen edge-on.

    Args:
        along: (size, size) where the points are seen, in the direction of the rows, in the template's frame.
        angle: degrees; the far side is at the rows' end where positive.
        face: which points belong to the face itself. No head is the mean head: within the face's far edge
            there may be background, and beyond it still skin, so neither is taken.
    """
    if angle < 0:
        turned = _fallen_behind(-along[:, ::-1], -angle, None if face is None else face[:, ::-1])
        return turned[:, ::-1]
    size, half = len(along), len(along) // 2
    farthest = np.maximum.accumulate(along, axis=1)
    edge = np.maximum.accumulate(np.where(farthest > along, farthest, np.float32(-9)), axis=1)
    advance = np.gradient(along, axis=1) * size
    lost = np.maximum((edge - along) * size, (0.45 - advance) / 0.3)
    if face is not None:
        outline = np.where(face, along, np.float32(-9)).max(1, keepdims=True)
        within = along - outline + np.float32(_WITHIN * min(angle / 20, 1.0))
        beyond = np.maximum(edge, along[:, half, None]) - along + np.float32(_BEYOND * min(angle / 12, 1.0))
        doubtful = np.where(face, within, beyond) * size
        lost[:, half:] = np.maximum(lost, doubtful)[:, half:]
    return np.asarray(np.clip(lost, 0, 1), np.float32)


def _mirror_into(front: NDArray[np.uint8], hidden: Floats) -> NDArray[np.uint8]:
    """Fills what is hidden from the other half, as bright as its surroundings."""
    share = hidden * (1 - hidden[:, ::-1])
    if share.max() < 0.01:
        return front
    front = front.astype(np.float32)
    mirrored = np.ascontiguousarray(front[:, ::-1])
    # The light on the two halves of the face, where both are seen, spread over what is not.
    face = _surface(len(front)).face
    both = ((1 - hidden) * (1 - hidden[:, ::-1]) * face)[..., None]
    ours, theirs = (
        cv2.GaussianBlur(cv2.resize(half * both, (28, 28), interpolation=cv2.INTER_AREA), (0, 0), 4)
        for half in (front, mirrored)
    )
    gain = np.clip((ours + 2) / (theirs + 2), 0.7, 1.4)
    gain = cv2.resize(gain, front.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    mirrored *= 1 + (gain - 1) * face[..., None]
    filled = front + (mirrored - front) * share[..., None]
    return np.asarray(np.clip(filled + 0.5, 0, 255), np.uint8)


@lru_cache(maxsize=1)
def _camera() -> _Camera:
    points = _to_camera(load_mean_head().landmarks)
    pivot = points.mean(0)
    points = points - pivot + (0, 0, DISTANCE)
    flat = points[:, :2] / points[:, 2:]
    matrix = similarity(flat, TEMPLATE)
    focal, centre = float(np.hypot(matrix[0, 0], matrix[1, 0])), matrix[:, 2]
    # Where detectors see the landmarks is not quite where they are marked: at their depth, as the template.
    marks = points.copy()
    marks[:, :2] = (TEMPLATE - centre) / focal * points[:, 2:]
    return _Camera(focal, centre, np.array([0, 0, DISTANCE]), marks - (0, 0, DISTANCE))


@lru_cache(maxsize=4)
def _surface(size: int) -> _Surface:
    camera = _camera()
    depth, eyes = _sheet(load_mean_head(), size)
    row, column = (np.mgrid[:size, :size] + 0.5) / size
    flat = (np.stack([column, row]) - camera.centre[:, None, None]) / camera.focal
    points = np.concatenate([flat * (depth + DISTANCE), depth[None]]).reshape(3, -1)
    face = np.clip((eyes + 0.75 * _BEHIND - depth) / 0.02, 0, 1)
    return _Surface(np.ascontiguousarray(points, np.float32), face.astype(np.float32))


def _sheet(head: MeanHead, size: int) -> tuple[Doubles, float]:
    """The head and, around it, a sheet that goes on from its sides.

    Returns:
        Metres behind the pivot for each pixel of the frontal view, (size, size), and for the eyes.
    """
    camera, fine = _camera(), 2 * size
    vertices = _to_camera(head.vertices) - _to_camera(head.landmarks).mean(0)
    flat = vertices[:, :2] / (vertices[:, 2:] + DISTANCE) * camera.focal + camera.centre
    places = np.concatenate([flat * fine, vertices[:, 2:]], 1)[head.faces]  # (F, 3, 3) column, row, depth
    longest = np.linalg.norm(places[:, :, :2] - np.roll(places[:, :, :2], 1, axis=1), axis=2).max(1)
    nearest = np.full((fine, fine), np.inf)
    # Points all over every triangle, closer than pixels; each pixel keeps the nearest one.
    for edge in (8, 16, 32, 64):
        chosen = places[(longest < edge) & ((longest >= edge / 2) | (edge == 8))]
        steps = np.arange(2 * edge + 1) / (2 * edge)
        weights = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1 + 1e-9])
        points = np.einsum("wk,fkc->fwc", weights, chosen).reshape(-1, 3)
        column, row = np.floor(points[:, :2]).astype(np.intp).T
        inside = (column >= 0) & (column < fine) & (row >= 0) & (row < fine)
        np.minimum.at(nearest, (row[inside], column[inside]), points[inside, 2])
    eyes = float(head.landmarks[:2, 1].mean() - head.landmarks[:, 1].mean())
    farthest = eyes + _BEHIND
    # Towards the sheet's depth the surface bends smoothly, so that it nowhere runs along the line of sight.
    bend = 0.012
    depth = np.where(np.isfinite(nearest), nearest, farthest + 10 * bend)
    depth = farthest - bend * np.logaddexp(0, (farthest - depth) / bend)
    small = cv2.resize(depth, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), size / 112), np.float64), eyes


def _to_camera(points: NDArray[np.float32]) -> Doubles:
    """Points of the mean head, z up and y away, in the camera's frame."""
    x, y, z = points.astype(np.float64).T
    return np.stack([x, -z, y], 1)
