"""Bytes of a picture file to an array, whatever the file's colour model, depth, orientation or state."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from relgan.errors import InputError

# A picture that states more pixels is refused before it is decoded (100 MP cameras pass; 450 MB as RGB).
MAX_PIXELS = 150_000_000
# A longer side is reduced to this: nothing that finds faces or crops them to 112 pixels needs more.
MAX_SIDE = 4096
# What cameras and data sets use. Pillow also knows formats for which it starts other programs (EPS).
FORMATS = (
    "JPEG", "MPO", "PNG", "BMP", "DIB", "TIFF", "GIF", "WEBP", "AVIF", "PPM", "JPEG2000", "TGA", "PCX", "SGI",
)  # fmt: skip

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation mark (EXIF 2.3, 4.6.4)."""


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8 RGB, upright.

    The camera's orientation mark is applied; grey, palette, CMYK and 16-bit pictures are converted over their
    full range; what is transparent becomes white; of an animation the first frame is taken. A picture whose
    longer side is over ``MAX_SIDE`` is reduced to it.

    Args:
        data: the file's bytes.
        name: what to call the file in an error.

    Raises:
        InputError: the bytes are no picture, are cut short, or state more than ``MAX_PIXELS`` pixels.
    """
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes); copy it again or take it out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warnings on large pictures and odd metadata
            with Image.open(io.BytesIO(data)) as picture:  # reads the header only
                if picture.format not in FORMATS:
                    raise ValueError(f"{picture.format} files are not read; save it as PNG")
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise Image.DecompressionBombError(f"{width}x{height} pixels")
                if (side := max(width, height)) > MAX_SIDE:
                    # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; others ignore this.
                    wanted = (max(1, width * MAX_SIDE // side), max(1, height * MAX_SIDE // side))
                    picture.draft("RGB", wanted)
                turned = upright(picture)
            rgb = to_rgb(turned)
            if max(rgb.size) > MAX_SIDE:
                rgb.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX, reducing_gap=None)
            return np.array(rgb)
    except Image.DecompressionBombError as error:
        limit = f"{MAX_PIXELS // 1_000_000} megapixels"
        raise InputError(
            f"{name}: too large ({error}); pictures up to {limit} are read, reduce it first"
        ) from error
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # Pillow's decoders raise nearly everything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "not a known picture format"
        raise InputError(f"{name}: not a picture that Pillow can read ({reason})") from error


def original_size(data: bytes) -> int:
    """The longer side of the picture in a file, in pixels, before :func:`decode` reduced it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as picture:
            return max(picture.size)


def upright(picture: Image.Image) -> Image.Image:
    """A copy of a picture, turned as the camera's orientation mark says.

    Pillow's own ``exif_transpose`` writes all marks anew and fails where any of them is damaged.
    """
    try:
        turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # marks nobody can read
        turn = None
    return picture.copy() if turn is None else picture.transpose(turn)


def to_rgb(picture: Image.Image) -> Image.Image:
    """A picture of any mode as RGB: deep grey values over their full range, transparent as white."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return _stretch(picture).convert("RGB")
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _stretch(picture: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits to 8 bits: the full range of the type is mapped, not the picture's own.

    Fractions are taken as 0 to 1, 0 to 255 or 0 to 65535, whole numbers as 12-bit (as cameras for science
    leave them in 16-bit files), 16-bit or 31-bit: the first range that holds them all.
    """
    values = np.nan_to_num(np.asarray(picture).astype(np.float64))
    highest = values.max(initial=0.0)
    peaks = (1.0, 255.0, 65535.0) if picture.mode == "F" else (4095.0, 65535.0)
    peak = next((p for p in peaks if highest <= p), float(2**31 - 1))
    return Image.fromarray(np.clip(values / peak * 255 + 0.5, 0, 255).astype(np.uint8))
