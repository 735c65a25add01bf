"""People, expressions and shots to pictures: one deferred renderer, batched, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from relgan.synthesis import hair as hairs
from relgan.synthesis.appearance import paint
from relgan.synthesis.camera import landmarks_of, view_of
from relgan.synthesis.chart import chart_coordinates, load_chart, noise, sample_maps
from relgan.synthesis.check import Kinds, find_leaks, kinds_of
from relgan.synthesis.expressions import UNIT_INDEX, shape_weights
from relgan.synthesis.glasses import glasses_faces, glasses_mesh
from relgan.synthesis.head import PARTS, SKIN, load_head
from relgan.synthesis.lighting import KeyShadow, Lamps, SkyLight, key_shadow, key_visibility, sky_light
from relgan.synthesis.people import Person
from relgan.synthesis.rasterize import EMPTY, barycentric, depth_of, interpolate, rasterize, triangle_of
from relgan.synthesis.sensor import background, develop
from relgan.synthesis.shading import Eyes, Surface, shade, shade_hair
from relgan.synthesis.sittings import Shot
from relgan.synthesis.upload import upload
from relgan.synthesis.wrinkles import activations, relief

GLASSES = len(PARTS)
TORN = 0.13  # of the picture's side: about 26 mm
GAZE_SHAPES = (("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight"),
               ("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight"))  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A person made ready for the renderer; nothing in it depends on expression, pose or light."""

    person: Person
    neutral: Tensor  # (V, 3)
    hair: Tensor  # (hair vertices, 3)
    glasses: Tensor  # (glasses vertices, 3)
    skin: Tensor  # (H, W, 5), see appearance.paint
    relief_coordinates: Tensor  # (V, 2): where each vertex finds its creases, a little different for everyone


@dataclass(frozen=True)
class Rendered:
    """pictures (B, size, size, 3) uint8 RGB; landmarks (B, 5, 2) pixels; leaks (B,) whether parts poke
    through."""

    pictures: Tensor
    landmarks: Tensor
    leaks: Tensor


@dataclass
class _Scene:
    """One batch on its way through the renderer; vertices are head, hair, glasses in one row."""

    models: Sequence[Model]
    units: Tensor
    shots: Sequence[Shot]
    posed: Tensor
    normals: Tensor
    pixels: Tensor
    rotation: Tensor
    eye: Tensor
    lamps: Lamps
    sky: SkyLight
    shadow: KeyShadow


