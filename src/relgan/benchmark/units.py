"""Which action units photographs show for each expression, as a reader finds them that knows rendered people
alone: ``python -m relgan.benchmark.units PEOPLE PHOTOGRAPHS [PHOTOGRAPHS ...] [--actors 250] [--steps N]``.

PEOPLE is made by `relgan synthesize`, PHOTOGRAPHS by `relgan prepare`; of photographs with parts the training
part is taken. The reader is the network of the CNN baseline with one output a unit, looking at edges in the
middle of the picture. It learns from PEOPLE but the last twelfth, and from actors rendered here who move
units at random, so that no unit tells it of another. Printed is how well it reads who was left out (the
correlation with the units drawn), and for each expression and set the mean of what it finds less the mean at
rest. Of any unit it finds less in photographs than in rendered faces: compare with what it finds of a smile.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from relgan.benchmark.carry import evenly, left_out
from relgan.benchmark.likeness import strong
from relgan.config import Config, preset
from relgan.data.augment import SOME_VIEWS, draw_jitter, draw_variants, jittered, views
from relgan.data.face import Face
from relgan.data.manifest import load_prepared
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.models import Baseline, baseline_of, initialise
from relgan.recognition import encode
from relgan.seeds import seeded
from relgan.synthesis.expressions import UNIT_INDEX, UNITS, unit_columns, with_rest
from relgan.synthesis.head import load_head
from relgan.synthesis.people import draw_person
from relgan.synthesis.render import Studio
from relgan.synthesis.sittings import draw_shot, draw_sitting
from relgan.training import decayed, make_adam, make_fabric, set_rate

Floats = NDArray[np.float32]
POSES, EACH = 2, 12
"""Sittings of an actor, and pictures in each."""
RATE, BATCH, YAW = 6e-4, 64, 15.0
SELDOM = {26: 0.25, 27: 0.15, 30: 0.08, 43: 0.2}
"""Units that others would hide if they were on as often as the rest."""
CLOSED = 0.5
"""How far lids fall at most."""


@dataclass(frozen=True)
class Faces:
    """Pictures (N, 112, 112, 3), units (N, A), each the mean of both sides, NaN where they are not known, and
    what is shown."""

    pictures: NDArray[np.uint8]
    units: Floats
    expressions: NDArray[np.str_]
    people: NDArray[np.str_]

    def where(self, chosen: NDArray[np.bool_ | np.int_]) -> "Faces":
        return Faces(*(part[chosen] for part in vars(self).values()))


def random_units(rng: Generator) -> Floats:
    """(A, 2) units of a face that shows nothing in particular."""
    units = np.zeros((len(UNITS), 2), np.float32)
    often = rng.uniform(0.1, 0.4)
    for unit in UNITS:
        strength = rng.uniform(0.1, CLOSED if unit == 43 else 1.3) * (1 + 0.1 * rng.normal(size=2))
        if rng.random() < SELDOM.get(unit, often):
            units[UNIT_INDEX[unit]] = strength
    units[UNIT_INDEX[26]] *= not units[UNIT_INDEX[27]].any()  # one jaw
    return units.clip(0, 1.45)


def actors(count: int, seed: int) -> Faces:
    """People who move units at random, rendered here; pictures in which parts poke through are left out."""
    studio, pictures, units, people = Studio(), [], [], []
    for number in range(count):
        person = draw_person(load_head(), seed, number)
        model = studio.model(person)
        for sitting in range(POSES):
            rng = np.random.default_rng([seed, 7, number, sitting])
            scene = draw_sitting(seed, number, sitting, YAW)
            shown = np.stack([with_rest(random_units(rng), person.rest) for _ in range(EACH)])
            made = studio.render(
                [model] * EACH, torch.from_numpy(shown), [draw_shot(scene, rng) for _ in range(EACH)]
            )
            whole = ~made.leaks.numpy()
            pictures.append(made.pictures.numpy()[whole])
            units.append(shown.mean(2)[whole])
            people += [person.name] * int(whole.sum())
    shows = np.full(len(people), "")
    return Faces(np.concatenate(pictures), np.concatenate(units), shows, np.array(people))


def faces_of(folder: Path) -> Faces:
    """The faces of a prepared folder, of the training part if it has parts, at most 3,000 of photographs;
    rendered ones from half of their strength on.

    Raises:
        InputError: the folder is none, or nobody in it is at rest.
    """
    faces, pictures = load_prepared(folder)
    table = pd.read_csv(folder / "manifest.csv", low_memory=False)
    known = set(unit_columns()) <= set(table.columns)
    units = np.full((len(faces), len(UNITS)), np.nan, np.float32)
    if known:
        units = table[list(unit_columns())].to_numpy(np.float32).reshape(len(faces), -1, 2).mean(2)
    kept = strong(faces)
    shown, people = (
        np.array([getattr(faces[place], name) or "" for place in kept]) for name in ("expression", "subject")
    )
    if "neutral" not in shown:
        raise InputError(f"{folder}: nobody is at rest (neutral); give a folder with resting faces")
    found = Faces(pictures[kept], units[kept], shown, people)
    return found if known else found.where(np.array(evenly(len(kept))))


def apart(faces: Faces) -> tuple[Faces, Faces]:
    """Those to learn from, and the last twelfth of the people."""
    out = np.isin(faces.people, list(left_out(np.unique(faces.people).tolist())))
    return faces.where(~out), faces.where(out)


@dataclass(frozen=True)
class UnitReader:
    """A network whose outputs are units less their means, in standard deviations (A,)."""

    network: Baseline
    mean: Tensor
    deviation: Tensor
    size: int
    fabric: Fabric

    def __call__(self, pictures: NDArray[np.uint8]) -> Floats:
        """(N, A) units of faces, the mean of a view and its mirror image."""
        data = FaceTensors.of([Face(path="")] * len(pictures), pictures, []).to(self.fabric.device)
        seen = encode(self.network, data, SOME_VIEWS[2], self.size, self.fabric).mean(1)
        found: Floats = (seen * self.deviation + self.mean).numpy()
        return found


def learnt(faces: Sequence[Faces], config: Config, steps: int, seed: int, fabric: Fabric) -> UnitReader:
    """The reader after so many steps on these faces."""
    pictures = torch.from_numpy(np.concatenate([some.pictures for some in faces]))
    units = torch.from_numpy(np.concatenate([some.units for some in faces]))
    mean, deviation = units.mean(0), units.std(0).clamp(min=1e-3)
    wanted = (units - mean) / deviation
    network = baseline_of(config, len(UNITS))
    initialise(network, seeded(seed, "initialise"))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, optimiser = fabric.setup(network, make_adam(network, RATE, 0.5, fabric.device))
    generator = seeded(seed, "baseline")
    model.train()
    for step in range(steps):
        set_rate(optimiser, RATE * decayed(step, steps))
        rows = torch.randint(len(units), (BATCH,), generator=generator)
        variants = draw_variants(BATCH, generator)
        seen = views(pictures[rows].to(fabric.device), variants.to(fabric.device), config.size)
        lit = jittered(seen, draw_jitter(BATCH, generator), config.baseline.jitter)
        loss = F.mse_loss(model(lit).float(), wanted[rows].to(fabric.device))
        optimiser.zero_grad()
        fabric.backward(loss)
        optimiser.step()
    return UnitReader(network, mean, deviation, config.size, fabric)


def moved(units: Floats, expressions: NDArray[np.str_]) -> dict[str, Floats]:
    """For each expression the mean of units (N, A) less the mean at rest."""
    rest = units[expressions == "neutral"].mean(0)
    shown = sorted(set(expressions.tolist()) - {"", "neutral"})
    return {name: units[expressions == name].mean(0) - rest for name in shown}


def agreement(found: Floats, drawn: Floats) -> Floats:
    """(A,) correlations of units (N, A) with those that were drawn; NaN where one of them never moves."""
    return pd.DataFrame(found).corrwith(pd.DataFrame(drawn)).to_numpy(np.float32)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m relgan.benchmark.units", description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--actors", type=int, default=250, help="people rendered here")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    sets = {str(folder): faces_of(folder) for folder in (asked.people, *asked.photographs)}
    people = sets[str(asked.people)]
    if np.isnan(people.units).any():
        raise InputError(f"{asked.people}: its manifest has no action units; give one of relgan synthesize")
    if max(asked.actors, len(np.unique(people.people))) < 2:
        raise InputError(f"{asked.people}: names one person; give more people, or --actors to learn from")
    config = replace(preset("fast"), front="middle-edges")
    fabric = make_fabric(config.precision)
    split = {"people": apart(people)}
    if asked.actors:
        split["actors"] = apart(actors(asked.actors, asked.seed))
    reader = learnt([known for known, _ in split.values()], config, asked.steps, asked.seed, fabric)

    def row(title: str, values: Floats) -> None:
        print(f"{title:28.28}" + "".join(f"{value:6.2f}" for value in values), flush=True)

    print(f"{'action unit':28}" + "".join(f"{unit:6}" for unit in UNITS))
    for name, (_, strangers) in split.items():
        row(f"correlation, other {name}", agreement(reader(strangers.pictures), strangers.units))
    answers = {name: moved(reader(faces.pictures), faces.expressions) for name, faces in sets.items()}
    for expression in answers[str(asked.people)]:
        for name, shown in answers.items():
            if expression in shown:
                row(f"{expression}, {Path(name).name}", shown[expression])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
