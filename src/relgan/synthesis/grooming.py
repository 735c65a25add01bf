"""What people wear on their heads: hair, brows, beard, make-up, glasses, and how each is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Colour = tuple[float, float, float]  # linear RGB reflectance

HAIR_STYLES = ("bald", "cropped", "short", "curly", "tied", "bob", "long")
STYLE_SHARES_MEN = (0.09, 0.37, 0.40, 0.10, 0.01, 0.015, 0.015)
STYLE_SHARES_WOMEN = (0.0, 0.01, 0.08, 0.11, 0.16, 0.29, 0.35)

HAIR_COLOURS: tuple[Colour, ...] = (
    (0.012, 0.010, 0.009),
    (0.030, 0.020, 0.014),
    (0.075, 0.043, 0.024),
    (0.16, 0.105, 0.060),
    (0.36, 0.26, 0.14),
    (0.19, 0.065, 0.024),
    (0.40, 0.39, 0.38),
)
GREY = 6
DARK_HAIR_SHARES = (0.55, 0.33, 0.10, 0.015, 0.003, 0.002, 0.0)
LIGHT_HAIR_SHARES = (0.10, 0.25, 0.28, 0.18, 0.12, 0.07, 0.0)


@dataclass(frozen=True)
class Brows:
    """Heights and lengths in metres on the mean head."""

    height: float
    arch: float
    thickness: float
    density: float
    inner: float
    outer: float
    colour: Colour


@dataclass(frozen=True)
class Hair:
    """Lengths in metres on the mean head; style is one of HAIR_STYLES."""

    style: str
    colour: Colour
    thickness: float
    hairline: float
    recess: float
    parting: float
    fringe: float
    wave: float
    length: float


@dataclass(frozen=True)
class Beard:
    """Coverage of each part, 0 to 1."""

    stubble: float
    moustache: float
    goatee: float
    full: float


@dataclass(frozen=True)
class Makeup:
    lip_redness: float
    lip_pigment: float
    lipstick: float
    lip_colour: Colour
    liner: float
    lashes: float
    shadow: float
    shadow_colour: Colour


@dataclass(frozen=True)
class Glasses:
    """Half sizes and thickness in metres; roundness is the exponent of the rim's superellipse."""

    half_width: float
    half_height: float
    roundness: float
    thickness: float
    colour: Colour
    drop: float


def to_colour(values: npt.NDArray[np.float64]) -> Colour:
    r, g, b = (float(v) for v in values)
    return r, g, b


def varied(rng: Generator, colour: Colour, spread: float) -> Colour:
    return to_colour(np.array(colour) * np.exp(spread * rng.normal()))


def draw_hair(rng: Generator, female: bool, years: float, lightness: float) -> Hair:
    style = str(rng.choice(HAIR_STYLES, p=STYLE_SHARES_WOMEN if female else STYLE_SHARES_MEN))
    shares = (1 - lightness) * np.array(DARK_HAIR_SHARES) + lightness * np.array(LIGHT_HAIR_SHARES)
    colour = varied(rng, HAIR_COLOURS[int(rng.choice(len(shares), p=shares / shares.sum()))], 0.2)
    greyness = float(np.clip((years - 42) / 30 + 0.25 * rng.normal(), 0, 0.9)) * (0.5 if female else 1.0)
    colour = to_colour(np.array(colour) * (1 - greyness) + np.array(HAIR_COLOURS[GREY]) * greyness)
    thickness = {
        "bald": 0.0, "cropped": rng.uniform(0.002, 0.006), "short": rng.uniform(0.008, 0.022),
        "curly": rng.uniform(0.014, 0.038), "tied": rng.uniform(0.003, 0.009), "bob": rng.uniform(0.010,
        0.022),
        "long": rng.uniform(0.010, 0.022),
    }[style]  # fmt: skip
    recess = 0.0 if female else float(0.022 * rng.random() * np.clip((years - 30) / 25, 0, 1))
    fringed = style == "short" and rng.random() < (0.5 if female else 0.25)
    return Hair(
        style=style,
        colour=colour,
        thickness=float(thickness),
        hairline=float(
            0.003 * rng.normal()
            + (-0.005 if female else 0.012 * rng.random() * np.clip((years - 35) / 30, 0, 1))
        ),
        recess=recess,
        parting=float(rng.choice([-0.03, 0.0, 0.03]) + 0.006 * rng.normal()),
        fringe=float(rng.uniform(0.012, 0.035)) if fringed else 0.0,
        wave=float(rng.random() ** 1.5),
        length=float(rng.uniform(0.03, 0.075) if style == "bob" else rng.uniform(0.12, 0.2)),
    )


def draw_brows(rng: Generator, female: bool, hair: Colour) -> Brows:
    colour = np.minimum(np.array(hair) * 0.45, [0.040, 0.028, 0.020])
    return Brows(
        height=float(0.7445 + 0.0030 * np.clip(rng.normal(), -1.5, 1.5) + 0.0012 * female),
        arch=float(0.0035 + 0.0025 * rng.random() + 0.0012 * female),
        thickness=float(rng.uniform(0.0030, 0.0066) if female else rng.uniform(0.0044, 0.0078)),
        density=float(rng.uniform(0.75, 1.0) if female else rng.uniform(0.85, 1.0)),
        inner=float(0.012 + 0.002 * np.clip(rng.normal(), -1.5, 1.5) + 0.001 * female),
        outer=float(0.048 + 0.004 * rng.random()),
        colour=to_colour(colour),
    )


def draw_beard(rng: Generator, female: bool) -> Beard:
    if female:
        return Beard(0, 0, 0, 0)
    kind = rng.choice(["shaven", "moustache", "goatee", "full"], p=[0.62, 0.08, 0.12, 0.18])
    density = float(rng.uniform(0.55, 1.0))
    return Beard(
        stubble=float(0.06 + 0.4 * rng.random() * (rng.random() < 0.6)),
        moustache=0.0 if kind == "shaven" else density,
        goatee=density if kind in ("goatee", "full") else 0.0,
        full=density if kind == "full" else 0.0,
    )


def draw_makeup(rng: Generator, female: bool) -> Makeup:
    worn = female and rng.random() < 0.65
    return Makeup(
        lip_redness=float(0.16 + 0.18 * abs(rng.normal()) + 0.3 * female),
        lip_pigment=float(0.06 + 0.3 * rng.random() ** 2),
        lipstick=float(rng.uniform(0.3, 0.95)) if worn and rng.random() < 0.75 else 0.0,
        lip_colour=to_colour(np.array([0.30, 0.07, 0.08]) * np.exp(0.25 * rng.normal(size=3))),
        liner=float(0.35 + 0.6 * rng.random()) if worn else 0.0,
        lashes=float((0.75 if female else 0.55) + 0.4 * rng.random()),
        shadow=float(0.4 * rng.random()) if worn and rng.random() < 0.5 else 0.0,
        shadow_colour=to_colour(0.05 + 0.12 * rng.random(3)),
    )


def draw_glasses(rng: Generator) -> Glasses:
    dark = rng.random() < 0.7
    grey = 0.015 if dark else rng.uniform(0.05, 0.4)
    return Glasses(
        half_width=float(rng.uniform(0.0245, 0.0275)),
        half_height=float(rng.uniform(0.0165, 0.0225)),
        roundness=float(rng.choice([2.0, 2.6, 3.6])),
        thickness=float(rng.uniform(0.0009, 0.0028)),
        colour=to_colour(grey * np.exp(0.25 * rng.normal(size=3))),
        drop=float(0.002 + 0.003 * rng.random()),
    )
