"""Expressions as FACS action units: which units, how strong on each side, and how they rise and fall.

The combinations follow EMFACS with the variants people show. An expression knows nothing of the person:
`shape_weights` turns any units into shape weights for any ancestry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from relgan.synthesis.emfacs import VARIANTS, Variant
from relgan.synthesis.head import ANCESTRIES, Head

Array = npt.NDArray[np.float32]

# Action unit -> shapes and weights. {S}/{s} stand for the side; "mh:" shapes exist per ancestry and are
# halved by side.
UNIT_SHAPES: dict[int, tuple[tuple[str, float], ...]] = {
    1: (("browInnerUp", 2.35),),
    2: (("browOuterUp{S}", 1.15),),
    4: (("browDown{S}", 1.6), ("mh:eyebrows-{s}-down", 0.5)),
    5: (("eyeWide{S}", 1.15),),
    6: (("cheekSquint{S}", 1.3), ("eyeSquint{S}", 0.35)),
    7: (("eyeSquint{S}", 0.85), ("cheekSquint{S}", 0.25)),
    9: (
        ("noseSneer{S}", 1.8),
        ("mh:nose-{s}-elevation", 0.8),
        ("browDown{S}", 0.4),
        ("mouthUpperUp{S}", 0.3),
    ),
    10: (("mouthUpperUp{S}", 0.9), ("mh:mouth-elevation", 0.45)),
    12: (
        ("mouthSmile{S}", 0.6),
        ("mh:mouth-corner-puller", 0.3),
        ("mouthStretch{S}", 0.3),
        ("mouthUpperUp{S}", 0.2),
    ),
    13: (("mh:mouth-upward-retraction", 0.75),),
    14: (("mouthDimple{S}", 1.3), ("mouthPress{S}", 0.35), ("mouthSmile{S}", 0.15)),
    15: (("mouthFrown{S}", 1.3), ("mh:mouth-depression", 0.5)),
    16: (("mouthLowerDown{S}", 1.1),),
    17: (("mouthShrugLower", 1.0), ("mouthShrugUpper", 0.3)),
    18: (("mouthPucker", 0.8),),
    20: (("mouthStretch{S}", 1.3), ("mh:mouth-retraction", 0.35)),
    23: (("mouthRollLower", 0.7), ("mouthRollUpper", 0.3), ("mouthPucker", 0.2)),  # mouthPress smiles
    25: (("mouthLowerDown{S}", 0.55), ("mouthUpperUp{S}", 0.45), ("jawOpen", 0.05)),
    26: (("jawOpen", 0.42),),
    27: (("jawOpen", 0.95), ("mouthFunnel", 0.3)),
    30: (("mouth{S}", 0.8),),
    38: (("mh:nose-{s}-dilatation", 1.0),),
    43: (("eyeBlink{S}", 1.0),),
}
UNITS: tuple[int, ...] = tuple(sorted(UNIT_SHAPES))
UNIT_INDEX: dict[int, int] = {unit: index for index, unit in enumerate(UNITS)}
LEFT, RIGHT = 0, 1
# How far units are on in faces at rest.
REST_SPREAD = {
    1: 0.22, 2: 0.24, 4: 0.19, 5: 0.11, 6: 0.08, 7: 0.14, 9: 0.03, 10: 0.055, 12: 0.12, 14: 0.12, 15: 0.11,
    17: 0.08, 20: 0.065, 23: 0.12, 38: 0.165, 43: 0.055,
}  # fmt: skip
# An expression moves something at least as far as this at its apex, or it would pass for a face at rest.
LEAST_SHOWN = 0.4
# No shape is driven beyond this; brows beyond 1 fold over the eye's inner corner, which turns black.
LIMITS = {
    "eyeSquint": 0.95,
    "eyeWide": 1.25,
    "eyeBlink": 1.0,
    "cheekSquint": 1.5,
    "browDown": 1.0,
    "noseSneer": 2.0,
}


@dataclass(frozen=True)
class Take:
    """One performance of an expression: its units' strengths at the apex (A, 2) and their timing (A,)."""

    expression: str
    apex: Array
    onset: Array
    peak: Array
    offset: Array

    def at(self, time: float) -> Array:
        """The units (A, 2) at a time between 0 (before the onset) and 1 (after the offset)."""
        rise = _ease((time - self.onset) / (self.peak - self.onset))
        fall = _ease((time - self.offset) / (1.05 - self.offset))
        units: Array = (self.apex * (rise * (1 - 0.92 * fall))[:, None]).astype(np.float32)
        return units


