"""What frontalization gains, on rendered heads: ``python -m relgan.synthesis.turned docs/images``.

Prints the table of docs/frontalization.md and draws its picture.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.image import structural_similarity_index_measure as ssim_of

from relgan.faces.align import TEMPLATE, align, similarity
from relgan.faces.crops import choose
from relgan.faces.detect import Detector
from relgan.faces.frontalize import frontalize, source_points
from relgan.synthesis.people import draw_person
from relgan.synthesis.render import Studio
from relgan.synthesis.sheets import ORDER, REST, save, take_of
from relgan.synthesis.sittings import Shot, draw_sitting

SEED, SIZE, PEOPLE = 77, 112, 24
YAWS = (0, 15, 30, 45)
SHOWN = (0, 2, 6, 14, 17, 10)
CENTRE = slice(14, 98)  # of 112 pixels: what is nearly all face
Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Turned:
    """Somebody with one expression at each of YAWS; landmarks (len(YAWS), 5, 2) as rendered."""

    pictures: list[Picture]
    landmarks: Points


def photograph(room: Studio, number: int) -> Turned:
    """The head fills 0.6 of the picture; every second person is at rest, two of four look to the left."""
    sitting = draw_sitting(SEED, number, 0, 0)
    sharp = dataclasses.replace(sitting.sensor, blur=0.3, noise=0.003, jpeg=None)
    sitting = dataclasses.replace(sitting, sensor=sharp)
    side = 1 if number % 4 < 2 else -1
    frame = (0.0, 0.0, math.log(0.6), 0.0)
    shots = [Shot(sitting, side * yaw, 0.0, 0.0, (0.0, 0.0), frame, number) for yaw in YAWS]
    units = take_of(ORDER[number // 2 % 8], SEED, number) if number % 2 else REST
    model = room.model(draw_person(room.head, SEED, number))
    rendered = room.render([model] * len(shots), torch.from_numpy(np.stack([units] * len(shots))), shots)
    return Turned(list(rendered.pictures.cpu().numpy()), rendered.landmarks.cpu().numpy())


def similarity_of(points: Points) -> npt.NDArray[np.float64]:
    return similarity(points, TEMPLATE * SIZE - 0.5)


def landed(picture_points: Points, found: Points) -> npt.NDArray[np.float64]:
    """Where in the frontal view the landmarks of the picture are shown, (5, 2) pixels.

    That is, among the pixels that come from the picture the one with the nearest source; for a landmark that
    is hidden, the other half's mirrored.
    """
    where, hidden = source_points(found, SIZE)
    distance = ((where.reshape(-1, 2)[None] - picture_points[:, None]) ** 2).sum(2)
    distance[:, hidden.ravel() > 0.5] = np.inf
    nearest = np.argmin(distance, axis=1)
    places = np.stack([nearest % SIZE, nearest // SIZE], 1).astype(np.float64)
    pixel = np.linalg.norm(where[SIZE // 2, SIZE // 2] - where[SIZE // 2 + 1, SIZE // 2])
    lost = distance.min(1) > (2 * pixel) ** 2
    mirrored = places[[1, 0, 2, 4, 3]] * (-1, 1) + (SIZE - 1, 0)
    return np.where(lost[:, None], mirrored, places)


def likeness(one: Picture, other: Picture) -> tuple[float, float]:
    """SSIM of two aligned faces: all of it, and the face without its surroundings."""
    a, b = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in (one, other))
    inner = (..., CENTRE, CENTRE)
    whole, face = ssim_of(a, b, data_range=1.0), ssim_of(a[inner], b[inner], data_range=1.0)
    return float(torch.as_tensor(whole)), float(torch.as_tensor(face))


def measure(people: list[Turned], found: list[list[Points | None]]) -> npt.NDArray[np.float64]:
    """Rows (person, yaw, before or after, SSIM of all, SSIM of the face, landmark error); NaN where not done.

    The truth is the head rendered from the front, aligned by its rendered landmarks.
    """
    results = np.full((len(people), len(YAWS), 2, 3), np.nan)
    for i, person in enumerate(people):
        truth = align(person.pictures[0], person.landmarks[0], SIZE)
        ahead = similarity_of(person.landmarks[0])
        goal = person.landmarks[0] @ ahead[:, :2].T + ahead[:, 2]
        eyes = np.linalg.norm(goal[1] - goal[0])
        for j, picture in enumerate(person.pictures):
            points = found[i][j]
            if points is None or (front := frontalize(picture, points, SIZE)) is None:
                continue
            before = similarity_of(points)
            places = (
                person.landmarks[j] @ before[:, :2].T + before[:, 2],
                landed(person.landmarks[j], points),
            )
            for k, result in enumerate((align(picture, points, SIZE), front)):
                error = np.linalg.norm(places[k] - goal, axis=1).mean() / eyes
                results[i, j, k] = *likeness(result, truth), error
    return results


def detect(people: list[Turned]) -> list[list[Points | None]]:
    detector = Detector()
    return [
        [
            choose(faces, *picture.shape[1::-1]).landmarks if faces else None
            for faces, picture in zip(detector(person.pictures), person.pictures, strict=True)
        ]
        for person in people
    ]


def table(results: npt.NDArray[np.float64]) -> str:
    lines = ["| yaw | done | SSIM | SSIM, face | landmark error |", "| --- | --- | --- | --- | --- |"]
    for j, yaw in enumerate(YAWS):
        done = ~np.isnan(results[:, j, 0, 0])
        cells = [f"{yaw}°", f"{done.sum()} of {len(results)}"]
        for m, text in enumerate(("{:.3f}", "{:.3f}", "{:.1%}")):
            before, after = results[done, j, :, m].mean(0) if done.any() else (None, None)
            cells.append("" if before is None else f"{text.format(before)} → {text.format(after)}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(
    people: list[Turned], found: list[list[Points | None]], shown: tuple[int, ...]
) -> list[list[Picture]]:
    """Rows: the head from the front, then for each turn aligned and frontalized (grey: it could not be)."""
    rows = []
    for i in shown:
        row = [align(people[i].pictures[0], people[i].landmarks[0], SIZE)]
        for picture, points in list(zip(people[i].pictures, found[i], strict=True))[1:]:
            nothing = np.full_like(row[0], 128)
            front = None if points is None else frontalize(picture, points, SIZE)
            row += [
                nothing if points is None else align(picture, points, SIZE),
                nothing if front is None else front,
            ]
        rows.append(row)
    return rows


def main(folder: Path) -> None:
    room = Studio(256)
    people = [photograph(room, number) for number in range(PEOPLE)]
    found = detect(people)
    print("Landmarks from the detector:\n\n" + table(measure(people, found)))
    print("\nLandmarks as rendered:\n\n" + table(measure(people, [list(p.landmarks) for p in people])))
    save(draw(people, found, SHOWN), folder / "frontalization.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
