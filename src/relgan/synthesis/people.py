"""Who stands before the camera: shape, age, ancestry, sex, skin, hair, beard, brows, glasses. Drawn from a
seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from relgan.synthesis.expressions import draw_rest
from relgan.synthesis.grooming import (
    Beard,
    Brows,
    Colour,
    Glasses,
    Hair,
    Makeup,
    draw_beard,
    draw_brows,
    draw_glasses,
    draw_hair,
    draw_makeup,
    to_colour,
    varied,
)
from relgan.synthesis.head import ANCESTRIES, HEAD_OUTLINES, Head
from relgan.synthesis.wrinkles import CREASES

Array = npt.NDArray[np.float32]

# Standard deviations of the shape changes, by the longest prefix that fits; anything else stays at rest.
SHAPE_SPREAD = {
    "nose": 0.34, "nose-septumangle": 0.12, "nose-base": 0.12, "nose-nostrils-angle": 0.12,
    "nose-flaring": 0.12, "nose-point-up": 0.2,
    "nose-nostrils-width": 0.12, "nose-hump": 0.25, "nose-trans": 0.0, "nose-trans-up": 0.2,
    "nose-compression": 0.0,
    "mouth-upperlip-volume": 0.45, "mouth-lowerlip-volume": 0.45, "mouth-upperlip-height": 0.4,
    "mouth-lowerlip-height": 0.4,
    "mouth": 0.32, "mouth-trans": 0.0, "mouth-trans-up": 0.2, "mouth-dimples": 0.0, "mouth-angles": 0.0,
    "mouth-upperlip-ext": 0.0, "mouth-lowerlip-ext": 0.0, "mouth-lowerlip-middle": 0.0,
    "mouth-upperlip-middle": 0.0, "mouth-laugh-lines": 0.2,
    "eye": 0.30, "eye-trans-out": 0.2, "eye-scale": 0.22, "eye-height": 0.24, "eye-push2": 0.0,
    "eye-trans-up": 0.0, "eye-bag-height": 0.0,
    "eyebrows": 0.4, "chin": 0.36, "cheek": 0.38, "head": 0.25, "head-scale": 0.18, "head-trans": 0.0,
    "head-angle": 0.0, "head-age": 0.0, "forehead": 0.36, "neck": 0.2, "neck-trans": 0.0,
    "neck-double": 0.0, "ear": 0.3, "ear-wing": 0.15, "ear-rot": 0.15,
}  # fmt: skip
# How women's and men's means differ from MakeHuman's own, whose faces are a tenth wider and longer than
# people's, and whose men's noses hang low: a positive number is the first of each pair of changes.
SHIFT = {
    "head-scale-horiz": -0.45,
    "head-scale-vert": -0.35,
    "eye-trans-out": 0.5,
    "nose-trans-up": 0.5,
}
WOMANS_SHIFT = SHIFT | {
    "chin-width": -0.45, "chin-jaw-drop": -0.25, "chin-bones": -0.4, "chin-prominent": -0.1,
    "chin-height": -0.2,
    "chin-cleft": -0.2, "nose-scale-vert": 0.1, "nose-hump": -0.3, "nose-volume": -0.35, "nose-base-up": 0.3,
    "nose-point-up": -0.05, "nose-point-width": -0.3, "nose-width2": -0.2, "nose-scale-depth": -0.1,
    "eye-scale": 0.5, "eye-height2": 0.2, "eye-height1": 0.12,
    "eyebrows-trans-up": 0.35, "eyebrows-trans-forward": -0.45, "forehead-nubian": -0.1,
    "mouth-upperlip-volume": 0.1, "mouth-lowerlip-volume": 0.1, "mouth-upperlip-height": 0.05,
    "mouth-trans-up": 0.3, "mouth-scale-horiz": 0.15, "mouth-cupidsbow": 0.2,
    "cheek-bones": 0.15, "cheek-volume": 0.2, "head-scale-horiz": -0.5, "neck-scale-horiz": -0.4,
}  # fmt: skip
MANS_SHIFT = SHIFT | {
    "mouth-trans-up": 0.45, "mouth-scale-horiz": -0.15, "nose-trans-up": 0.6, "nose-base-up": 0.5,
    "nose-point-up": 0.5, "nose-scale-vert": -0.15, "nose-scale-horiz": 0.25, "eye-scale": 0.2,
}  # fmt: skip
IRIS_COLOURS: tuple[Colour, ...] = (
    (0.045, 0.024, 0.013),
    (0.095, 0.052, 0.025),
    (0.13, 0.115, 0.055),
    (0.10, 0.16, 0.21),
    (0.16, 0.19, 0.20),
)


@dataclass(frozen=True)
class Skin:
    """Melanin and haemoglobin are optical densities; the rest are shares of 1."""

    melanin: float
    haemoglobin: float
    oil: float
    freckles: float
    blush: float
    under_eye: float
    noise_offset: Array


@dataclass(frozen=True)
class Person:
    """Everything that stays with someone, whatever they show and wherever they are photographed."""

    name: str
    female: bool
    years: float
    phenotype: Array
    shape: Array
    ancestry: Array
    skin: Skin
    brows: Brows
    hair: Hair
    beard: Beard
    makeup: Makeup
    iris_colour: Colour
    iris_radius: float
    wrinkle_age: float
    wrinkle_gain: Array
    glasses: Glasses | None
    clothes: Colour
    collar: float
    rest: Array


def draw_person(head: Head, seed: int, number: int) -> Person:
    """Person `number` of a seed: the same whoever else is drawn."""
    rng = np.random.default_rng([seed, 1, number])
    female = bool(rng.random() < 0.5)
    years = float(18 + 58 * rng.random() ** 1.7)
    ancestry = _draw_ancestry(rng)
    phenotype = np.full(11, 0.5, np.float32)
    phenotype[0] = rng.uniform(0.9, 1.0) if female else rng.uniform(0, 0.14)
    phenotype[1] = 2 / 3 + (years - 25) * (1 / 195 if years > 25 else 0.01)
    phenotype[2] = rng.uniform(0.25, 0.55) if female else rng.uniform(0.35, 0.8)
    phenotype[3] = np.clip(0.5 + 0.19 * rng.normal(), 0.15, 0.95)
    phenotype[5] = rng.uniform(0.6, 1.0) if female else rng.uniform(0.4, 0.95)
    phenotype[8:11] = ancestry
    lightness = float(ancestry[2] / ancestry.sum())
    melanin = float(ancestry @ np.array([1.35, 0.36, 0.20]) / ancestry.sum() * np.exp(0.32 * rng.normal()))
    skin = Skin(
        melanin=float(np.clip(melanin, 0.10, 2.0)),
        haemoglobin=float(np.clip(0.27 + 0.07 * rng.normal(), 0.14, 0.45)),
        oil=float(np.clip(0.45 + 0.25 * rng.normal(), 0.1, 1.1)),
        freckles=float(rng.random() if rng.random() < 0.2 and melanin < 0.5 else 0),
        blush=float(0.5 * rng.random()),
        under_eye=float(0.7 * rng.random() + (0.4 if years > 50 else 0)) * (0.6 if female else 1.0),
        noise_offset=rng.uniform(0, 32, 3).astype(np.float32),
    )
    hair = draw_hair(rng, female, years, lightness)
    iris_shares = (1 - lightness) * np.array([0.7, 0.25, 0.05, 0, 0]) + lightness * np.array(
        [0.2, 0.27, 0.2, 0.23, 0.1]
    )
    return Person(
        name=f"P{number:05d}",
        female=female,
        years=years,
        phenotype=phenotype,
        shape=_draw_shape(head, rng, female),
        ancestry=ancestry,
        skin=skin,
        brows=draw_brows(rng, female, hair.colour),
        hair=hair,
        beard=draw_beard(rng, female),
        makeup=draw_makeup(rng, female),
        iris_colour=varied(rng, IRIS_COLOURS[int(rng.choice(5, p=iris_shares / iris_shares.sum()))], 0.2),
        iris_radius=float(0.385 + 0.04 * rng.random()),
        wrinkle_age=float(np.clip((years - 30) / 42, 0, 1) * rng.uniform(0.65, 1.1))
        * (0.85 if female else 1.0),
        wrinkle_gain=_draw_gain(np.random.default_rng([seed, 8, number]), female),
        glasses=draw_glasses(rng) if rng.random() < (0.13 if years < 45 else 0.28) else None,
        clothes=to_colour(rng.random() ** 1.5 * 0.5 + 0.02 + 0.10 * rng.random(3) ** 2),
        collar=float(0.575 + 0.025 * rng.random()),
        rest=draw_rest(np.random.default_rng([seed, 6, number])),
    )


def _draw_gain(rng: Generator, female: bool) -> Array:
    """How readily the skin folds along each of CREASES: nobody creases everywhere, some hardly at all."""
    overall = rng.uniform(0.05, 1.25) * (0.8 if female else 1.0)
    each: Array = (overall * np.exp(0.5 * rng.normal(size=len(CREASES))).clip(0.2, 2.5)).astype(np.float32)
    return each


def _draw_ancestry(rng: Generator) -> Array:
    """Shares of ANCESTRIES, not normalised: mostly one, a quarter of the people mixed."""
    if rng.random() < 0.25:
        return (rng.random(3) ** 2 + 0.02).astype(np.float32)
    shares = 0.12 * rng.random(3)
    shares[int(rng.choice(len(ANCESTRIES), p=[0.28, 0.30, 0.42]))] = 1
    return shares.astype(np.float32)


def _spread_of(name: str) -> float:
    prefixes = [prefix for prefix in SHAPE_SPREAD if name.startswith(prefix)]
    return SHAPE_SPREAD[max(prefixes, key=len)] if prefixes else 0.0


def shape_pairs(head: Head) -> list[tuple[str, str]]:
    """The opposite changes of the face ("-incr" and "-decr" and so on), once per pair, both sides as the
    left's."""
    opposites = (
        ("incr", "decr"), ("up", "down"), ("out", "in"), ("forward", "backward"), ("round", "square"),
        ("convex", "concave"), ("triangle", "pointed"),
    )  # fmt: skip
    pairs = []
    for name in head.names:
        stem, _, ending = name.rpartition("-")
        for first, second in opposites:
            outline = name.removeprefix("head-") in HEAD_OUTLINES
            if (
                ending == first
                and f"{stem}-{second}" in head.names
                and not name.startswith("r-")
                and not outline
            ):
                pairs.append((name, f"{stem}-{second}"))
    return pairs


