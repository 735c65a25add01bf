"""Every setting of a run: one dataclass a stage, the paper's values as defaults, and the presets.

``paper`` is the paper as written and wants a GPU. ``fast`` brings ten folds over a thousand faces, both
methods, to the end within an hour on two CPU cores with bf16; where it departs from the
paper the reason stands beside the value.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from relgan.errors import InputError

Precision = Literal["auto", "32-true", "bf16-mixed"]
Alignment = Literal["similarity", "frontal"]
Front = Literal["picture", "edges", "middle", "middle-edges"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained, and on which pictures."""

    epochs: int = 300
    """Visits to every training face."""
    max_steps: int | None = None
    """End after so many steps even if epochs are left (None: never)."""
    root_steps: float = 0.0
    """But at least so many times the square root of the number of training faces."""
    tune_steps: int | None = None
    """The same as ``max_steps`` in a fold that begins with trained weights (None: ``max_steps``)."""
    batch_size: int = 64
    """Faces or pairs a step, over all devices together."""
    learning_rate: float = 1e-4
    """Adam; in stage 1 the generator's."""
    tune_rate: float | None = None
    """The same in a fold that begins with trained weights, where it then falls as with ``decay`` (None: as
    from scratch)."""
    decay: bool = False
    """The rates fall along half a cosine to a fiftieth."""
    beta1: float = 0.5
    """Adam's first momentum."""
    jitter: float = 0.0
    """How strongly light, contrast, colour and sharpness of a picture are varied (0: never; 1: as a camera
    would)."""
    expand: bool = True
    """Walk all 40 crops, rotations and flips of a face in each epoch (False: draw one a visit)."""
    choices: int = 30
    """How many times during training it is tried on the validation fold, to choose the step to keep."""

    def tuning(self) -> Self:
        """The same for a fold that begins with trained weights."""
        return replace(
            self,
            max_steps=self.tune_steps or self.max_steps,
            learning_rate=self.tune_rate or self.learning_rate,
            decay=self.decay or self.tune_rate is not None,
        )

    def lasting(self, steps: int) -> Self:
        """The same for so many steps."""
        return replace(self, max_steps=steps, epochs=steps, root_steps=0)


@dataclass(frozen=True)
class ReenactmentConfig(Schedule):
    """Stage 1: the generator and the discriminator (sections 3.1 and 4.1)."""

    discriminator_learning_rate: float = 1e-4
    """Adam, discriminator."""
    lambda_adversarial: float = 0.7
    """lambda_1 of equation 4."""
    lambda_pixel: float = 20.0
    """lambda_2 of equation 4."""
    lambda_expression: float = 50.0
    """lambda_3 of equation 4."""
    lambda_identity: float = 30.0
    """lambda_4 of equation 4."""
    lambda_keep: float = 10.0
    """Weight of G_et(output) = G_et(target), asked only of targets whose person is unknown."""
    lambda_code: float = 0.0
    """Weight of the contrast between f(e) of source and truth (losses.code_loss); not in the paper."""
    lambda_agreement: float = 0.0
    """Weight of f(e) of source and truth disagreeing (losses.agreement_loss); not in the paper."""
    pixel_focus: float = 0.0
    """How much more pixels count where target and truth differ (losses.focus); not in the paper."""
    lambda_features: float = 0.0
    """Weight of the difference between what G_es, as it was at the beginning, sees in output and truth
    (losses.feature_loss); needs something to begin with; not in the paper."""
    lambda_edges: float = 0.0
    """Weight of the difference between the edges of output and truth (losses.edge_loss); not in the paper."""
    fixed_code: bool = False
    """G_es stays as it is, and so do the codes and all that is learnt from them; not in the paper."""
    from_baseline: bool = False
    """`relgan train`: the baseline is trained first, and G_es begins as its encoder; not in the paper."""
    lambda_guide: float = 0.0
    """Weight of the cross-entropy of a linear layer on f(e) of the source; not in the paper."""
    pixel_share: float = 0.0
    """In this share of the steps D asks nothing of the generator and learns from real faces alone, at its
    full rate; not in the paper."""
    warmup_share: float = 0.0
    """Share of the steps, after that, over which the terms that come from D grow linearly to their
    weights."""
    discriminator_threshold: float = 0.3
    """D steps only while its loss (the sum of its three cross-entropies) is above this."""
    discriminator_shift: int = 0
    """Real and reenacted pictures move by up to so many pixels before D sees them (0: never)."""
    ema_decay: float = 0.999
    """Exponential moving average of the generator, which is what later stages use."""
    choices: int = 10
    """How many times during training the encoder is tried on the validation fold."""
    samples: int = 8
    """How many sample grids are written during training."""


