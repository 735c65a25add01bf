"""How far a training run has come, written down so that a killed one goes on from there."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from relgan.errors import InputError
from relgan.files import whole
from relgan.training import place_rates

CHECKPOINT = "checkpoint.pt"
"""In the folder of a run; the caller deletes it when what the run is for is safely written."""
CHECKPOINT_SECONDS = 60.0
"""How much work a killed run can lose."""


def mark_of(*told: Any) -> str:
    """SHA-256 of whatever JSON can say: tells apart the runs that it was made of."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Checkpoint:
    """The checkpoint of one run.

    Args:
        folder: of the run.
        mark: tells the run apart from those with other settings or faces.
        parts: networks and optimisers by name; what they hold is restored in place.
        device: where they are.
    """

    def __init__(self, folder: Path, mark: str, parts: Mapping[str, Any], device: torch.device) -> None:
        self._path, self._mark, self._parts, self._device = folder / CHECKPOINT, mark, parts, device

    def resumed(self) -> dict[str, Any] | None:
        """What else was written down, once the parts are as they were; None where there is no checkpoint.

        Raises:
            InputError: it belongs to a run with other settings or other faces, or cannot be read.
        """
        path = self._path
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(
                f"{path}: not a readable checkpoint ({error}); delete it to start again"
            ) from error
        if state.get("fingerprint") != self._mark:
            raise InputError(
                f"{path}: from a run with other settings or faces; delete it or choose another --out"
            )
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
            if isinstance(part, torch.optim.Optimizer):
                place_rates(part, self._device)
        return state

    def write(self, **told: Any) -> None:
        """Write the parts and what else is told: the old file or the new one, never half of either."""
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        with whole(self._path) as beside:
            torch.save({"fingerprint": self._mark, **told, **parts}, beside)
