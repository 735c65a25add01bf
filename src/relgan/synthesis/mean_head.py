"""The mean head with the five landmarks marked, stored in the package: for frontalization, without anny.

``python -m relgan.synthesis.mean_head`` makes it again (that needs anny): the mean of 200 people of seed 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PATH = Path(__file__).parent / "data" / "mean_head.npz"
PEOPLE = 200
BOTTOM_Z, BACK_Y = 0.565, 0.06  # the stored surface ends at the neck and behind the ears, metres


@dataclass(frozen=True)
class MeanHead:
    """A surface in metres: x to the picture's right, y away from the camera, z up; the face looks along -y.

    Attributes:
        vertices: (V, 3) float32; the middle between the pupils is at x = 0.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        landmarks: (5, 3) float32: the eyes, nose tip, mouth corners; left before right as seen in the picture
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    landmarks: npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def load_mean_head() -> MeanHead:
    with np.load(PATH, allow_pickle=False) as stored:
        return MeanHead(
            vertices=stored["vertices"].astype(np.float32),
            faces=stored["faces"].astype(np.int32),
            landmarks=stored["landmarks"].astype(np.float32),
        )


def make(path: Path = PATH) -> None:
    """Average the people and store the outside of the head with its eyeballs."""
    import torch

    from relgan.synthesis.camera import landmarks_of
    from relgan.synthesis.head import LEFT_EYE, RIGHT_EYE, SKIN, load_head
    from relgan.synthesis.people import draw_person

    head = load_head()
    total: Any = 0
    for number in range(PEOPLE):
        person = draw_person(head, 0, number)
        arrays = (torch.from_numpy(values)[None] for values in (person.phenotype, person.shape))
        neutral = head.neutral(*arrays)
        eyes = torch.stack([neutral[0, head.part_vertices(part)].mean(0) for part in (LEFT_EYE, RIGHT_EYE)])
        total = total + neutral + (head.eye_centres.mean(0) - eyes.mean(0))
    mean = total / PEOPLE
    mirrored = torch.cdist(mean[0] * torch.tensor([-1.0, 1.0, 1.0]), mean[0]).argmin(1)
    mean[0] = (mean[0] + mean[0][mirrored] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    corners = mean[0][head.faces]
    outside = (head.part == SKIN) & (head.masks["mouth"][head.faces].amax(1) < 0.5)
    kept = (outside | (head.part == LEFT_EYE) | (head.part == RIGHT_EYE)) & (
        (corners[..., 2].amin(1) > BOTTOM_Z) & (corners[..., 1].amax(1) < BACK_Y)
    )
    used, faces = np.unique(head.faces[kept].numpy(), return_inverse=True)
    np.savez_compressed(
        path,
        allow_pickle=False,
        vertices=mean[0].numpy()[used].astype(np.float32),
        faces=faces.reshape(-1, 3).astype(np.uint16),
        landmarks=landmarks_of(head, mean)[0].numpy().astype(np.float32),
    )


if __name__ == "__main__":
    make()