def _draw_shape(head: Head, rng: Generator, female: bool) -> Array:
    weights = np.zeros(len(head.names), np.float32)
    for first, second in shape_pairs(head):
        sided = first.startswith("l-")
        stem = first.rpartition("-")[0].removeprefix("l-")
        named = first.removeprefix("l-")
        value = _spread_of(named) * float(np.clip(rng.normal(), -2.2, 2.2))
        shift = WOMANS_SHIFT if female else MANS_SHIFT
        value = (0.8 if female else 1.0) * value + shift.get(named, shift.get(stem, 0.0))
        for side in ("l-", "r-") if sided else ("",):
            amount = float(np.clip(value + (0.04 * rng.normal() if sided else 0), -1, 1))
            if _spread_of(named) > 0:
                weights[head.names[side + first.removeprefix("l-")]] = max(amount, 0)
                weights[head.names[side + second.removeprefix("l-")]] = max(-amount, 0)
    for name, row in head.names.items():
        if name.startswith("asym-") and name.endswith(("-l", "-r")):
            weights[row] = np.clip(0.10 * rng.normal(), -0.3, 0.3)
    if rng.random() < 0.6:
        soft = ("oval", "round", "invertedtriangular")
        outline = str(rng.choice(soft if female else HEAD_OUTLINES))
        weights[head.names[f"head-{outline}"]] = 0.6 * rng.random()
    return weights
