"""The estimator people import: faces to expression codes, probabilities and tables; scikit-learn's names."""

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from relgan.config import RecognitionConfig
from relgan.data.augment import CENTRE, SOME_VIEWS
from relgan.data.face import Face
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError, first_of
from relgan.expressions import CANONICAL, canonical, classes_of
from relgan.finder import FaceFinder
from relgan.folded import folded_encoder
from relgan.models import Classifier
from relgan.pictures import Picture, as_faces, as_picture, each_of, find_files, is_video, looks_bgr, unread
from relgan.recognition import classify, encode, train_stage2
from relgan.shots import TOGETHER, Shot, picture_shots, shots_of
from relgan.tables import code_columns, frame_of
from relgan.video import video_shots
from relgan.weights import Weights, load_or_packaged

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float32]

DEFAULT_WEIGHTS = "wild"
VIEWS = 6
"""Of a photograph, where not given."""


class Recognizer(FaceFinder):
    """Recognises expressions in photographs, videos and faces, with the encoder of stage 1 as it is.

    Several threads may predict with one recogniser at once; pickled it takes its weights along.

    Args:
        weights: the networks; see :meth:`load`.
        device: "auto" is the GPU if there is one.
        views: over how many views of a face its probabilities are averaged: 10 (centre and corners, mirrored
            and not, as in the protocol), 6 (two of the corners), 2 (none) or 1 (the centre as it is).
            None: 6 for pictures, 1 for frames of videos.

    Attributes:
        classes_: the expressions it tells apart, in the order of the columns of ``predict_proba``; canonical
            strings.
        weights: the networks it was made with.

    Example:
        >>> recognizer = Recognizer.load()
        >>> table = recognizer.predict(["a.jpg", "b.jpg"])
        >>> codes = recognizer.transform(aligned_faces)
    """

    def __init__(self, weights: Weights, device: str = "auto", views: int | None = None) -> None:
        _check_views(views)
        self.views = views
        self.classes_ = np.array(weights.card.expressions, dtype=np.str_)
        self._classifier: Classifier | None = weights.classifier
        super().__init__(weights, device)

    def _start(self) -> None:
        super()._start()
        encoder = folded_encoder(self.weights.generator.expression_encoder).requires_grad_(False)
        self._encoder = encoder.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(
        cls, weights: str | os.PathLike[str] | None = None, device: str = "auto", views: int | None = None
    ) -> "Recognizer":
        """A recogniser with packaged weights, "wild" (where None) or "synthetic", or those of a folder that
        ``relgan train`` or ``relgan pretrain`` made.

        Raises:
            InputError: there are no such weights, they are damaged, or an option cannot be.
        """
        return cls(load_or_packaged(weights, DEFAULT_WEIGHTS), device, views)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "weights": self.weights, "device": self.device, "views": self.views,
            "classes_": self.classes_, "_classifier": self._classifier,
        }  # fmt: skip

    def fit(
        self, faces: Any, labels: Sequence[str], config: RecognitionConfig | None = None, seed: int = 0
    ) -> "Recognizer":
        """Train the classifier (stage 2) on faces of yours; the encoder stays as it is.

        Args:
            faces: aligned faces, (n, H, W, 3) uint8 RGB, or a list of them or of their files.
            labels: an expression for each; spellings such as "happy" are understood.
            config: epochs, views a face and so on; the paper's where not given.
            seed: of the initial weights and the order.

        Raises:
            InputError: faces and labels do not fit, or a label is no expression.
        """
        pictures, config = as_faces(faces), config or RecognitionConfig()
        names = [canonical(str(label)) for label in labels]
        unknown = sorted({str(label) for label, name in zip(labels, names, strict=True) if name is None})
        if unknown:
            raise InputError(f"labels: unknown {', '.join(unknown)}; take {', '.join(CANONICAL)}")
        if len(names) != len(pictures):
            raise InputError(f"labels: {len(names)} for {len(pictures)} faces; give one for each face")
        classes = classes_of(names)
        if len(classes) < 2:
            raise InputError(f"labels: all are {classes or 'missing'}; give two expressions or more")
        data = FaceTensors.of([Face("", name) for name in names], pictures, classes)
        self._classifier = train_stage2(self._encoder, data.to(self._device), config, seed, self._size)
        self.classes_ = np.array(classes, dtype=np.str_)
        return self

    def transform(self, faces: Any) -> Floats:
        """The expression codes f(e) of aligned faces, of the centre view.

        Args:
            faces: (n, H, W, 3) uint8 RGB, aligned as ``relgan prepare`` does or at least closely cropped; or
                a list of such arrays, PIL images or files.

        Returns:
            (n, D) float32: 7 numbers with the packaged weights.
        """
        return self._codes(as_faces(faces), CENTRE)[:, 0].numpy()

    def predict_proba(self, faces: Any, views: int | None = None) -> Floats:
        """The probability of each expression for aligned faces.

        Args:
            faces: as in :meth:`transform`.
            views: overrides the recogniser's.

        Returns:
            (n, len(classes_)) float32; rows sum to 1.
        """
        _check_views(views)
        codes = self._codes(as_faces(faces), SOME_VIEWS[views or self.views or VIEWS])
        if not len(codes):
            return np.zeros((0, len(self.classes_)), np.float32)
        return classify(self._trained(), codes)

    def predict(
        self,
        pictures: Any,
        *,
        cropped: bool = False,
        every: int = 1,
        fps: float | None = None,
    ) -> "pd.DataFrame":
        """Find the faces in pictures and videos and recognise their expressions.

        Args:
            pictures: a file, folder or glob; a PIL image; an array, (H, W, 3) uint8 RGB (not OpenCV's BGR) or
                (H, W) grey; or any number of these. An array (n, H, W, 3) is n pictures.
            cropped: the pictures are cut to one face each; its landmarks alone are looked for, and every
                picture gives a row. (Faces as ``relgan prepare`` leaves them: :meth:`predict_proba`.)
            every: in videos, detect in every so many frames and follow the faces in between.
            fps: of videos, look at so many frames a second; None: all.

        Returns:
            One row per face: input (the file, or the position in the list), frame and time_s (of videos),
            face, x, y, w, h (pixels), detection (score), a probability for each of ``classes_``, expression.
            ``table.attrs["skipped"]`` lists what gave no row, and why; each is a warning too.

        Raises:
            InputError: none of what is given can be read, or is a picture.
        """
        from pandas import concat

        self._trained()
        items = _items(pictures)
        skipped: list[tuple[str, str]] = []
        parts = []
        for shots in self._shots(items, cropped, every, fps, lambda name, line: skipped.append((name, line))):
            parts.append(self.describe(shots))
        wrong = unread(line for _, line in skipped)
        if wrong and len(wrong) == len(items):
            raise InputError(first_of(wrong))
        for _, line in skipped:
            warnings.warn(line, stacklevel=2)
        table = concat(parts, ignore_index=True) if parts else self.describe([])
        table.attrs["skipped"] = skipped
        return table

    def describe(self, shots: Sequence[Shot]) -> "pd.DataFrame":
        """The rows of some shots, with probabilities and the most likely expression."""
        crops = _crops(shots)
        of_video = bool(shots) and shots[0].frame is not None
        probabilities = self.predict_proba(crops, self.views or (1 if of_video else None))
        table = frame_of(shots, probabilities, [str(name) for name in self.classes_])
        table["expression"] = self.classes_[probabilities.argmax(1)].astype(object)
        return table

    def embed(self, shots: Sequence[Shot]) -> "pd.DataFrame":
        """The rows of some shots, with the expression code."""
        codes = self.transform(_crops(shots))
        return frame_of(shots, codes, code_columns(self.weights.card.expression_dim))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the networks, with the classifier as fitted, as a folder for :meth:`load`.

        Raises:
            InputError: the folder cannot be written.
        """
        from relgan.weights import save_weights

        card, fitted = self.weights.card, self._classifier is not self.weights.classifier
        try:
            save_weights(
                Path(folder),
                self.weights.generator,
                [str(name) for name in self.classes_],
                card.provenance | ({"classifier": "fitted by Recognizer.fit"} if fitted else {}),
                classifier=self._classifier,
                baseline=None if fitted else self.weights.baseline,
                measured={} if fitted else card.measured,
                align=card.align,
            )
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from error

    @property
    def _size(self) -> int:
        return self.weights.card.size

    def _trained(self) -> Classifier:
        if self._classifier is None:
            raise InputError("these weights have no classifier; call fit, or give weights of relgan train")
        return self._classifier

    def _codes(self, faces: Picture, variants: tuple[int, ...]) -> torch.Tensor:
        """(n, V, D) codes of V views of (n, 112, 112, 3) faces."""
        if not len(faces):
            return torch.zeros(0, len(variants), self.weights.card.expression_dim)
        data = FaceTensors.of([Face("")] * len(faces), faces, [])
        return encode(
            self._encoder, replace(data, pictures=data.pictures.to(self._device)), variants, self._size
        )

    def _shots(
        self, items: Sequence[Any], cropped: bool, every: int, fps: float | None, skip: Any
    ) -> Iterable[list[Shot]]:
        """Shots of pictures of every kind, in their order."""
        detector = self.crop_detector if cropped else self.detector
        warned = False
        for kind, run in _runs(items):
            if kind == "video":
                for _, path in run:
                    try:
                        yield from video_shots(
                            path, self.detector, every=every, fps=fps, aligner=self.aligner
                        )
                    except InputError as error:
                        skip(path, str(error))
            elif kind == "file":
                yield from picture_shots([path for _, path in run], detector, skip, self.aligner)
            else:
                for start in range(0, len(run), TOGETHER):
                    read = []
                    for name, item in run[start : start + TOGETHER]:
                        try:
                            read.append((name, as_picture(item, f"picture {name}"), 1.0))
                        except InputError as error:
                            skip(name, str(error))
                    shots = shots_of(read, detector, skip, self.aligner)
                    if not warned and looks_bgr([face.crop for shot in shots for face in shot.faces]):
                        warned = True
                        warnings.warn(
                            "the faces look as if red and blue were exchanged: pictures must be RGB, and "
                            "OpenCV reads BGR; turn them round with picture[..., ::-1]",
                            stacklevel=4,
                        )
                    yield shots


def _items(pictures: Any) -> list[tuple[str, Any]]:
    """Named pictures from what predict is given."""
    if isinstance(pictures, str | os.PathLike):
        files, wrong, _ = find_files([pictures])
        if wrong:
            raise InputError(wrong[0])
        return [(file, file) for file in files]
    if isinstance(pictures, Image.Image) or (hasattr(pictures, "ndim") and pictures.ndim in (2, 3)):
        return [("0", pictures)]
    items: list[tuple[str, Any]] = []
    for position, picture in enumerate(each_of(pictures)):
        if isinstance(picture, str | os.PathLike):
            files, wrong, _ = find_files([picture])
            items += [(file, file) for file in files] or [(os.fspath(picture), os.fspath(picture))]
        else:
            items.append((str(position), picture))
    return items


def _runs(items: Sequence[tuple[str, Any]]) -> Iterable[tuple[str, list[tuple[str, Any]]]]:
    """Neighbours of one kind together: "file", "video" or "picture"."""
    from itertools import groupby

    def kind(item: tuple[str, Any]) -> str:
        if not isinstance(item[1], str):
            return "picture"
        return "video" if is_video(item[1]) else "file"

    for name, run in groupby(items, kind):
        yield name, list(run)


def _crops(shots: Sequence[Shot]) -> Picture:
    crops = [face.crop for shot in shots for face in shot.faces]
    return np.stack(crops) if crops else as_faces([])


def _check_views(views: int | None) -> None:
    if views is not None and views not in SOME_VIEWS:
        raise InputError(f"--views {views}: give {', '.join(map(str, SOME_VIEWS))}")