class Studio:
    """Renders pictures of one size on one device.

    Args:
        size: side of the pictures, pixels.
        device: "cpu" or "cuda".
        supersample: samples per pixel and direction.
    """

    def __init__(self, size: int = 112, device: str = "cpu", supersample: int = 2) -> None:
        self.size, self.device, self.supersample = size, torch.device(device), supersample
        self.head = load_head(device)
        self.texel_mm = 1.0 if size <= 160 else 0.6
        self.chart = load_chart(self.texel_mm, device)
        head, vertices = self.head, len(self.head.template)
        hair_start, glasses_start = vertices, vertices + hairs.ROWS * hairs.COLUMNS
        self.opaque = torch.cat([head.faces, glasses_faces(device) + glasses_start])
        self.part = torch.cat(
            [head.part, torch.full((len(glasses_faces(device)),), GLASSES, device=self.device)]
        )
        self.hair = hairs.hair_faces(device) + hair_start
        self.all_faces = torch.cat([self.opaque, self.hair])
        self.casters = torch.cat(
            [head.faces[head.part == SKIN], hairs.hair_faces(device, 3) + hair_start]
        ).int()
        self.head_vertices, self.glasses_start = vertices, glasses_start
        canonical = torch.cat([head.template, head.masks["mouth"][:, None], head.masks["lips"][:, None]], 1)
        self.static = torch.cat([canonical, chart_coordinates(head.template)], 1)

    @torch.no_grad()
    def model(self, person: Person) -> Model:
        """Shape and paint a person, once for all pictures of them."""
        head = self.head
        phenotype = upload(person.phenotype, self.device)[None]
        neutral = head.neutral(phenotype, upload(person.shape, self.device)[None])[0]
        # Everyone's head to the same place, so that cameras and lamps mean the same for all.
        eyes = torch.stack([neutral[head.part_vertices(part)].mean(0) for part in (1, 2)]).mean(0)
        neutral = neutral + (head.eye_centres.mean(0) - eyes)
        offset = upload(person.skin.noise_offset, self.device)
        wander = 0.0016 * noise(head.template * 35 + offset)[:, :2]
        moved = head.template + torch.stack([wander[:, 0], wander[:, 0] * 0, wander[:, 1]], 1)
        return Model(
            person=person,
            neutral=neutral,
            hair=hairs.hair_mesh(head, person, neutral),
            glasses=glasses_mesh(head, person, neutral),
            skin=paint(person, self.chart),
            relief_coordinates=chart_coordinates(moved),
        )

    @torch.no_grad()
    def render(self, models: Sequence[Model], units: Tensor, shots: Sequence[Shot]) -> Rendered:
        """One picture for each row.

        Args:
            models: B people; units: (B, A, 2) action units, left and right; shots: B.
        """
        units = units.to(self.device)
        scene, landmarks = self._set_up(models, units, shots)
        width = self.size * self.supersample
        light = background([shot.sitting.background for shot in shots], width, self.device)
        buffer = rasterize(scene.pixels, self.opaque.int(), width, width, cull=True)
        kinds = self._draw_opaque(scene, buffer, light)
        self._draw_hair(scene, depth_of(buffer), light)
        pictures = develop(light, shots, self._exposure(models, shots), self.supersample)
        return Rendered(pictures, landmarks / self.supersample - 0.5, find_leaks(kinds))

    def _set_up(self, models: Sequence[Model], units: Tensor, shots: Sequence[Shot]) -> tuple[_Scene, Tensor]:
        head = self.head
        ancestry = upload(np.stack([model.person.ancestry for model in models]), self.device)
        weights = shape_weights(head, units, ancestry)
        gaze = upload([shot.gaze for shot in shots], self.device)
        for names, amount in zip(
            GAZE_SHAPES, (gaze[:, 0], -gaze[:, 0], gaze[:, 1], -gaze[:, 1]), strict=True
        ):
            for name in names:
                weights[:, head.names[name]] += amount.clamp(min=0)
        skin = torch.stack([model.neutral for model in models]) + head.displacement(weights)
        skin = head.settle(skin, weights)
        extras = [torch.stack([getattr(model, name) for model in models]) for name in ("hair", "glasses")]
        vertices = torch.cat([skin, *extras], 1)
        view = view_of(head, skin, shots, self.size * self.supersample)
        posed = view.pose(vertices)
        normals = self._normals(posed)
        lamps = _lamps(shots, self.device)
        scene = _Scene(
            models=models,
            units=units,
            shots=shots,
            posed=posed,
            normals=normals,
            pixels=view.project(posed),
            rotation=view.rotation,
            eye=view.eye,
            lamps=lamps,
            sky=sky_light(posed, normals, posed, self.casters, lamps),
            shadow=key_shadow(posed, self.casters, lamps),
        )
        return scene, view.project(view.pose(landmarks_of(head, skin)))[..., :2]

    def _normals(self, vertices: Tensor) -> Tensor:
        a, b, c = (vertices[:, self.all_faces[:, k]] for k in range(3))
        face = torch.linalg.cross(b - a, c - a, dim=-1)
        total = torch.zeros_like(vertices)
        for k in range(3):
            total.index_add_(1, self.all_faces[:, k], face)
        return F.normalize(total, dim=-1, eps=1e-12)

    def _draw_opaque(self, scene: _Scene, buffer: Tensor, light: Tensor) -> Kinds:
        """Skin, eyes, teeth, tongue and glasses into `light`; returns what lies where."""
        item, row, column = (buffer < EMPTY).nonzero(as_tuple=True)
        triangle = triangle_of(buffer[item, row, column])
        corners, part = self.opaque[triangle], self.part[triangle]
        weights = barycentric(scene.pixels, item, row, column, corners)
        sky = scene.sky
        dynamic = torch.cat(
            [scene.posed, scene.normals, sky.irradiance, sky.towards, sky.openness[..., None]], -1
        )
        moving = interpolate(dynamic, item, corners, weights)
        on_head = corners.clamp(max=self.head_vertices - 1)
        fixed = interpolate(self.static, item, on_head, weights)
        relief_at = interpolate(
            torch.stack([m.relief_coordinates for m in scene.models]), item, on_head, weights
        )
        people, which = _unique(scene.models)
        skin = sample_maps(
            torch.stack([model.skin for model in people]), which.to(self.device)[item], fixed[:, 5:7]
        )
        folds = sample_maps(self._relief(scene), item, relief_at)

        normal = F.normalize(moving[:, 3:6], dim=1)
        is_skin = ((part == SKIN) & (fixed[:, 3] < 0.5)).float()
        rotated = torch.einsum("nij,nj->ni", scene.rotation[item], folds[:, :3])
        bumped = F.normalize(normal - rotated * (is_skin * (1 - skin[:, 4]))[:, None], dim=1)
        frame = upload([_frame_colour(model.person) for model in scene.models], self.device)
        is_frame = (part == GLASSES)[:, None]
        surface = Surface(
            item=item,
            part=part,
            position=moving[:, :3],
            normal=bumped,
            irradiance=moving[:, 6:9],
            towards=moving[:, 9:12],
            openness=moving[:, 12],
            mouth=torch.where(part == SKIN, fixed[:, 3], 0.0),
            canonical=fixed[:, :3],
            albedo=torch.where(is_frame, frame[item], skin[:, :3]),
            gloss=torch.where(is_frame[:, 0], 0.8, skin[:, 3]),
            hair=torch.where(part == SKIN, skin[:, 4], 0.0),
            crease=folds[:, 3] * is_skin,
        )
        colour = shade(
            surface, normal, _eyes(scene.models, self.head.eye_centres), scene.lamps, scene.shadow, scene.eye
        )
        light[item, row, column] = colour
        return kinds_of(part, fixed[:, 3], fixed[:, 4], (item, row, column), light.shape[:3])

    def _relief(self, scene: _Scene) -> Tensor:
        people = [model.person for model in scene.models]
        age = upload([person.wrinkle_age for person in people], self.device)
        gain = upload(np.stack([person.wrinkle_gain for person in people]), self.device)
        return relief(activations(scene.units, UNIT_INDEX, age, gain), self.texel_mm, self.chart)

    def _draw_hair(self, scene: _Scene, nearest: Tensor, light: Tensor) -> None:
        """Blend the sheet of hair over `light` where it lies in front."""
        width = light.shape[1]
        wearing = torch.tensor([k for k, m in enumerate(scene.models) if m.person.hair.style != "bald"])
        if not len(wearing):
            return
        wearing = wearing.to(self.device)
        # Where neighbouring locks part ways the sheet is torn, not stretched.
        torn = TORN * width
        buffer = rasterize(scene.pixels[wearing], self.hair.int(), width, width, longest=torn)
        among, row, column = (buffer < EMPTY).nonzero(as_tuple=True)
        item = wearing[among]
        in_front = depth_of(buffer[among, row, column]) < nearest[item, row, column] + 0.0005
        among, row, column, item = among[in_front], row[in_front], column[in_front], item[in_front]
        corners = self.hair[triangle_of(buffer[among, row, column])]
        weights = barycentric(scene.pixels, item, row, column, corners)
        start, end = self.head_vertices, self.glasses_start
        grid = scene.posed[:, start:end].reshape(len(scene.models), hairs.ROWS, hairs.COLUMNS, 3)
        along = F.normalize(torch.gradient(grid, dim=1)[0], dim=-1, eps=1e-9).flatten(1, 2)
        outward = scene.normals[:, start:end]
        centre = grid.mean((1, 2))
        flip = torch.sign((outward * (scene.posed[:, start:end] - centre[:, None])).sum(-1, keepdim=True))
        dynamic = torch.cat(
            [scene.posed[:, start:end], outward * flip, along, scene.sky.irradiance[:, start:end]], -1
        )
        moving = interpolate(dynamic, item, corners - start, weights)
        coordinates = interpolate(hairs.grid_coordinates(str(self.device)), item, corners - start, weights)
        normal = F.normalize(moving[:, 3:6], dim=1)
        visible = key_visibility(
            scene.shadow, item, moving[:, :3] + 0.006 * normal, normal, scene.lamps.softness
        )
        colour, look, offset = _hair_looks(scene.models, self.device)
        radiance, cover = shade_hair(
            item, coordinates, moving[:, :3], normal, F.normalize(moving[:, 6:9], dim=1), moving[:, 9:12],
            colour, look, offset, scene.lamps, scene.eye, visible,
        )  # fmt: skip
        light[item, row, column] = torch.lerp(light[item, row, column], radiance, cover[:, None])

    def _exposure(self, models: Sequence[Model], shots: Sequence[Shot]) -> Tensor:
        """The camera meters partly for the face: dark skin gets more light, bright skin less."""
        factors = []
        for model, shot in zip(models, shots, strict=True):
            light = shot.sitting.light
            skin = 0.55 * float(np.exp(-1.0 * model.person.skin.melanin))
            scene = light.sky[1] + 0.6 * light.key[1]
            factors.append(shot.sitting.sensor.exposure * (0.33 / skin) ** 0.25 * (1.1 / scene) ** 0.6)
        return upload(factors, self.device)