@dataclass(frozen=True)
class RecognitionConfig:
    """Stage 2: an MLP on the codes of the frozen expression encoder (section 3.2)."""

    epochs: int = 50
    """Visits to every training code (a face has one per view)."""
    batch_size: int = 64
    """Codes a step."""
    learning_rate: float = 1e-3
    """Adam; the paper gives one rate for everything, but at 1e-4 so small a network is not done after 50
    epochs."""
    hidden: int = 64
    """Width of the hidden layer."""
    variants: int = 40
    """Crops, rotations and flips encoded per training face (at most 40)."""


@dataclass(frozen=True)
class BaselineConfig(Schedule):
    """The paper's CNN baseline: the expression encoder with one more layer, trained to classify alone."""

    features: int = 30
    """Numbers in the layer before the last, f(e)'s of the paper."""


@dataclass(frozen=True)
class Config:
    """A whole run: faces to codes to expressions."""

    preset: str = "paper"
    """Where the values came from; written into the results."""
    start: str = "scratch"
    """Weights that the folds of an evaluation begin with: scratch, packaged weights, or a folder."""
    align: Alignment = "frontal"
    """How an evaluation prepares faces: brought upright, or turned to the front (docs/frontalization.md)."""
    size: int = 96
    """Side of the pictures the networks see, a multiple of 32; the crop is always 96/112 of the face."""
    width: float = 1.0
    """Share of the paper's channels in the generator's three networks and in the baseline."""
    front: Front = "picture"
    """What G_es and the baseline look at: the picture, its edges in units of those around, the middle of it
    enlarged, or that one's edges (relgan.fronts); not in the paper."""
    skips: bool = False
    """The decoder is given the target and its maps too (models.SkipDecoder); not in the paper."""
    expression_dim: int = 30
    """Numbers in f(e)."""
    identity_dim: int = 50
    """Numbers in f(i)."""
    precision: Precision = "auto"
    """auto: bf16 where the processor multiplies it natively, else 32-bit."""
    reenactment: ReenactmentConfig = field(default_factory=ReenactmentConfig)
    recognition: RecognitionConfig = field(default_factory=RecognitionConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


PRESETS: dict[str, Config] = {
    "paper": Config(),
    "fast": Config(
        preset="fast",
        start="wild",  # photographs in the pre-training help both methods (docs/evaluate.md)
        align="similarity",  # the faces of most data sets look ahead
        size=64,  # 2.6 times the pictures a second of 96
        width=0.5,  # three times the pictures a second of 1
        skips=True,  # without, pictures of strangers stay blurred for hours
        expression_dim=7,  # enough to tell eight expressions apart, and little more (docs/experiments.md)
        reenactment=ReenactmentConfig(
            epochs=100,
            max_steps=400,
            tune_steps=240,
            root_steps=18,  # from a thousand faces 240 steps learn too little (docs/experiments.md)
            # At 2e-4 both methods were far from done (docs/experiments.md); at a rate that stays this high,
            # pictures were worse.
            tune_rate=6e-4,
            batch_size=32,  # twice the steps for the same pictures
            learning_rate=2e-4,
            discriminator_learning_rate=2e-4,
            # A term that comes from D is an invitation to attack D, and its gradient on the picture is large:
            # L_De's at 0.1 is 3.5 times the pixel loss's at 20, and the pictures are scribbled on
            # (docs/experiments.md). At these each is about a third of the pixel loss's.
            lambda_adversarial=0.01,
            lambda_expression=0.01,
            lambda_identity=0.02,
            lambda_keep=1.0,  # f(i) sees the target's expression too, so at 10 copies are what it asks for
            # The class signal that D sends through the decoder is slow to reach f(e); these two are direct.
            # At a quarter of these weights the picture's terms drown them in so few steps.
            lambda_code=2.0,
            lambda_guide=4.0,
            # lambda_agreement is for rendered people (best), whose truths show exactly what the source shows.
            # These ask for more than copies of the target, and for no blur.
            pixel_focus=4.0,
            lambda_features=5.0,
            lambda_edges=10.0,
            jitter=0.5,
            discriminator_shift=8,
            ema_decay=0.99,
            expand=False,
            choices=8,
            samples=4,
        ),
        recognition=RecognitionConfig(variants=20),
        baseline=BaselineConfig(
            epochs=100,
            max_steps=600,
            tune_steps=400,
            root_steps=30,
            tune_rate=6e-4,
            batch_size=32,
            learning_rate=2e-4,
            jitter=0.5,
            expand=False,
            choices=15,
        ),
    ),
}


def tuned(config: Config, baseline: bool = True) -> Config:
    """The same run for folds that begin with trained weights.

    Args:
        config: settings of a run from scratch.
        baseline: whether the weights hold one; else it begins from scratch and keeps the steps and the rate
            of that.
    """
    begun = replace(config, reenactment=config.reenactment.tuning())
    return replace(begun, baseline=config.baseline.tuning()) if baseline else begun


def scaled(config: Config, share: float) -> Config:
    """The same run with its steps cut to a share: for demonstrations and tests."""
    stage1, base = config.reenactment, config.baseline
    steps = max(1, round((stage1.max_steps or 10_000) * share))
    base_steps = max(1, round((base.max_steps or 10_000) * share))
    return replace(
        config,
        reenactment=replace(stage1, max_steps=steps, tune_steps=None, root_steps=0),
        baseline=replace(base, max_steps=base_steps, tune_steps=None, root_steps=0),
    )


# The recipe of the packaged weights, for a GPU (docs/weights.md).
PRESETS["best"] = replace(
    PRESETS["fast"],
    preset="best",
    reenactment=replace(
        PRESETS["fast"].reenactment,
        epochs=1000,
        max_steps=20_000,
        tune_steps=None,
        tune_rate=None,
        root_steps=0,
        pixel_share=0.6,  # a young D has nothing to teach
        discriminator_learning_rate=4e-4,
        discriminator_shift=4,
        warmup_share=0.1,
        lambda_code=0.5,
        lambda_agreement=1.0,
        batch_size=128,
        learning_rate=4e-4,
        decay=True,
        from_baseline=True,
        ema_decay=0.999,
    ),
    recognition=RecognitionConfig(variants=8, epochs=20),
    baseline=replace(
        PRESETS["fast"].baseline,
        epochs=1000,
        max_steps=24_000,
        tune_steps=None,
        tune_rate=None,
        root_steps=0,
        batch_size=128,
        learning_rate=6e-4,
        decay=True,
    ),
)

# The first fold of the packaged synthetic people, at a size that ends within five minutes on two CPU cores
# without bf16.
PRESETS["demo"] = replace(
    PRESETS["fast"],
    preset="demo",
    start="synthetic",
    reenactment=replace(
        PRESETS["fast"].reenactment,
        tune_steps=130,
        root_steps=0,
        # The weights know such people already: the faster they are tuned to these few, the less of an
        # expression is carried over (docs/experiments.md).
        tune_rate=1e-4,
    ),
    recognition=RecognitionConfig(variants=10),
    baseline=replace(PRESETS["fast"].baseline, tune_steps=240, root_steps=0),
)


def preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        InputError: there is no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"--preset {name}: unknown; take one of {', '.join(PRESETS)}")
    return PRESETS[name]