def _ease(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    eased: Array = t * t * (3 - 2 * t)
    return eased


def intensity_at(time: float) -> float:
    """The take's mean course, 0 to 1: the same for every person, so frames of equal number match."""
    middle = Take(
        "neutral", np.ones((1, 2), np.float32), *(np.full(1, v, np.float32) for v in (0.04, 0.44, 0.62))
    )
    return float(middle.at(time)[0, 0])


def frame_times(frames: int) -> list[float]:
    """When the frames of a take are shown: evenly from onset to offset; a single frame is the apex."""
    return [0.5] if frames == 1 else [(k + 1) / (frames + 1) for k in range(frames)]


def draw_take(expression: str, rng: np.random.Generator) -> Take:
    """Draw a variant, its units' strengths, a little asymmetry and each unit's own timing."""
    variants = VARIANTS[expression]
    shares = np.array([variant.share for variant in variants])
    variant = variants[int(rng.choice(len(variants), p=shares / shares.sum()))]
    apex = _draw_apex(variant, rng)
    while variant.units and apex.max() < LEAST_SHOWN:
        apex = _draw_apex(variant, rng)
    jitter = rng.uniform(-0.03, 0.03, size=(3, len(UNITS))).astype(np.float32)
    return Take(expression, apex, 0.04 + jitter[0], 0.44 + jitter[1], 0.62 + jitter[2])


def _draw_apex(variant: Variant, rng: np.random.Generator) -> Array:
    """How strong the units are (A, 2) when a variant is shown once."""
    apex = np.zeros((len(UNITS), 2), np.float32)
    scale = rng.uniform(1.1, 1.7)  # what photographs are read best by, docs/synthesis.md
    asymmetry = 0.06 if rng.random() < 0.8 else 0.16
    side = int(rng.integers(2))
    other_side = rng.uniform(0, 0.12)
    for unit in UNITS:  # what a face at rest does anyway
        if unit not in (9, 26, 27, 30, 43) and rng.random() < 0.12:
            apex[UNIT_INDEX[unit]] = 0.2 * rng.random()
    for unit, (mean, spread, probability) in variant.units.items():
        strength = min(1.4, max(0.0, (mean + spread * rng.normal()) * scale))
        sides = strength * (1 + asymmetry * rng.normal(size=2))
        if unit in variant.one_sided:
            sides = np.where(np.arange(2) == side, strength, strength * other_side)
        if rng.random() < probability:
            apex[UNIT_INDEX[unit]] = np.maximum(apex[UNIT_INDEX[unit]], sides)
    return np.clip(apex, 0, 1.45)


def draw_rest(rng: np.random.Generator) -> Array:
    """The look of a face at rest (A, 2): brows that hang or arch, lids that droop, a mouth that turns down.

    It belongs to the person and stays under whatever they show; a classifier that has not met it takes
    resting faces for expressions.
    """
    rest = np.zeros((len(UNITS), 2), np.float32)
    for unit, spread in REST_SPREAD.items():
        if rng.random() < 0.5:
            strength = min(0.3, spread * abs(rng.normal()))
            rest[UNIT_INDEX[unit]] = strength * np.exp(0.25 * rng.normal(size=2))
    return rest


def with_rest(units: Array, rest: Array) -> Array:
    """Units (A, 2) on a face with its own look at rest: what both move together goes as far as one would."""
    both: Array = units + rest * np.clip(1 - units, 0, 1)
    return both


@lru_cache(maxsize=4)
def _unit_matrix(head: Head) -> Tensor:
    """(ancestries, A * 2, K): each unit and side to shape weights."""
    matrix = torch.zeros(len(ANCESTRIES), len(UNITS) * 2, len(head.names))
    for unit, parts in UNIT_SHAPES.items():
        for name, weight in parts:
            for side, (word, half) in enumerate((("Left", "left"), ("Right", "right"))):
                row = UNIT_INDEX[unit] * 2 + side
                if name.startswith("mh:"):
                    shape = name[3:].replace("{s}", half)
                    shape = shape if "{s}" in name else f"{shape}/{half}"
                    for index, ancestry in enumerate(ANCESTRIES):
                        matrix[index, row, head.names[f"{ancestry}/{shape}"]] += weight
                elif "{S}" in name:
                    matrix[:, row, head.names[name.replace("{S}", word)]] += weight
                else:
                    matrix[:, row, head.names[name]] += weight / 2
    return matrix.to(head.device)


def shape_weights(head: Head, units: Tensor, ancestry: Tensor) -> Tensor:
    """Action units (B, A, 2) and ancestry shares (B, 3) to shape weights (B, K) that a mouth can bear."""
    share = ancestry / ancestry.sum(1, keepdim=True)
    weights = torch.einsum("ba,rak,br->bk", units.flatten(1), _unit_matrix(head), share)
    # Frontalis against corrugator: brows that are raised and knitted at once come together without sinking.
    sinking = 1 - 0.8 * units[:, UNIT_INDEX[1]].clamp(0, 1)
    grin = units[:, UNIT_INDEX[13]].clamp(0, 1)
    # Lips that are stretched and part lie bare on the teeth of both jaws.
    tense = torch.minimum(units[:, UNIT_INDEX[20]], units[:, UNIT_INDEX[25]]).clamp(0, 1)
    for side, word in enumerate(("Left", "Right")):
        weights[:, head.names[f"browDown{word}"]] *= sinking[:, side]
        # What lifts the upper lip must not add up, or the gums come through it.
        lift, smile = head.names[f"mouthUpperUp{word}"], head.names[f"mouthSmile{word}"]
        weights[:, smile] *= 1 - 0.45 * grin[:, side]
        weights[:, lift] *= 1 - 0.6 * grin[:, side]
        allowed = (1.05 - 0.5 * weights[:, smile]).clamp(min=0.15)
        weights[:, lift] = torch.minimum(weights[:, lift], allowed)
        for index, name in enumerate(ANCESTRIES):
            weights[:, head.names[f"{name}/mouth-part-later/{word.lower()}"]] += (
                0.5 * tense[:, side] * share[:, index]
            )
            weights[:, head.names[f"{name}/eyebrows-{word.lower()}-down"]] *= sinking[:, side]
            weights[:, head.names[f"{name}/mouth-corner-puller/{word.lower()}"]] *= 1 - 0.8 * grin[:, side]
            weights[:, head.names[f"{name}/mouth-elevation/{word.lower()}"]] *= 1 - 0.7 * grin[:, side]
        for prefix, limit in LIMITS.items():
            weights[:, head.names[prefix + word]] = weights[:, head.names[prefix + word]].clamp(max=limit)
    weights[:, head.names["jawOpen"]] = weights[:, head.names["jawOpen"]].clamp(max=1.05)
    return weights


def unit_columns() -> Sequence[str]:
    """Names of the manifest's action unit columns: left and right of the subject."""
    return [f"au{unit:02d}_{side}" for unit in UNITS for side in ("left", "right")]
