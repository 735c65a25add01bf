"""Put the expression of one person on the face of another.

    python examples/reenact.py SOURCE TARGET OUT_FOLDER [WEIGHTS]

Writes the new face alone, the target picture with the face put back, and the steps from the target's own
expression to the source's: a walk between two expression codes on one identity.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from relgan import Reenactor


def main(arguments: list[str]) -> None:
    source, target, out = arguments[0], arguments[1], Path(arguments[2])
    out.mkdir(parents=True, exist_ok=True)
    reenactor = Reenactor.load(*arguments[3:4])

    reenactor(source=source, target=target).save(out / "face.png")
    reenactor(source=source, target=target, paste=True).save(out / "pasted.png")

    # The same by hand: codes of both faces, mixed in seven steps, decoded with the target's identity.
    driving, _ = reenactor.find(source, "source")
    person, _ = reenactor.find(target, "target")
    own, wanted = reenactor.expression_codes([person, driving])
    steps = torch.stack([own + (wanted - own) * share for share in np.linspace(0, 1, 7)])
    faces = reenactor.reenact(steps, reenactor.see(person))
    Image.fromarray(np.concatenate(list(faces), axis=1)).save(out / "walk.png")
    print(f"see {out / 'face.png'}, {out / 'pasted.png'}, {out / 'walk.png'}")


if __name__ == "__main__":
    main(sys.argv[1:])
