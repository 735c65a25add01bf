"""The pictures of one sitting: planned from seeds, rendered, checked, written, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from relgan.data.manifest import COLUMNS, POINTS
from relgan.expressions import CANONICAL
from relgan.synthesis.expressions import (
    Take,
    draw_take,
    frame_times,
    intensity_at,
    unit_columns,
    with_rest,
)
from relgan.synthesis.people import draw_person
from relgan.synthesis.render import Model, Rendered, Studio
from relgan.synthesis.sittings import Kind, Shot, Sitting, draw_shot, draw_sitting
from relgan.synthesis.upload import beside

FORMAT = 1
MANIFEST_COLUMNS = (
    *COLUMNS,
    *("seed", "yaw", "pitch", "roll", "female", "years"),
    *unit_columns(),
)
CPU_BATCH, GPU_BATCH = 4, 192
SITTINGS_AT_ONCE = 8
"""On a GPU, which is waited for less the more pictures it renders at once."""
DAMPING, TRIES = 0.82, 4  # a picture with a leak is taken again with weaker units

Row = dict[str, Any]
Taken = tuple[list[Row], int]
"""The manifest rows of a sitting, and how many of its pictures had to be taken again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the pictures depend on; a folder is finished or resumed only with the same."""

    people: int
    expressions: tuple[str, ...]
    frames: int
    size: int
    yaw: float
    seed: int
    sittings: int
    takes: int
    cameras: Kind = "usual"
    format: int = FORMAT


@dataclass(frozen=True)
class _Picture:
    name: str
    expression: str
    sequence: str
    sitting: int
    take: int
    frame: int
    intensity: float
    units: np.ndarray[Any, np.dtype[np.float32]]
    shot: Shot


class Photographer:
    """Takes the pictures of sittings: one per process."""

    def __init__(self, out: Path, settings: Settings, device: str) -> None:
        self.out, self.settings = out, settings
        self.studio = Studio(settings.size, device)
        on_cpu = torch.device(device).type == "cpu"
        self.batch = CPU_BATCH if on_cpu else GPU_BATCH
        self._model: tuple[int, Model] | None = None
        self._takes: dict[tuple[str, int], Take] = {}

    def photograph(self, sittings: Sequence[tuple[int, int]]) -> list[Taken]:
        """The pictures of some sittings (person, number of the sitting), written; sitting by sitting their
        manifest rows, and how many had to be taken again."""
        settings = self.settings
        jobs: list[tuple[int, Model, _Picture]] = []
        for place, (person, sitting) in enumerate(sittings):
            model = self._person(person)
            scene = draw_sitting(settings.seed, person, sitting, settings.yaw, settings.cameras)
            jobs += [(place, model, picture) for picture in self._planned(person, sitting, scene)]
        rows: list[list[Row]] = [[] for _ in sittings]
        rejected = [0] * len(sittings)
        for start in range(0, len(jobs), self.batch):
            some = jobs[start : start + self.batch]
            models = [model for _, model, _ in some]
            shown = [with_rest(picture.units, model.person.rest) for _, model, picture in some]
            units = torch.from_numpy(np.stack(shown))
            rendered, units, again = self._take(models, units, [picture.shot for _, _, picture in some])
            pictures, points, leaks = (
                part.cpu().numpy() for part in (rendered.pictures, rendered.landmarks, rendered.leaks)
            )
            paths = [f"faces/{picture.name}.png" for _, _, picture in some]
            beside(self.studio.device, self._write, zip(paths, pictures, strict=True))
            for k, (place, model, picture) in enumerate(some):
                rows[place].append(self._row(model, picture, paths[k], units[k], points[k], bool(leaks[k])))
                rejected[place] += again[k]
        return list(zip(rows, rejected, strict=True))

    def _write(self, file: tuple[str, np.ndarray[Any, np.dtype[np.uint8]]]) -> None:
        path, picture = file
        Image.fromarray(picture).save(self.out / path, compress_level=2)

    def _person(self, person: int) -> Model:
        if self._model is None or self._model[0] != person:
            self._model = (
                person,
                self.studio.model(draw_person(self.studio.head, self.settings.seed, person)),
            )
        return self._model[1]

    def _planned(self, person: int, sitting: int, scene: Sitting) -> list[_Picture]:
        settings, planned = self.settings, []
        for expression in settings.expressions:
            code = CANONICAL.index(expression)
            chooser = np.random.default_rng([settings.seed, 4, person, sitting, code])
            number = int(chooser.integers(settings.takes))
            take = self._takes.setdefault(
                (expression, number),
                draw_take(expression, np.random.default_rng([settings.seed, 3, code, number])),
            )
            for frame, moment in enumerate(frame_times(settings.frames)):
                rng = np.random.default_rng([settings.seed, 5, person, sitting, code, frame])
                sequence = f"P{person:05d}-s{sitting}-{expression}"
                planned.append(
                    _Picture(
                        name=f"{sequence}-{frame:02d}",
                        expression=expression,
                        sequence=sequence,
                        sitting=sitting,
                        take=number,
                        frame=frame,
                        intensity=intensity_at(moment) if expression != "neutral" else 0.0,
                        units=take.at(moment),
                        shot=draw_shot(scene, rng),
                    )
                )
        return planned

    def _take(
        self, models: list[Model], units: torch.Tensor, shots: list[Shot]
    ) -> tuple[Rendered, torch.Tensor, list[int]]:
        """Render; take those with a leak again with weaker units. The last: how often each was."""
        result = self.studio.render(models, units, shots)
        again = [0] * len(shots)
        for _ in range(TRIES):
            bad = result.leaks.nonzero()[:, 0].tolist()
            if not bad:
                break
            units = units.clone()
            units[bad] *= DAMPING
            repeated = self.studio.render([models[k] for k in bad], units[bad], [shots[k] for k in bad])
            for name in ("pictures", "landmarks", "leaks"):
                getattr(result, name)[bad] = getattr(repeated, name)
            for k in bad:
                again[k] += 1
        return result, units, again

    def _row(
        self,
        model: Model,
        picture: _Picture,
        path: str,
        units: torch.Tensor,
        points: np.ndarray[Any, np.dtype[np.float32]],
        leaking: bool,
    ) -> Row:
        settings, person, shot = self.settings, model.person, picture.shot
        row: Row = {
            "path": path,
            "expression": picture.expression,
            "subject": person.name,
            "sequence": picture.sequence,
            "frame": picture.frame,
            "intensity": round(picture.intensity, 3),
            "view": "frontal" if abs(shot.yaw) < 10 else ("right" if shot.yaw > 0 else "left"),
            "split": "",
            "source": "synthetic",
            "align": "similarity",
            "detection": 1,
            "faces_found": 1,
            "width": settings.size,
            "height": settings.size,
            **dict(zip("xywh", (0, 0, settings.size, settings.size), strict=True)),
            "sitting": picture.sitting,
            "take": picture.take,
            "seed": settings.seed,
            "yaw": round(shot.yaw, 2),
            "pitch": round(shot.pitch, 2),
            "roll": round(shot.roll, 2),
            "female": int(person.female),
            "years": round(person.years),
        }
        for point, (x, y) in zip(POINTS, points.tolist(), strict=True):
            row[f"{point}_x"], row[f"{point}_y"] = round(x, 2), round(y, 2)
        row |= {
            name: f"{value:.3g}" for name, value in zip(unit_columns(), units.flatten().tolist(), strict=True)
        }
        row["leaking"] = leaking
        return row
