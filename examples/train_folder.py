"""Train on your own pictures, beginning with the packaged weights, and try the result on a picture.

    python examples/train_folder.py ROOT 'REGEX' OUT PICTURE [WEIGHTS [STEPS]]

ROOT/<expression>/<file>, the person found in each path by REGEX, such as 'person(\\d+)'. What `relgan train
folder ROOT --subject-pattern REGEX --from synthetic --out OUT` does, in Python. STEPS of each stage
are a taste.
"""

import sys
from dataclasses import replace
from pathlib import Path

from relgan import Recognizer
from relgan.config import preset, tuned
from relgan.study import align_datasets
from relgan.train import train
from relgan.training import make_fabric
from relgan.weights import load_weights


def main(arguments: list[str]) -> None:
    root, pattern, out, picture = Path(arguments[0]), arguments[1], Path(arguments[2]), arguments[3]
    start = load_weights(arguments[4] if len(arguments) > 4 else "synthetic")
    config = tuned(start.fitted(preset("fast")))
    if len(arguments) > 5:  # a taste
        steps = int(arguments[5])
        config = replace(
            config,
            reenactment=config.reenactment.lasting(steps),
            baseline=config.baseline.lasting(steps),
        )

    data = align_datasets([("folder", root)], out, subject_pattern=pattern)
    print(f"{len(data)} faces of {len(data.people)} people show {', '.join(data.classes)}")

    fabric = make_fabric(config.precision)  # the GPU if there is one
    train(data, config, out=out, fabric=fabric, start=start, dataset="folder", command=" ".join(sys.argv))

    faces = Recognizer.load(out).predict(picture)
    print(faces[["face", "expression"]].to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1:])
