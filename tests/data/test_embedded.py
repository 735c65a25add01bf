import io

import numpy as np
import pytest
from PIL import Image
from trees import plant, zipped

from relgan.data.face import read_bytes
from relgan.errors import InputError

av = pytest.importorskip("av", reason="the extra relgan[video] is not installed")


def film(path, frames=20, container="flv", codec="flv"):
    """A clip whose frame n has a left half of grey 10 n and a black right half."""
    with av.open(str(path), "w", format=container) as target:
        stream = target.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[:, :32] = 10 * number
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                target.mux(packet)
        for packet in stream.encode():
            target.mux(packet)
    return path


def pixels_of(path):
    return np.asarray(Image.open(io.BytesIO(read_bytes(path))))


@pytest.mark.parametrize(("container", "codec"), [("flv", "flv"), ("mp4", "mpeg4"), ("avi", "mpeg4")])
@pytest.mark.parametrize(("at", "frame"), [("0", 0), ("0.25", 5), ("0.5", 10), ("1", 19)])
def test_a_fraction_names_a_frame(tmp_path, container, codec, at, frame):
    clip = film(tmp_path / f"1001_DFA_ANG_XX.{container}", container=container, codec=codec)
    pixels = pixels_of(f"{clip}#at={at}")
    assert pixels.shape == (48, 64, 3)
    assert abs(float(pixels[20:28, 8:24].mean()) - 10 * frame) < 4


def test_frames_come_out_of_an_archive_too(tmp_path):
    (tmp_path / "c").mkdir()
    film(tmp_path / "c" / "x.flv")
    assert pixels_of(f"{zipped(tmp_path / 'c')}/x.flv#at=0.5").shape == (48, 64, 3)


def test_a_turned_frame_is_turned_clockwise(tmp_path):
    pixels = pixels_of(f"{film(tmp_path / 'x.avi', 20, 'avi', 'mpeg4')}#at=0.9&turn=90")
    assert pixels.shape == (64, 48, 3)
    assert pixels[4:28].mean() > 150
    assert pixels[36:60].mean() < 20


def test_a_lone_fragment_sign_in_a_file_name_is_no_fragment(tmp_path):
    root = plant(tmp_path, ["a#1.png", "b#at=x.png"])
    assert read_bytes(f"{root}/a#1.png") == read_bytes(f"{root}/b#at=x.png")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"no video at all", "not a readable video"),
    ],
)
def test_a_file_that_is_no_video_says_so(tmp_path, content, message):
    (tmp_path / "x.flv").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.flv: .*{message}"):
        read_bytes(f"{tmp_path}/x.flv#at=0.5")


def test_a_sound_file_has_no_frames(tmp_path):
    with av.open(str(tmp_path / "x.wav"), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        for packet in [*stream.encode(sound), *stream.encode()]:
            target.mux(packet)
    with pytest.raises(InputError, match=r"x\.wav: not a readable video"):
        read_bytes(f"{tmp_path}/x.wav#at=0.5")


@pytest.mark.parametrize("where", ["0+5", "0+4000", "900+10", "6+3"])
def test_a_range_without_a_square_of_pixels_is_refused(tmp_path, where):
    (tmp_path / "t.csv").write_text("text, 1 2 3 4\n")
    with pytest.raises(InputError, match=r"t\.csv: .*byte"):
        read_bytes(f"{tmp_path}/t.csv#pixels={where}")
