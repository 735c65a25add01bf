"""How well do weights that were trained on one data set recognise the faces of another?

    python examples/cross_dataset.py jaffe jaffe.zip runs/cross            # packaged weights
    python examples/cross_dataset.py ck48 CK+48 runs/cross runs/mine       # weights of `relgan train`

Only expressions that both know are compared: other probabilities are left out, other faces too.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from relgan import Recognizer
from relgan.study import align_dataset


def main(arguments: list[str]) -> None:
    dataset, root, out = arguments[0], Path(arguments[1]), Path(arguments[2])
    recognizer = Recognizer.load(*arguments[3:4])
    aligned = align_dataset(dataset, root, out)

    shown = {face.expression for face in aligned.faces}
    shared = [name for name in recognizer.classes_ if name in shown]
    keep = [i for i, face in enumerate(aligned.faces) if face.expression in shared]
    truth = np.array([aligned.faces[i].expression for i in keep])
    print(f"{len(keep)} of {len(aligned.faces)} faces show one of {', '.join(shared)}")

    columns = [list(recognizer.classes_).index(name) for name in shared]
    probabilities = recognizer.predict_proba(aligned.pictures[keep])[:, columns]
    guessed = np.array(shared)[probabilities.argmax(1)]

    print(classification_report(truth, guessed, labels=shared, zero_division=0))
    results = {
        "dataset": dataset,
        "faces": len(keep),
        "accuracy": float((truth == guessed).mean()),
        "expressions": shared,
        "confusion": confusion_matrix(truth, guessed, labels=shared).tolist(),
    }
    (out / "cross.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"accuracy {results['accuracy']:.3f}; see {out / 'cross.json'}")


if __name__ == "__main__":
    main(sys.argv[1:])
