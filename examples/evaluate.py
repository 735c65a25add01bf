"""Compare the CNN baseline and REL-GAN on people neither has seen, from Python.

    python examples/evaluate.py                      # the packaged synthetic people, a few steps
    python examples/evaluate.py ROOT 'REGEX' OUT     # ROOT/<expression>/<file>, person by REGEX, preset fast

What `relgan evaluate` does, with the steps one may want to change laid open.
"""

import sys
from dataclasses import replace
from pathlib import Path

from relgan.config import preset, scaled, tuned
from relgan.crossval import evaluate
from relgan.report import print_results
from relgan.study import study_of
from relgan.synthesis.sample import sample_path
from relgan.training import make_fabric
from relgan.weights import load_weights


def main(arguments: list[str]) -> None:
    config, weights = preset("fast"), None
    if len(arguments) == 3:
        root, pattern, out = Path(arguments[0]), arguments[1], Path(arguments[2])
        study = study_of("folder", root, out, subject_pattern=pattern)
        weights = load_weights(config.start)  # every fold begins with them
        config = tuned(weights.fitted(config))
    else:
        out = Path(arguments[0] if arguments else "example-run")
        study = study_of("synthetic", sample_path(), out)
        # A taste: a hundredth of the steps, at half the size, from scratch, on the first fold.
        config = scaled(replace(config, size=32, start="scratch"), 0.01)
        study = replace(study, folds=study.folds[:1], notes=["only a taste: a hundredth of preset fast"])

    print(f"{study.protocol}: {len(study.data)} faces of {len(study.data.people)} people")
    for fold in study.folds:
        parts = len(fold.train), len(fold.validation), len(fold.test)
        print(f"fold {fold.index}: {parts[0]} faces train, {parts[1]} choose, {parts[2]} test")

    fabric = make_fabric(config.precision)  # the GPU if there is one
    results = evaluate(study, config, out=out, fabric=fabric, seeds=[0], start=weights)
    print_results(results)
    print(f"see {out / 'report.html'}")


if __name__ == "__main__":
    main(sys.argv[1:])