def _unique(models: Sequence[Model]) -> tuple[list[Model], Tensor]:
    order: dict[int, int] = {}
    people: list[Model] = []
    for model in models:
        if id(model) not in order:
            order[id(model)] = len(people)
            people.append(model)
    return people, torch.tensor([order[id(model)] for model in models])


def _frame_colour(person: Person) -> tuple[float, float, float]:
    return person.glasses.colour if person.glasses else (0.0, 0.0, 0.0)


def _eyes(models: Sequence[Model], centres: Tensor) -> Eyes:
    device = centres.device
    return Eyes(
        iris_colour=upload([model.person.iris_colour for model in models], device),
        iris_radius=upload([model.person.iris_radius for model in models], device),
        noise_offset=upload(np.stack([model.person.skin.noise_offset for model in models]), device),
        centres=centres,
    )


def _hair_looks(models: Sequence[Model], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Colour, look (see shading.shade_hair) and noise offset of each person's hair."""
    looks = []
    edge = (hairs.SCALP_ROWS - 1) / (hairs.ROWS - 1)
    for model in models:
        style = model.person.hair.style
        falls = style in hairs.FALLING_STYLES
        curl = 1.0 if style == "curly" else 0.35 * model.person.hair.wave
        ragged = 0.0 if falls or model.person.hair.fringe > 0 or style == "curly" else 1.0
        looks.append([curl, edge, 0.12 if falls or model.person.hair.fringe > 0 else 0.02, ragged])
    colour = upload([model.person.hair.colour for model in models], device)
    offset = upload(np.stack([model.person.skin.noise_offset for model in models]), device)
    return colour, upload(looks, device), offset


def _lamps(shots: Sequence[Shot], device: torch.device) -> Lamps:
    lights = [shot.sitting.light for shot in shots]
    names = ("sky", "gradient", "key", "key_direction", "key_softness", "shine")
    return Lamps(*(upload([getattr(light, name) for light in lights], device) for name in names))


@lru_cache(maxsize=4)
def studio(size: int, device: str) -> Studio:
    return Studio(size, device)


def render(
    people: Sequence[Person], units: Tensor | npt.NDArray[np.float32], shots: Sequence[Shot], *,
    size: int = 112, device: str = "cpu",
) -> Tensor:  # fmt: skip
    """(B, size, size, 3) uint8 RGB: aligned pictures of people with action units (B, A, 2), as shot.

    A person named twice is shaped and painted once.
    """
    room = studio(size, device)
    ready = {id(person): room.model(person) for person in people}
    models = [ready[id(person)] for person in people]
    return room.render(models, torch.as_tensor(units), shots).pictures
