"""MMI: videos of posed expressions, each session in its own folder.

``Sessions/224/S002-106.avi`` (person S002), ``S002-106.xml`` with ``<Metatag Name="Emotion" Value="1"/>`` and
``session.xml`` with ``<track view="0">`` (0 frontal, 1 profile, 2 both in one picture). Layout, codes and the
turned videos as in public parsers of the download (Pantic et al. 2005; Valstar and Pantic 2010): frontal
videos without ``-oao_aucs.xml`` among their annotations lie on their side. One parser names exceptions by
person instead, so look at the prepared faces. The middle three frames of the frontal videos of the six
expressions are read.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from relgan.data.face import Face, read_bytes
from relgan.data.reader import TEN_FOLDS, Published, Reader, Reading, Skipped, refuse, stem
from relgan.data.video import frames_at, videos_in
from relgan.errors import InputError

CODES = {1: "anger", 2: "disgust", 3: "fear", 4: "happiness", 5: "sadness", 6: "surprise"}
VIEWS = {"1": "profile view", "2": "dual view: face and profile in one picture"}
PLACES = (0.45, 0.5, 0.55)
NAME = re.compile(r"(?P<person>S\d{3})-(?P<take>\d+)", re.IGNORECASE)


def read(root: Path) -> Reading:
    """Three frames from the middle of each frontal video of the six expressions.

    Raises:
        InputError: a video that is not named as MMI names it, or annotations that are no XML.
    """
    videos, others, skipped = videos_in(root)
    annotations = {path for path in others if path.lower().endswith(".xml")}
    skipped += [
        Skipped(path, "not a video (still picture or other file)")
        for path in others
        if path not in annotations
    ]
    faces: list[Face] = []
    wrong: list[str] = []
    for video in videos:
        name = NAME.fullmatch(stem(video))
        if name is None:
            wrong.append(video)
            continue
        folder = video.rpartition("/")[0]
        meta, session = f"{folder}/{stem(video)}.xml", f"{folder}/session.xml"
        emotion = emotion_in(meta) if meta in annotations else None
        view, upright = view_in(session) if session in annotations else ("0", True)
        if emotion is None:
            skipped.append(Skipped(video, "session without an emotion label"))
        elif emotion not in CODES:
            skipped.append(Skipped(video, f"session with emotion code {emotion}, none of the six"))
        elif view in VIEWS:
            skipped.append(Skipped(video, VIEWS[view]))
        else:
            paths = frames_at(video, PLACES, 0 if upright else 90)
            person = name["person"].upper()
            faces += [Face(path, CODES[emotion], person, stem(video), n) for n, path in enumerate(paths)]
    if wrong:
        refuse(wrong, "MMI names videos like S002-106.avi; remove the others")
    return Reading(faces, skipped)


def emotion_in(path: str) -> int | None:
    """The emotion code of a session, None where it has none."""
    for tag in parsed(path).iter("Metatag"):
        value = tag.get("Value", "")
        if tag.get("Name") == "Emotion" and value.isdecimal():
            return int(value)
    return None


def view_in(path: str) -> tuple[str, bool]:
    """The view of a session's video, and whether it stands upright."""
    session = parsed(path)
    track = next(session.iter("track"), None)
    files = [element.get("filename", "") for element in session.iter("annotation")]
    return (track.get("view", "0") if track is not None else "0"), bool(files) and "oao_aucs.xml" in files[-1]


def parsed(path: str) -> ElementTree.Element:
    """An XML file.

    Raises:
        InputError: it is none.
    """
    try:
        return ElementTree.fromstring(read_bytes(path))
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: not readable as XML ({error}); download the session again") from error


MMI = Reader(
    name="mmi",
    title="MMI",
    read=read,
    layout="Sessions/224/{S002-106.avi,S002-106.xml,session.xml}",
    protocol=TEN_FOLDS,
    citation="Pantic, Valstar, Rademaker, Maat: Web-based database for facial expression analysis, ICME 2005",
    published=Published(
        source="Li and Deng 2020 (survey): 205 labelled frontal sequences, here three frames of each",
        faces=len(PLACES) * 205,
        sequences=205,
    ),
)
