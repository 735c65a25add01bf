"""Fake data sets: the real file names with tiny generated pictures."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image


def picture(shade: int = 128) -> bytes:
    """A grey 8x8 PNG."""
    stream = io.BytesIO()
    Image.new("L", (8, 8), shade).save(stream, "PNG")
    return stream.getvalue()


def plant(root: Path, names: Iterable[str], text: dict[str, str] | None = None) -> Path:
    """Pictures under the given names, and text files with the given contents."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture())
    for name, content in (text or {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    root.mkdir(parents=True, exist_ok=True)
    return root


def zipped(root: Path) -> Path:
    """The same tree as a zip archive beside it."""
    archive = root.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(root).as_posix())
    return archive
