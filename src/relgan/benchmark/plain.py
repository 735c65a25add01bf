"""The references: the same work written plainly, with the tools one would reach for first."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from relgan.config import Config
from relgan.data.augment import ANGLES, CROP, PLACES
from relgan.data.batches import PairBatch
from relgan.data.pairs import Pairs
from relgan.data.tensors import FaceTensors
from relgan.faces.align import TEMPLATE
from relgan.losses import discriminator_loss, generator_loss, pixel_loss
from relgan.models import Discriminator, generator_of

Picture = NDArray[np.uint8]


def augmented(face: Picture, variant: int, size: int) -> Tensor:
    """One training variant of an aligned face with PIL: turn, crop, flip, resize. (3, S, S) in [-1, 1]."""
    side = len(face)
    place, angle = PLACES[variant // len(ANGLES) % len(PLACES)], ANGLES[variant % len(ANGLES)]
    image = Image.fromarray(face).rotate(angle, Image.Resampling.BILINEAR)
    crop = round(side * CROP)
    free = side - crop
    left, top = (round((where + 1) / 2 * free) for where in place)
    image = image.crop((left, top, left + crop, top + crop))
    if variant >= len(PLACES) * len(ANGLES):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = image.resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def plain_batch(data: FaceTensors, pairs: Pairs, variants: Tensor, size: int) -> PairBatch:
    """``relgan.data.batches.make_batch``, face by face."""
    faces = data.pictures.numpy()

    def pictures(positions: Tensor, which: Tensor) -> Tensor:
        rows = zip(positions.tolist(), which.tolist(), strict=True)
        return torch.stack([augmented(faces[position], variant, size) for position, variant in rows])

    has_truth = pairs.truth >= 0
    return PairBatch(
        source=pictures(pairs.source, variants[:, 0]),
        target=pictures(pairs.target, variants[:, 1]),
        truth=pictures(torch.where(has_truth, pairs.truth, pairs.target), variants[:, 1]),
        has_truth=has_truth,
        expression=data.expression[pairs.source],
        identity=data.identity[pairs.target],
    )


class PlainTrainer:
    """Stage 1 as a tutorial would write it: 32 bit, default memory format, one pass per kind of picture."""

    def __init__(self, data: FaceTensors, config: Config, device: str = "cpu") -> None:
        self.data, self.config, stage = data, config, config.reenactment
        self.device = torch.device(device)
        self.generator = generator_of(config).to(self.device)
        self.discriminator = Discriminator(len(data.classes), len(data.people), config.size).to(self.device)
        self.average = generator_of(config).to(self.device)
        betas = (stage.beta1, 0.999)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), stage.learning_rate, betas)
        self.discriminator_adam = torch.optim.Adam(
            self.discriminator.parameters(), stage.discriminator_learning_rate, betas
        )

    def step(self, batch: PairBatch) -> dict[str, float]:
        """One step of D and one of G, as equations 1 to 4 say."""
        batch = replace(
            batch,
            source=batch.source.to(self.device),
            target=batch.target.to(self.device),
            truth=batch.truth.to(self.device),
            has_truth=batch.has_truth.to(self.device),
            expression=batch.expression.to(self.device),
            identity=batch.identity.to(self.device),
        )
        reenacted = self.generator(batch.source, batch.target).picture

        source, target = self.discriminator(batch.source), self.discriminator(batch.target)
        fake = self.discriminator(reenacted.detach())
        d_losses = discriminator_loss(
            source.expression, batch.expression, target.identity, batch.identity, fake.expression
        )
        self.discriminator_adam.zero_grad()
        d_losses["discriminator"].backward()  # type: ignore[no-untyped-call]
        self.discriminator_adam.step()

        judgement = self.discriminator(reenacted)
        g_losses = generator_loss(
            judgement.expression,
            batch.expression,
            judgement.identity,
            batch.identity,
            pixel_loss(reenacted, batch.truth, batch.has_truth),
            self.config.reenactment,
        )
        self.generator_adam.zero_grad()
        g_losses["generator"].backward()  # type: ignore[no-untyped-call]
        self.generator_adam.step()
        with torch.no_grad():
            states = self.average.state_dict(), self.generator.state_dict()
            for name, value in states[0].items():
                if value.is_floating_point():
                    value.lerp_(states[1][name], 1 - self.config.reenactment.ema_decay)
        return {key: value.item() for key, value in {**d_losses, **g_losses}.items()}


def run_steps(trainer: PlainTrainer, batches: Iterator[tuple[Pairs, Tensor]], steps: int) -> int:
    """Make batches and take steps; returns how many pairs were seen."""
    seen = 0
    for _ in range(steps):
        pairs, variants = next(batches)
        trainer.step(plain_batch(trainer.data, pairs, variants, trainer.config.size))
        seen += len(pairs)
    return seen


def decode(content: bytes) -> Picture:
    """A picture file as (H, W, 3) uint8 RGB."""
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def mtcnn_runtime() -> Callable[[Picture], list[tuple[Any, Any]]] | None:
    """The package mtcnn-runtime: a picture to (box, landmarks) pairs; None where it is not installed."""
    try:
        from mtcnnruntime import MTCNN
    except ImportError:
        return None
    detector = MTCNN()

    def detect(picture: Picture) -> list[tuple[Any, Any]]:
        try:
            boxes, landmarks = detector.detect(picture[..., ::-1])  # it takes BGR
        except ValueError:  # raised where there is no face
            return []
        return list(zip(np.asarray(boxes), np.asarray(landmarks), strict=True))

    return detect


def align(picture: Picture, landmarks: Any, size: int = 112) -> Picture:
    """An aligned face by OpenCV's own estimate, bilinear. Landmarks: five x, then five y."""
    points = np.asarray(landmarks, np.float32).reshape(2, 5).T
    matrix, _ = cv2.estimateAffinePartial2D(points, (TEMPLATE * size).astype(np.float32))
    if matrix is None:
        return np.asarray(cv2.resize(picture, (size, size)), np.uint8)
    return np.asarray(cv2.warpAffine(picture, matrix, (size, size)), np.uint8)


@torch.no_grad()
def recognise(encoder: nn.Module, classifier: nn.Module, face: Picture, size: int) -> NDArray[np.float32]:
    """Probabilities (C,) of one aligned face: centre crop, resize, network, in 32 bit."""
    edge = round(len(face) * (1 - CROP) / 2)
    image = Image.fromarray(face[edge : len(face) - edge, edge : len(face) - edge])
    image = image.resize((size, size), Image.Resampling.BILINEAR)
    picture = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    probabilities: NDArray[np.float32] = classifier(encoder(picture)).softmax(1)[0].numpy()
    return probabilities
