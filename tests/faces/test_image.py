import io
import re
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from relgan.errors import InputError
from relgan.faces import image
from relgan.faces.image import decode


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    """Grey values that differ in all four corners."""
    rows, columns = np.mgrid[:height, :width]
    return (rows * 6 + columns * 4).astype(np.uint8)


def test_rgb_png_comes_back_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(picture), "PNG"), "a.png"), picture)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_grey_is_repeated_in_three_channels(kind: str) -> None:
    result = decode(encoded(Image.fromarray(gradient()), kind), "a")
    np.testing.assert_array_equal(result, np.repeat(gradient()[..., None], 3, 2))


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    result = decode(encoded(Image.fromarray(gradient()), "PNG", exif=exif), "a.png")
    np.testing.assert_array_equal(result[..., 0], np.rot90(gradient(), -1))


def test_a_damaged_mark_beside_that_of_orientation_is_no_matter() -> None:
    marks = Image.Exif()
    marks[0x0112], marks[0x010F] = 6, "Maker"
    data = bytearray(encoded(Image.new("RGB", (40, 30)), "JPEG", exif=marks))
    entry = (
        data.index(b"\x01\x0f\x00\x02") if b"\x01\x0f\x00\x02" in data else data.index(b"\x0f\x01\x02\x00")
    )
    for kind in range(256):
        data[entry + 2 : entry + 4] = bytes([kind, kind])
        assert decode(bytes(data), "a.jpg").shape == (40, 30, 3)


def test_cmyk_jpeg_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert decode(encoded(red, "JPEG", quality=95), "a.jpg")[8, 8] == pytest.approx([255, 0, 0], abs=6)


def test_16_bit_grey_is_scaled_by_the_range_of_the_type() -> None:
    values = np.array([[0, 257, 20_000, 65_535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        result = decode(encoded(Image.fromarray(values), kind), "a")
        np.testing.assert_array_equal(result[0, :, 0], [0, 1, 78, 255])


def test_12_bits_in_a_16_bit_file_are_no_black_picture() -> None:
    values = np.array([[0, 2048, 4095]], np.uint16)
    result = decode(encoded(Image.fromarray(values), "PNG"), "a")
    np.testing.assert_array_equal(result[0, :, 0], [0, 128, 255])


def test_float_tiff_is_scaled() -> None:
    values = np.array([[0.0, 0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(
        decode(encoded(Image.fromarray(values), "TIFF"), "a")[0, :, 0], [0, 128, 255]
    )


def test_transparent_becomes_white() -> None:
    picture = Image.new("RGBA", (4, 4), (10, 20, 30, 255))
    picture.putpixel((1, 2), (10, 20, 30, 0))
    result = decode(encoded(picture, "PNG"), "a.png")
    assert result[2, 1].tolist() == [255, 255, 255]
    assert result[0, 0].tolist() == [10, 20, 30]


def test_palette_with_transparency() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    picture.putpixel((0, 0), 0)
    result = decode(encoded(picture, "PNG", transparency=0), "a.png")
    assert result[0, 0].tolist() == [255, 255, 255]
    assert result[3, 3].tolist() == [200, 100, 50]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    result = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a.gif")
    assert result.shape == (8, 8, 3)
    assert result[0, 0].tolist() == [255, 0, 0]


def test_one_pixel() -> None:
    assert decode(encoded(Image.new("RGB", (1, 1), "blue"), "PNG"), "a.png").tolist() == [[[0, 0, 255]]]


def test_large_pictures_are_reduced_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_SIDE", 100)
    for kind in ("JPEG", "PNG"):
        assert decode(encoded(Image.new("RGB", (1000, 500), "red"), kind), "a").shape == (50, 100, 3)


def test_large_jpeg_is_not_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_SIDE", 100)
    asked = []
    original = JpegImagePlugin.JpegImageFile.draft

    def spy(self: Any, mode: str, size: tuple[int, int]) -> Any:
        result = original(self, mode, size)
        asked.append(self.size)
        return result

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", spy)
    decode(encoded(Image.new("RGB", (1000, 500), "red"), "JPEG"), "a")
    assert asked == [(125, 63)]


BROKEN = {
    "zero bytes": b"",
    "text": b"This is not a picture.\nAt all.\n",
    "truncated jpeg": encoded(Image.fromarray(gradient(200, 300)), "JPEG")[:900],
    "truncated png": encoded(Image.fromarray(gradient(200, 300)), "PNG")[:900],
    "png header alone": encoded(Image.fromarray(gradient()), "PNG")[:20],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_give_one_line_with_the_name(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^some/x\.png: ") as caught:
        decode(data, "some/x.png")
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    header = (50_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    body = zlib.compress(b"")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match=re.escape("x.png: too large")):
        decode(bomb, "x.png")


def test_formats_that_start_other_programs_are_refused() -> None:
    with pytest.raises(InputError, match="EPS files are not read"):
        decode(encoded(Image.fromarray(gradient()), "EPS"), "a.eps")
