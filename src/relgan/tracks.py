"""Faces linked over the frames of a video: one number a person while they stay in the picture.

Detections are linked to the nearest track by place and size. Between detections a face is followed by optical
flow (Lucas and Kanade 1981, in a pyramid) of points on it, which also moves its landmarks.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relgan.faces.align import similarity
from relgan.faces.detect import Detection

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

PATIENCE = 1.0
"""Seconds after which a face that was lost comes back as a new one."""
_FLOW_SIDE = 160  # pixels of the region in which flow is sought: enough for a face, whatever its size
_GRID = np.stack(np.meshgrid(np.linspace(0.15, 0.85, 8), np.linspace(0.15, 0.85, 8)), -1).reshape(-1, 2)
_CUT = 30.0  # mean difference of two frames' grey thumbnails that makes a cut
_SUDDEN, _TIMES = 15.0, 5  # or so much, if it is so many times that of the frames before
_RECENT = 12  # frames


@dataclass(slots=True, eq=False)
class Track:
    """One face through time.

    Attributes:
        number: from 0, in the order of appearance.
        box: x, y, width, height in the last frame in which the face was seen.
        landmarks: (5, 2) in that frame.
        seen: the time of that frame, seconds.
        detection: the detector's score there; None where the face was followed.
        present: whether that was the latest frame.
    """

    number: int
    box: Box
    landmarks: Floats
    seen: float
    detection: float | None
    present: bool = True


class Tracker:
    """Links the detections of one video; keeps the tracks of the last moments only.

    Args:
        patience: seconds after which a face that was lost comes back as a new one.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self.tracks: list[Track] = []
        self.begun = 0

    def cut(self) -> None:
        """End all tracks: the picture shows another scene."""
        self.tracks = []

    def link(self, detections: Sequence[Detection], time: float) -> list[Track]:
        """Give the faces detected in a frame to tracks, new ones where none fits; the tracks in the frame."""
        self.tracks = [track for track in self.tracks if time - track.seen <= self.patience]
        near = [
            (distance, t, d)
            for t, track in enumerate(self.tracks)
            for d, face in enumerate(detections)
            if (distance := _distance(track.box, face.box)) < 1.0
        ]
        of_detection: dict[int, Track] = {}
        taken: set[int] = set()
        for _, t, d in sorted(near):  # the closest pairs first
            if t not in taken and d not in of_detection:
                of_detection[d] = self.tracks[t]
                taken.add(t)
        for track in self.tracks:
            track.present = False
        for d, face in enumerate(detections):
            landmarks = np.asarray(face.landmarks, np.float64)
            if d in of_detection:
                track = of_detection[d]
                track.box, track.landmarks, track.seen = face.box, landmarks, time
                track.detection, track.present = face.score, True
            else:
                self.tracks.append(Track(self.begun, face.box, landmarks, time, face.score))
                self.begun += 1
        return self._present()

    def follow(self, before: Grey, after: Grey, time: float) -> list[Track]:
        """Move the faces of the frame before to where they are in this one; the tracks in the frame."""
        for track in self.tracks:
            if not track.present:
                continue
            motion = _motion(before, after, track.box)
            if motion is None:
                track.present = False
                continue
            x, y, width, height = track.box
            scale = float(np.hypot(motion[0, 0], motion[1, 0]))
            centre = motion[:, :2] @ (x + width / 2, y + height / 2) + motion[:, 2]
            width, height = width * scale, height * scale
            track.box = (float(centre[0]) - width / 2, float(centre[1]) - height / 2, width, height)
            track.landmarks = track.landmarks @ motion[:, :2].T + motion[:, 2]
            track.seen, track.detection = time, None
        return self._present()

    def _present(self) -> list[Track]:
        return sorted((track for track in self.tracks if track.present), key=lambda track: track.number)


class Scene:
    """Tells where a video cuts to another scene.

    Two people before one backdrop look alike in a thumbnail, so what counts as a cut depends on how much the
    frames before changed.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._thumbnail = np.zeros((32, 32), np.float32)
        self._changes: deque[float] = deque(maxlen=_RECENT)

    def cut(self, grey: Grey) -> bool:
        """Whether a frame (H, W) begins another scene than the frame before showed; False for the first."""
        shape, before = self._shape, self._thumbnail
        self._shape = grey.shape
        self._thumbnail = np.asarray(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA), np.float32)
        if shape is None:
            return False
        change = float(np.abs(self._thumbnail - before).mean())
        usual = max(1.0, float(np.median(self._changes))) if self._changes else float("inf")
        found = shape != grey.shape or change > _CUT or (change > _SUDDEN and change > _TIMES * usual)
        if found:
            self._changes.clear()
        else:
            self._changes.append(change)
        return found


def _distance(a: Box, b: Box) -> float:
    """How far two boxes are from being one face that moved: 0 the same, from 1 on another face."""
    side_a, side_b = (a[2] * a[3]) ** 0.5, (b[2] * b[3]) ** 0.5
    if min(side_a, side_b) <= 0:
        return float("inf")
    shift = np.hypot(a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2)
    return float(shift / max(side_a, side_b) + abs(np.log2(side_a / side_b)))


def _motion(before: Grey, after: Grey, box: Box) -> Floats | None:
    """The similarity (2, 3) by which the face in a box moves to the next frame; None where it is lost."""
    height, width = before.shape
    x, y, w, h = box
    # Half a face of room on every side.
    left, right = (int(np.clip(v, 0, width)) for v in (x - w / 2, x + 1.5 * w))
    top, bottom = (int(np.clip(v, 0, height)) for v in (y - h / 2, y + 1.5 * h))
    if min(right - left, bottom - top) < 16:
        return None
    factor = max(1.0, max(right - left, bottom - top) / _FLOW_SIDE)
    size = (max(16, round((right - left) / factor)), max(16, round((bottom - top) / factor)))
    step = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    parts = [
        np.asarray(cv2.resize(frame[top:bottom, left:right], size, interpolation=cv2.INTER_AREA), np.uint8)
        for frame in (before, after)
    ]
    points = (_GRID * (w, h) + (x - left, y - top)) / step
    inside = ((points >= 2) & (points < np.array(size) - 2)).all(1)
    points = points[inside].astype(np.float32)[:, None]
    if len(points) < 12:
        return None
    options = {"winSize": (15, 15), "maxLevel": 3}
    there, found, _ = cv2.calcOpticalFlowPyrLK(parts[0], parts[1], points, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(parts[1], parts[0], there, None, **options)  # type: ignore[call-overload]
    # A point that does not come back to where it was has lost its place.
    error = np.abs(back - points).max(-1)[:, 0]
    good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (error < 1.0)
    if good.sum() < max(8, len(points) // 3):
        return None
    origin = np.array([left, top])
    old, new = (points[good, 0] * step + origin, there[good, 0] * step + origin)
    matrix = similarity(old, new)
    away = np.linalg.norm(old @ matrix[:, :2].T + matrix[:, 2] - new, axis=1)
    kept = away <= 2.5 * max(float(np.median(away)), 0.1)  # lips and lids move by themselves
    matrix = similarity(old[kept], new[kept])
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return matrix if 0.7 < scale < 1.4 else None
