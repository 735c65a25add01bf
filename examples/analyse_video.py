"""What did each face in a video show, second by second?

    python examples/analyse_video.py CLIP.mp4 [WEIGHTS]

Detects faces in every fifth frame and follows them in between. But for the table, memory does not grow with
the length.
"""

import sys

import pandas as pd

from relgan import Recognizer


def main(arguments: list[str]) -> None:
    recognizer = Recognizer.load(*arguments[1:2])
    rows = recognizer.predict(arguments[0], every=5)
    classes = list(recognizer.classes_)
    print(f"{rows.face.nunique()} people in {rows.frame.nunique()} frames")

    # `face` is the number of the person's track; mean probabilities of each second of each.
    rows["second"] = rows.time_s.astype(int)
    seconds = rows.groupby(["face", "second"])[classes].mean()
    seconds["expression"] = seconds.idxmax(axis=1)
    for person, course in seconds.groupby("face"):
        changes = course[course.expression != course.expression.shift()]
        steps = [f"{second} s {row.expression}" for (_, second), row in changes.iterrows()]
        print(f"person {person}: {', '.join(steps)}")

    share: pd.DataFrame = rows.groupby("face").expression.value_counts(normalize=True).unstack(fill_value=0)
    print(share.round(2).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
