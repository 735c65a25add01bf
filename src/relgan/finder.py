"""What Recognizer and Reenactor share: the device, and the faces found and aligned for the networks."""

import threading
from typing import Any

from relgan.devices import usable_device
from relgan.faces.cropped import CropDetector
from relgan.faces.detect import Detector
from relgan.shots import aligner_named
from relgan.weights import Weights


class FaceFinder:
    """Base of what is given pictures and uses trained networks on the faces in them.

    Args:
        weights: the networks, which say how faces are to be aligned.
        device: name of the device; "auto" is the GPU if there is one.
    """

    def __init__(self, weights: Weights, device: str = "auto") -> None:
        self.weights, self.device = weights, device
        self._start()

    def _start(self) -> None:
        """What is not pickled: a subclass adds its own."""
        self._device = usable_device(self.device)
        self.aligner = aligner_named(self.weights.card.align)
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._crop_detector: CropDetector | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def detector(self) -> Detector:
        """Finds the faces in pictures; made when it is first used."""
        with self._lock:
            if self._detector is None:
                self._detector = Detector(device=self._where)
            return self._detector

    @property
    def crop_detector(self) -> CropDetector:
        """Finds the landmarks in pictures that are cut to the face; made when it is first used."""
        with self._lock:
            if self._crop_detector is None:
                self._crop_detector = CropDetector(device=self._where)
            return self._crop_detector

    @property
    def _where(self) -> str:
        return str(self._device) if self._device.type == "cuda" else "cpu"
