"""Reenactment for use: the expression of a source face on the identity of a target face."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from relgan.annotate import save_picture
from relgan.data.augment import CENTRE, CROP, views
from relgan.errors import InputError
from relgan.faces.align import TEMPLATE, similarity
from relgan.faces.crops import choose
from relgan.files import same_file
from relgan.finder import FaceFinder
from relgan.models import Seen
from relgan.pictures import Picture, as_picture, is_video
from relgan.shots import Shot, Sighting, sight, whole
from relgan.tracks import PATIENCE
from relgan.training import progress_bar
from relgan.video import VideoWriter, video_shots
from relgan.weights import load_or_packaged

DEFAULT_WEIGHTS = "synthetic"
"""Free for any use; ``wild`` moves photographs further (docs/weights.md)."""
STRENGTH, STRONGEST = 1.5, 3.0
"""How far an expression is carried, and may be. What is learnt under a mean difference of pixels falls short
of the source; half as much again is about as close to the truth and is read more often (docs/weights.md)."""
REPLACES = 20, 50
"""Grey levels: what changes by less keeps the target's finest detail, what changes by more loses it all."""


class Reenactor(FaceFinder):
    """Makes the person of a target picture show the expression of a source picture.

    Several threads may use one at once; pickled it takes its weights along.

    Args:
        weights: the networks; see :meth:`load`.
        device: "auto" is the GPU if there is one.

    Example:
        >>> Reenactor.load()(source="a.jpg", target="b.jpg").save("c.png")
    """

    def _start(self) -> None:
        super()._start()
        generator = self.weights.generator
        if self._device.type != "cpu":  # the weights stay where they are: they may be pickled for a machine
            generator = copy.deepcopy(generator)  # without this device
        self._generator = generator.to(self._device).eval()

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> "Reenactor":
        """A reenactor with packaged weights, "synthetic" (where None) or "wild", or those of a folder.

        Raises:
            InputError: there are no such weights, or they are damaged.
        """
        return cls(load_or_packaged(weights, DEFAULT_WEIGHTS), device)

    def __getstate__(self) -> dict[str, Any]:
        return {"weights": self.weights, "device": self.device}

    @property
    def size(self) -> int:
        """Side of the reenacted faces in pixels."""
        return self.weights.card.size

    def __call__(
        self,
        source: Any,
        target: Any,
        *,
        paste: bool = False,
        cropped: bool = False,
        strength: float = STRENGTH,
    ) -> Image.Image:
        """The target's person with the source's expression.

        Of several faces in a picture the largest near the centre is taken.

        Args:
            source, target: files, PIL images or arrays, (H, W, 3) uint8 RGB.
            paste: give the whole target picture with the new face blended in, not the face alone.
            cropped: the pictures are aligned faces already; nothing is detected.
            strength: how far to go from f(e) of the target (0) to that of the source (1), or beyond, to 3.

        Returns:
            The face, ``size`` x ``size``; with ``paste`` a picture as large as the target, whose longer side
            is reduced to 4,096 pixels where it is longer.

        Raises:
            InputError: a picture cannot be read, or shows no face; ``strength`` is out of range.
        """
        whose, picture = self.find(target, "target", cropped)
        driving, _ = self.find(source, "source", cropped)
        person = self.see(whose)
        face = self.reenact(self.expression_codes([driving]), person, strength)[0]
        return Image.fromarray(self.paste(face, picture, whose, person) if paste else face)

    def find(self, picture: Any, role: str, cropped: bool = False) -> tuple[Sighting, Picture]:
        """The main face in a picture, and the picture as RGB.

        Raises:
            InputError: it cannot be read, or shows no face.
        """
        if isinstance(picture, str | os.PathLike) and is_video(os.fspath(picture)):
            remedy = "give a picture (only `relgan reenact --source` and reenact_files take videos)"
            raise InputError(f"{picture}: is a video; {remedy}")
        rgb = as_picture(picture, role)
        if cropped:
            return whole(rgb), rgb
        found = self.detector([rgb])[0]
        if not found:
            name = os.fspath(picture) if isinstance(picture, str | os.PathLike) else role
            remedy = "give a picture with one, or say that it is a face already (cropped)"
            raise InputError(
                f"{name}: no face found of at least {self.detector.smallest(rgb):.0f} pixels; {remedy}"
            )
        return sight(0, rgb, choose(found, rgb.shape[1], rgb.shape[0]), self.aligner), rgb

    @torch.no_grad()
    def expression_codes(self, faces: Sequence[Sighting]) -> torch.Tensor:
        """(n, D) codes f(e) of faces."""
        code: torch.Tensor = self._generator.expression_encoder(self._views(faces))
        return code

    @torch.no_grad()
    def see(self, face: Sighting) -> Seen:
        """What the generator takes from a target: both codes, the picture and its maps."""
        return self._generator.see(self._views([face]))

    @torch.no_grad()
    def reenact(self, expressions: torch.Tensor, target: Seen, strength: float = STRENGTH) -> Picture:
        """Expression codes (n, D) on a target, as faces (n, size, size, 3) uint8; a grey one stays grey.

        Raises:
            InputError: ``strength`` is below 0 or above 3.
        """
        _check_strength(strength)
        assert target.shown is not None
        carried = torch.lerp(target.shown.expand_as(expressions), expressions, strength)
        painted = self._generator.paint(carried, target).picture
        if _is_grey(target.target):
            painted = painted.mean(1, keepdim=True).expand_as(painted)
        return _bytes(painted)

    def paste(self, face: Picture, picture: Picture, where: Sighting, target: Seen) -> Picture:
        """The target's picture with a reenacted face in it. A generator with skips leaves most of the target
        as it is, so that only what has changed is brought into the picture, which stays as sharp as it is."""
        before = _bytes(target.target)[0] if self._generator.skips else None
        return paste_face(face, picture, where, before)

    def _views(self, faces: Sequence[Sighting]) -> torch.Tensor:
        crops = torch.from_numpy(np.stack([face.crop for face in faces])).to(self._device)
        variants = torch.full((len(faces),), CENTRE[0], device=self._device)
        return views(crops, variants, self.size)


