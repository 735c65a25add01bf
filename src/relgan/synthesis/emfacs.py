"""What people show for each expression: EMFACS combinations of action units, with the variants people really
show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """A way of showing an expression.

    Attributes:
        share: how common it is among the expression's variants.
        units: action unit to mean strength at the apex, its spread, and how often the unit is shown at all.
        one_sided: the units shown on one side alone.
    """

    share: float
    units: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    one_sided: tuple[int, ...] = ()


VARIANTS: dict[str, tuple[Variant, ...]] = {
    "neutral": (Variant(1),),
    "anger": (
        Variant(  # lips tight
            0.55,
            {
                4: (1.05, 0.12, 1.0),
                7: (0.75, 0.15, 1.0),
                5: (0.4, 0.15, 0.4),
                23: (0.95, 0.15, 1.0),
                17: (0.6, 0.2, 0.6),
                38: (0.7, 0.2, 0.5),
            },
        ),
        Variant(  # teeth bared
            0.3,
            {
                4: (1.05, 0.12, 1.0),
                7: (0.7, 0.15, 1.0),
                9: (0.35, 0.1, 0.5),
                10: (0.55, 0.15, 1.0),
                16: (0.6, 0.2, 1.0),
                25: (0.6, 0.2, 1.0),
                26: (0.3, 0.15, 0.5),
                20: (0.3, 0.1, 0.4),
            },
        ),
        Variant(  # glaring
            0.15,
            {
                4: (1.1, 0.12, 1.0),
                5: (0.65, 0.15, 1.0),
                7: (0.4, 0.1, 0.6),
                23: (0.6, 0.2, 0.7),
            },
        ),
    ),
    "contempt": (
        Variant(  # a smirk
            0.55,
            {
                14: (1.1, 0.15, 1.0),
                12: (0.45, 0.12, 1.0),
                30: (0.35, 0.1, 0.5),
            },
            one_sided=(12, 14, 30),
        ),
        Variant(  # the lip lifted on one side
            0.25,
            {
                14: (0.8, 0.15, 1.0),
                10: (0.6, 0.15, 1.0),
                9: (0.3, 0.1, 0.4),
                12: (0.35, 0.1, 0.6),
            },
            one_sided=(9, 10, 12, 14),
        ),
        Variant(  # lids lowered, chin raised
            0.2,
            {
                14: (1.15, 0.15, 1.0),
                12: (0.4, 0.1, 0.5),
                17: (0.45, 0.15, 1.0),
                43: (0.22, 0.06, 0.6),
                2: (0.5, 0.15, 0.4),
            },
            one_sided=(2, 12, 14),
        ),
    ),
    "disgust": (
        Variant(  # face screwed up, mouth turned down
            0.25,
            {
                4: (0.7, 0.15, 1.0),
                6: (0.5, 0.15, 0.7),
                7: (0.9, 0.15, 1.0),
                9: (0.5, 0.12, 1.0),
                10: (0.3, 0.1, 0.5),
                15: (0.6, 0.2, 0.8),
                17: (0.7, 0.2, 0.8),
            },
        ),
        Variant(  # nose wrinkled, mouth closed
            0.35,
            {
                9: (1.0, 0.12, 1.0),
                4: (0.5, 0.15, 0.7),
                7: (0.6, 0.15, 0.8),
                6: (0.5, 0.15, 0.4),
                17: (0.6, 0.2, 0.6),
                15: (0.4, 0.15, 0.4),
                10: (0.4, 0.1, 0.4),
            },
        ),
        Variant(  # lip raised, mouth open
            0.4,
            {
                9: (0.8, 0.15, 1.0),
                10: (0.75, 0.15, 1.0),
                4: (0.4, 0.15, 0.5),
                7: (0.5, 0.15, 0.7),
                16: (0.5, 0.15, 0.6),
                25: (0.5, 0.15, 1.0),
                26: (0.35, 0.15, 0.5),
                15: (0.3, 0.1, 0.3),
            },
        ),
    ),
    "fear": (
        Variant(  # jaw dropped
            0.55,
            {
                1: (0.85, 0.12, 1.0),
                2: (0.55, 0.15, 0.8),
                4: (0.6, 0.15, 0.9),
                5: (0.9, 0.12, 1.0),
                20: (0.9, 0.2, 1.0),
                25: (0.7, 0.2, 1.0),
                26: (0.65, 0.2, 1.0),
            },
        ),
        Variant(  # mouth stretched
            0.45,
            {
                1: (0.85, 0.12, 1.0),
                2: (0.5, 0.15, 0.8),
                4: (0.65, 0.15, 0.9),
                5: (0.9, 0.12, 1.0),
                7: (0.3, 0.1, 0.4),
                20: (1.0, 0.2, 1.0),
                25: (0.5, 0.2, 0.7),
                16: (0.4, 0.15, 0.4),
            },
        ),
    ),
    "happiness": (
        Variant(  # mouth closed
            0.25,
            {
                6: (0.8, 0.2, 0.9),
                12: (1.1, 0.15, 1.0),
            },
        ),
        Variant(  # teeth shown
            0.5,
            {
                6: (0.9, 0.2, 1.0),
                12: (1.05, 0.15, 1.0),
                13: (0.85, 0.15, 1.0),
                25: (0.8, 0.15, 1.0),
            },
        ),
        Variant(  # laughing
            0.25,
            {
                6: (1.0, 0.15, 1.0),
                12: (1.0, 0.12, 1.0),
                13: (0.9, 0.15, 1.0),
                25: (0.85, 0.15, 1.0),
                26: (0.7, 0.25, 1.0),
                7: (0.3, 0.1, 0.3),
            },
        ),
    ),
    "sadness": (
        Variant(  # mouth corners down
            0.6,
            {
                1: (0.85, 0.12, 1.0),
                4: (0.6, 0.15, 0.9),
                15: (0.95, 0.15, 1.0),
                17: (0.6, 0.2, 0.7),
                43: (0.2, 0.06, 0.5),
            },
        ),
        Variant(  # downcast
            0.25,
            {
                1: (0.9, 0.12, 1.0),
                4: (0.5, 0.15, 0.6),
                15: (0.65, 0.15, 1.0),
                43: (0.32, 0.07, 0.9),
            },
        ),
        Variant(  # close to tears
            0.15,
            {
                1: (0.75, 0.12, 1.0),
                4: (0.7, 0.15, 1.0),
                6: (0.4, 0.1, 0.8),
                15: (0.8, 0.15, 1.0),
                17: (0.85, 0.15, 1.0),
                20: (0.4, 0.1, 0.6),
                7: (0.35, 0.1, 0.6),
            },
        ),
    ),
    "surprise": (
        Variant(  # jaw dropped
            0.5,
            {
                1: (1.0, 0.12, 1.0),
                2: (1.05, 0.12, 1.0),
                5: (0.85, 0.15, 0.95),
                27: (0.9, 0.2, 1.0),
                25: (0.3, 0.1, 1.0),
            },
        ),
        Variant(  # lips parted
            0.35,
            {
                1: (1.0, 0.12, 1.0),
                2: (1.05, 0.12, 1.0),
                5: (0.8, 0.15, 0.9),
                26: (0.85, 0.2, 1.0),
                25: (0.4, 0.1, 1.0),
            },
        ),
        Variant(  # mouth all but closed
            0.15,
            {
                1: (1.0, 0.12, 1.0),
                2: (1.1, 0.12, 1.0),
                5: (1.0, 0.12, 1.0),
                25: (0.25, 0.1, 0.6),
                26: (0.2, 0.1, 0.4),
            },
        ),
    ),
}
