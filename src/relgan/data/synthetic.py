"""Faces made by ``relgan synthesize``: pictures and a manifest.csv with person, expression and frame."""

from pathlib import Path

from relgan.data.listing import find_manifest, read_manifest
from relgan.data.reader import TEN_FOLDS, Reader, Reading
from relgan.errors import InputError


def read(root: Path) -> Reading:
    """Faces of the manifest; columns that are no field of a face (age, pose, ...) are reported, not used.

    Raises:
        InputError: there is no manifest, or it cannot be understood.
    """
    manifest = find_manifest(root)
    if manifest is None:
        raise InputError(
            f"{root}: no manifest.csv; expected {SYNTHETIC.layout}, as relgan synthesize writes them"
        )
    return read_manifest(manifest, root)


SYNTHETIC = Reader(
    name="synthetic",
    title="synthetic faces",
    read=read,
    layout="manifest.csv beside the pictures",
    protocol=TEN_FOLDS,
    citation="made by relgan synthesize",
    aligned=True,
)
