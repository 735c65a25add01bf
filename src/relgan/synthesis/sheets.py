"""Contact sheets and the pictures of docs/synthesis.md: ``python -m relgan.synthesis.sheets docs/images``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from relgan.synthesis.expressions import UNIT_INDEX, UNITS, draw_take, with_rest
from relgan.synthesis.people import draw_person
from relgan.synthesis.render import Model, Studio
from relgan.synthesis.sittings import Sitting, draw_shot, draw_sitting

SEED = 41
ORDER = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
Picture = npt.NDArray[np.uint8]
UnitValues = npt.NDArray[np.float32]
REST: UnitValues = np.zeros((len(UNITS), 2), np.float32)


def take_of(expression: str, *seed: int, time: float = 0.5) -> UnitValues:
    return draw_take(expression, np.random.default_rng(seed)).at(time)


def shoot(room: Studio, model: Model, sitting: Sitting, units: Sequence[UnitValues]) -> list[Picture]:
    rng = np.random.default_rng(SEED)
    shots = [draw_shot(sitting, rng) for _ in units]
    worn = np.stack([with_rest(values, model.person.rest) for values in units])
    rendered = room.render([model] * len(units), torch.from_numpy(worn), shots)
    return list(rendered.pictures.cpu().numpy())


def expressions_sheet(room: Studio, people: Sequence[int]) -> list[list[Picture]]:
    """A row of eight expressions for each person."""
    rows = []
    for number in people:
        model = room.model(draw_person(room.head, SEED, number))
        units = [take_of(expression, SEED, number, k) for k, expression in enumerate(ORDER)]
        rows.append(shoot(room, model, draw_sitting(SEED, number, 0, 15), units))
    return rows


def people_sheet(room: Studio, people: Sequence[int], columns: int) -> list[list[Picture]]:
    pictures = []
    for number in people:
        model = room.model(draw_person(room.head, SEED, number))
        pictures += shoot(room, model, draw_sitting(SEED, number, 0, 15), [REST])
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def sittings_sheet(room: Studio, number: int, rows: int, columns: int) -> list[list[Picture]]:
    """One person at rest and happy, in many sittings."""
    model = room.model(draw_person(room.head, SEED, number))
    sheet = []
    for row in range(rows):
        pictures = []
        for sitting in range(row * columns, (row + 1) * columns):
            scene = draw_sitting(SEED, number, sitting, 25)
            pictures += shoot(room, model, scene, [REST, take_of("happiness", sitting)])
        sheet.append(pictures)
    return sheet


def course_sheet(room: Studio, number: int, expressions: Sequence[str]) -> list[list[Picture]]:
    """Ten moments of one take each."""
    model, scene = room.model(draw_person(room.head, SEED, number)), draw_sitting(SEED, number, 0, 10)
    times = np.linspace(0.02, 1, 10)
    return [
        shoot(room, model, scene, [take_of(name, 4, time=time) for time in times]) for name in expressions
    ]


def units_sheet(room: Studio, number: int, columns: int) -> list[list[Picture]]:
    """Every action unit alone at strength 1, in the order of UNITS."""
    scene = draw_sitting(SEED, number, 0, 0)
    scene = dataclasses.replace(scene, sensor=dataclasses.replace(scene.sensor, grey=False, noise=0.003))
    units = []
    for unit in UNITS:
        values = REST.copy()
        values[UNIT_INDEX[unit]] = 1
        units.append(values)
    pictures = shoot(room, room.model(draw_person(room.head, SEED, number)), scene, units)
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % columns)
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def save(rows: list[list[Picture]], path: Path) -> None:
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows])).save(path, quality=85)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    room, large = Studio(112), Studio(300)
    save(expressions_sheet(room, range(8)), folder / "synthesis-expressions.jpg")
    save(people_sheet(room, range(100, 148), 12), folder / "synthesis-people.jpg")
    save(sittings_sheet(room, 219, 2, 5), folder / "synthesis-sittings.jpg")
    save(course_sheet(room, 7, ("happiness", "fear")), folder / "synthesis-course.jpg")
    save(units_sheet(room, 206, 12), folder / "synthesis-units.jpg")
    chosen = [row[ORDER.index(name)] for row, name in zip(
        expressions_sheet(large, (1, 5, 6, 7)), ("happiness", "anger", "contempt", "surprise"), strict=True
    )]  # fmt: skip
    save([chosen], folder / "synthesis-large.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
