"""Which expressions do the faces in a folder show? A table of every face, and a summary.

    python examples/predict_folder.py PHOTOS                   # packaged weights
    python examples/predict_folder.py PHOTOS runs/mine         # weights that `relgan train` made

What `relgan predict PHOTOS --csv faces.csv` does, in Python.
"""

import sys
from pathlib import Path

from relgan import Recognizer


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    recognizer = Recognizer.load(*arguments[1:2])
    faces = recognizer.predict(folder)  # pictures that cannot be read are warned of

    print(f"{len(faces)} faces in {faces.input.nunique()} files")
    for expression, count in faces.expression.value_counts().items():
        print(f"  {expression:10s} {count}")

    # The face of which each expression is most certain.
    for expression in recognizer.classes_:
        if len(faces):
            best = faces.loc[faces[expression].idxmax()]
            print(f"most {expression}: {best.input} face {best.face}, {100 * best[expression]:.0f} %")

    faces.to_csv("faces.csv", index=False)
    print("see faces.csv")


if __name__ == "__main__":
    main(sys.argv[1:])