def _is_grey(pictures: torch.Tensor) -> bool:
    """Whether the channels of (n, 3, S, S) in [-1, 1] agree within two steps of a byte."""
    return float((pictures.amax(1) - pictures.amin(1)).max()) < 2 / 127


def _bytes(pictures: torch.Tensor) -> Picture:
    """(n, 3, S, S) in [-1, 1] -> (n, S, S, 3) uint8."""
    pictures = pictures.float().cpu().permute(0, 2, 3, 1)
    return np.ascontiguousarray(((pictures + 1) * 127.5).round().clamp(0, 255).byte().numpy())


def paste_face(face: Picture, picture: Picture, where: Sighting, before: Picture | None = None) -> Picture:
    """Blend a reenacted face into a picture, over the face it was made from.

    The face is turned and scaled back to its place and faded out towards the edge of an oval. Where
    ``before`` is given the difference from it is added to the picture; where that is large, what the picture
    shows more finely than ``before`` is left out, such as the line of lips that have parted. Else the face
    replaces what is there and is given the mean and contrast of each colour that the place had.

    Args:
        face: (S, S, 3), the centre 96/112 of an aligned face.
        picture: (H, W, 3).
        where: the face in the picture.
        before: (S, S, 3), the same part of the picture as the generator saw it.
    """
    size = len(face)
    if where.landmarks is None:  # the picture is an aligned face
        x, y, width, height = where.box
        side = min(width, height)
        corner = np.array([x + (width - side) / 2, y + (height - side) / 2])
        landmarks = TEMPLATE * side + corner - 0.5
    else:
        landmarks = where.landmarks
    matrix = similarity(landmarks, (TEMPLATE - (1 - CROP) / 2) / CROP * size - 0.5)  # picture to face
    corners = np.array([[0, 0], [0, size], [size, 0], [size, size]]) - 0.5
    back = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    left, top = (max(0, int(v)) for v in np.floor(back.min(0)))
    right = min(picture.shape[1], int(np.ceil(back[:, 0].max())) + 1)
    bottom = min(picture.shape[0], int(np.ceil(back[:, 1].max())) + 1)
    if right <= left or bottom <= top:
        return picture.copy()
    shifted = np.column_stack([matrix[:, :2], matrix[:, :2] @ (left, top) + matrix[:, 2]])
    flags, shape = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, (right - left, bottom - top)
    content = face.astype(np.float32) - (0 if before is None else before)
    placed = cv2.warpAffine(content, shifted, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(
        _oval(max(size, 128)),
        _rescaled(shifted, max(size, 128) / size),
        shape,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    mask = np.asarray(mask, np.float32)[..., None]
    under = picture[top:bottom, left:right].astype(np.float32)
    if before is not None:
        known = cv2.warpAffine(
            before.astype(np.float32), shifted, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        change = cv2.warpAffine(
            _replaced(content), shifted, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        placed = placed + under - change[..., None] * (under - known)
    elif mask.sum() > 1:
        placed = _recoloured(np.asarray(placed, np.float32), under, mask)
    result = picture.copy()
    result[top:bottom, left:right] = np.clip(placed * mask + under * (1 - mask) + 0.5, 0, 255).astype(
        np.uint8
    )
    return result


def _replaced(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S): where a difference (S, S, 3) in grey levels is so large that something else is seen there, 0 to
    1."""
    low, high = REPLACES
    size = np.abs(cv2.GaussianBlur(difference, (0, 0), len(difference) / 64)).mean(2)
    share: NDArray[np.float32] = np.clip((size - low) / (high - low), 0, 1)
    return share


def _oval(size: int) -> NDArray[np.float32]:
    """(size, size): 1 on the face, falling smoothly to 0 before the edge."""
    rows, columns = (np.mgrid[:size, :size] + 0.5) / size
    away = np.hypot((columns - 0.5) / 0.47, (rows - 0.52) / 0.47)  # 1 on the outer oval
    ramp = np.clip((1 - away) / 0.3, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def _rescaled(matrix: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """The same map onto pictures that are ``factor`` times as large."""
    return np.column_stack([matrix[:, :2] * factor, (matrix[:, 2] + 0.5) * factor - 0.5])


def _recoloured(
    face: NDArray[np.float32], under: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A face with the mean and, within bounds, the contrast of what lies under it."""
    weight = mask / mask.sum()
    means = [(picture * weight).sum((0, 1)) for picture in (face, under)]
    spreads = [
        np.sqrt((((picture - mean) ** 2) * weight).sum((0, 1)))
        for picture, mean in zip((face, under), means, strict=True)
    ]
    gain = np.clip(spreads[1] / np.maximum(spreads[0], 1), 0.7, 1.4)
    return np.asarray((face - means[0]) * gain + means[1], np.float32)


def _check_strength(strength: float, name: str = "strength") -> None:
    if not 0 <= strength <= STRONGEST:
        raise InputError(f"{name} {strength:g}: take a number from 0 to {STRONGEST:g}")


def reenact_files(
    source: str,
    target: str,
    out: Path,
    reenactor: Reenactor,
    *,
    paste: bool = False,
    cropped: bool = False,
    strength: float = STRENGTH,
    every: int = 1,
    note: Callable[[str], None] = lambda _: None,
    progress: bool = True,
) -> int:
    """Write the target's person with the source's expression: a picture, or a video where the source is one.

    In a video the face that is largest at first is followed; while none is seen the last picture stands.

    Args:
        source: picture or video whose expression is taken.
        target: picture whose person is taken.
        out: .png, .jpg and the like; for a video .mp4, .mov or .mkv.
        reenactor: loaded weights.
        paste: write the target picture with the face blended in.
        cropped: the pictures are aligned faces already.
        strength: how far to go from f(e) of the target (0) to that of the source (1), or beyond, to 3.
        every: in videos, detect in every so many frames.
        note: hears lines about broken parts.
        progress: show a bar.

    Returns:
        How many pictures or frames were written.

    Raises:
        InputError: an input cannot be read or shows no face; ``out`` does not fit or cannot be written.
    """
    _check_strength(strength, "--strength")
    if is_video(target):
        raise InputError(f"--target {target}: is a video; give a picture of the person")
    if any(same_file(out, Path(path)) for path in (source, target)):
        raise InputError(f"--out {out}: is one of the inputs; choose another name")
    if not is_video(source):
        save_picture(reenactor(source, target, paste=paste, cropped=cropped, strength=strength), out)
        return 1
    whose, picture = reenactor.find(target, "target", cropped)
    person = reenactor.see(whose)
    last: Picture | None = None
    followed = _Followed()
    written = seen = 0
    with VideoWriter(out) as writer, progress_bar(progress) as bar:
        task = bar.add_task("frames", total=0, images=1, note="")
        for shots in video_shots(
            source,
            reenactor.detector,
            every=every,
            aligner=reenactor.aligner,
            note=note,
            opened=lambda expected: bar.update(task, total=expected or 0),
        ):
            faces = [followed.find(shot) for shot in shots]
            present = [face for face in faces if face is not None]
            made: Iterator[Picture] = iter(
                reenactor.reenact(reenactor.expression_codes(present), person, strength) if present else ()
            )
            for shot, face in zip(shots, faces, strict=True):
                if face is not None:
                    new = next(made)
                    last = reenactor.paste(new, picture, whose, person) if paste else new
                    seen += 1
                elif last is None:
                    continue  # nothing to show yet
                assert shot.time_s is not None
                writer.write(last, shot.time_s)
                written += 1
            bar.update(task, advance=len(shots))
        if not seen:
            raise InputError(f"--source {source}: no face found in any frame; give a video that shows one")
    return written


class _Followed:
    """The face of a video that is followed: the largest, as long as it does not stay away."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._seen = 0.0
        self._known: set[int] = set()

    def find(self, shot: Shot) -> Sighting | None:
        """It in this frame; None while it is away for a moment. Faces that are all new mean a new scene."""
        assert shot.time_s is not None
        mine = [face for face in shot.faces if face.face == self._number]
        others = {face.face for face in shot.faces}
        away = not mine and shot.time_s - self._seen <= PATIENCE
        if away and others & self._known:
            return None
        self._known |= others
        face = max(mine or shot.faces, key=lambda face: face.box[2] * face.box[3], default=None)
        if face is not None:
            self._number, self._seen = face.face, shot.time_s
        return face
