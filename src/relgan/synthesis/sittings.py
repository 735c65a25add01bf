"""Where and how the pictures are taken: a sitting fixes camera, pose, light, background and sensor; a shot
drifts.

Between sittings everything differs; within one, two pictures differ in the expression, a little drift and
the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from relgan.synthesis.grooming import Colour

Kind = Literal["usual", "worse"]
"""What takes the pictures (:data:`CAMERAS`)."""


@dataclass(frozen=True)
class Cameras:
    """What the pictures of many sittings are like.

    nod: the largest as a share of the largest turn. roll: spread and largest, degrees. crops: spread of the
    detector's errors (Sitting.misalignment). lights: shares of lamp, window, flash and light from everywhere.
    contrast: spread of its logarithm. grey: share of grey pictures. blur: least, how much more at most, and
    the power that makes the most rare. jpeg: worst quality, and the share of pictures that are compressed.
    """

    nod: float
    roll: tuple[float, float]
    crops: tuple[float, float, float, float]
    lights: tuple[float, float, float, float]
    contrast: float
    grey: float
    blur: tuple[float, float, int]
    jpeg: tuple[int, float]


CAMERAS: dict[Kind, Cameras] = {
    "usual": Cameras(
        nod=0.5,
        roll=(3, 8),
        crops=(0.016, 0.016, 0.014, 0.010),
        lights=(0.35, 0.25, 0.15, 0.25),
        contrast=0.22,
        grey=0.35,
        blur=(0.3, 1.3, 3),
        jpeg=(55, 0.6),
    ),
    "worse": Cameras(
        nod=0.6,
        roll=(5, 14),
        crops=(0.035, 0.035, 0.04, 0.02),
        lights=(0.45, 0.35, 0.15, 0.05),
        contrast=0.35,
        grey=0.6,
        blur=(0.4, 2.2, 2),
        jpeg=(25, 0.7),
    ),
}
"""Worse: heads askew, crops twice as careless, hard light, grey, blurred and coarse pictures."""


@dataclass(frozen=True)
class Light:
    """Sky (from all around, with a gradient), key (one lamp or window). Directions point to the light, our
    axes."""

    sky: Colour
    gradient: tuple[float, float, float]
    key: Colour
    key_direction: tuple[float, float, float]
    key_softness: float
    shine: float


@dataclass(frozen=True)
class Background:
    """Display values 0 to 1: a wall whose light falls off, with out-of-focus things on it."""

    top: Colour
    bottom: Colour
    clutter: float
    clutter_scale: float
    clutter_offset: tuple[float, float, float]


@dataclass(frozen=True)
class Sensor:
    """Exposure is a factor; contrast the slope at mid-grey; film how much red, green and blue count where the
    picture is grey; blur the radius in pixels of a 112-pixel picture; jpeg a quality or None."""

    exposure: float
    contrast: float
    warmth: float
    saturation: float
    grey: bool
    film: tuple[float, float, float]
    blur: float
    noise: float
    jpeg: int | None
    vignette: float


@dataclass(frozen=True)
class Sitting:
    """Angles in degrees (yaw positive: the face turns to the picture's right), distance in metres, gaze
    about -1 to 1.

    misalignment: the detector's constant error for this person: shift (two), log scale, rotation, as shares
    of the distance between the eyes and radians. crops: the spread of such errors.
    """

    yaw: float
    pitch: float
    roll: float
    distance: float
    gaze: tuple[float, float]
    misalignment: tuple[float, float, float, float]
    crops: tuple[float, float, float, float]
    light: Light
    background: Background
    sensor: Sensor


@dataclass(frozen=True)
class Shot:
    """One picture of a sitting: the pose, gaze and misalignment it was taken with, and its noise."""

    sitting: Sitting
    yaw: float
    pitch: float
    roll: float
    gaze: tuple[float, float]
    misalignment: tuple[float, float, float, float]
    noise_seed: int


def draw_sitting(seed: int, person: int, sitting: int, yaw: float, kind: Kind = "usual") -> Sitting:
    """Args: yaw: the largest turn of the head, degrees; smaller turns are commoner, nods reach half of it."""
    cameras = CAMERAS[kind]
    spread, most = cameras.roll
    rng = np.random.default_rng([seed, 2, person, sitting])
    return Sitting(
        yaw=float(yaw * (rng.random() - rng.random())),
        pitch=float(cameras.nod * yaw * (rng.random() - rng.random())),
        roll=float(np.clip(spread * rng.normal(), -most, most)),
        distance=float(np.exp(rng.uniform(math.log(0.5), math.log(2.2)))),
        gaze=_pair(np.array([0.22, 0.13]) * rng.normal(size=2) * (rng.random() < 0.7)),
        misalignment=_misalignment(rng, cameras.crops),
        crops=cameras.crops,
        light=_draw_light(rng, cameras),
        background=_draw_background(rng),
        sensor=_draw_sensor(rng, cameras),
    )


def draw_shot(sitting: Sitting, rng: Generator) -> Shot:
    """Drift a little from the sitting's pose: what moves here is noise in the truth of every pair."""
    drift = rng.normal(size=3) * (0.4, 0.35, 0.25)
    wander = rng.normal(size=2) * (0.03, 0.02)
    error = np.array(sitting.misalignment) + 0.2 * np.array(_misalignment(rng, sitting.crops))
    return Shot(
        sitting=sitting,
        yaw=sitting.yaw + float(drift[0]),
        pitch=sitting.pitch + float(drift[1]),
        roll=sitting.roll + float(drift[2]),
        gaze=_pair(np.array(sitting.gaze) + wander),
        misalignment=(float(error[0]), float(error[1]), float(error[2]), float(error[3])),
        noise_seed=int(rng.integers(2**31)),
    )


def _pair(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _misalignment(
    rng: Generator, spread: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    dx, dy, size, turn = (float(v) for v in rng.normal(size=4) * spread)
    return dx, dy, size, turn


def _tint(rng: Generator, warmth: float, spread: float) -> tuple[float, float, float]:
    """White light as seen after an imperfect white balance: warm (positive) to cool."""
    w = warmth + spread * rng.normal()
    return (math.exp(w), 1.0, math.exp(-1.3 * w))


def _draw_light(rng: Generator, cameras: Cameras) -> Light:
    kind = rng.choice(["lamp", "window", "flash", "even"], p=cameras.lights)
    azimuth = math.radians({"lamp": 55, "window": 80, "flash": 12, "even": 50}[kind] * rng.uniform(-1, 1))
    elevation = math.radians({"lamp": rng.uniform(15, 60), "window": rng.uniform(0, 35), "flash":
    rng.uniform(2, 15),
                              "even": rng.uniform(25, 65)}[kind])  # fmt: skip
    ambient = {"lamp": rng.uniform(0.12, 0.6), "window": rng.uniform(0.12, 0.55), "flash": rng.uniform(0.2,
    0.5),
               "even": rng.uniform(0.5, 0.95)}[kind]  # fmt: skip
    key = (1.3 - ambient) * rng.uniform(0.8, 1.3)
    sky_tint, key_tint = _tint(rng, 0.0, 0.04), _tint(rng, 0.02 if kind == "lamp" else -0.01, 0.04)
    return Light(
        sky=(ambient * sky_tint[0], ambient * sky_tint[1], ambient * sky_tint[2]),
        gradient=(
            float(0.3 * rng.normal()),
            float(0.25 * rng.normal() - 0.3),
            float(0.45 + 0.25 * rng.normal()),
        ),
        key=(key * key_tint[0], key * key_tint[1], key * key_tint[2]),
        key_direction=(
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ),
        key_softness={"lamp": 0.5, "window": 1.0, "flash": 0.25, "even": 1.0}[kind],
        shine=float(rng.uniform(0.35, 1.0)),
    )


def _draw_background(rng: Generator) -> Background:
    grey = rng.beta(1.6, 1.4)
    tint = 0.03 + 0.12 * rng.random() ** 3
    top = np.clip(grey * (1 + tint * rng.normal(size=3)), 0.01, 0.99)
    bottom = np.clip(top * (1 + 0.2 * rng.normal() + 0.03 * rng.normal(size=3)), 0.01, 0.99)
    offset = rng.uniform(0, 32, 3)
    return Background(
        top=(float(top[0]), float(top[1]), float(top[2])),
        bottom=(float(bottom[0]), float(bottom[1]), float(bottom[2])),
        clutter=float(0.25 * rng.random() if rng.random() < 0.35 else 0.02),
        clutter_scale=float(rng.uniform(1.5, 5)),
        clutter_offset=(float(offset[0]), float(offset[1]), float(offset[2])),
    )


def _draw_sensor(rng: Generator, cameras: Cameras) -> Sensor:
    least, more, power = cameras.blur
    worst, compressed = cameras.jpeg
    return Sensor(
        exposure=float(np.clip(0.92 + 0.2 * rng.normal(), 0.45, 1.5)),
        contrast=float(1.4 * math.exp(cameras.contrast * rng.normal())),
        warmth=float(0.035 * rng.normal()),
        saturation=float(np.clip(0.85 + 0.15 * rng.normal(), 0.5, 1.3)),
        grey=bool(rng.random() < cameras.grey),
        film=_draw_film(rng),
        blur=float(least + more * rng.random() ** power),
        noise=float(0.003 + 0.016 * rng.random() ** 2),
        jpeg=int(rng.integers(worst, 96)) if rng.random() < compressed else None,
        vignette=float(0.15 * rng.random()),
    )


def _draw_film(rng: Generator) -> tuple[float, float, float]:
    """Shares of red, green and blue: the eye's on average, up to a film that hardly sees red."""
    red = float(np.clip(0.25 + 0.15 * rng.normal(), 0.0, 0.6))
    blue = float(rng.uniform(0.05, 0.3))
    return red, 1 - red - blue, blue
