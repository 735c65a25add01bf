"""Videos: frames with the container's times, faces in them, and files written, in constant memory."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from relgan.errors import InputError
from relgan.faces.align import align
from relgan.faces.detect import Detector
from relgan.faces.image import MAX_SIDE
from relgan.frames import upright
from relgan.pictures import Picture, shrunk
from relgan.shots import TOGETHER, TOGETHER_BYTES, Aligner, Shot, Sighting, from_left
from relgan.tracks import Scene, Tracker

# Of written videos, a second: fine enough for every frame rate, constant or not. MPEG-4 takes 65,535 at most.
TICKS = {"libx264": 90_000, "mpeg4": 60_000}
BACK = 1.0  # seconds; a frame that lies further back is after a new start of the clock
WRITABLE = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame: its number from 0, seconds from the beginning, (H, W, 3) uint8 RGB, and as in Shot its
    scale."""

    number: int
    time_s: float
    picture: Picture
    scale: float = 1.0


class Video:
    """A video file, opened for reading.

    Args:
        path: the file.
        fps: frames a second to give; None: all there are.

    Raises:
        InputError: the package av is missing; the file is no video, or holds no moving picture.
    """

    def __init__(self, path: str, fps: float | None = None) -> None:
        av = _av(path)
        self.path, self.fps, self.broken, self.seen, self.decoded = path, fps, 0, 0.0, 0
        self.restarts = 0
        if Path(path).is_file() and Path(path).stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); copy it again or take it out")
        if not Path(path).is_file() and ".zip/" in path.lower():
            raise InputError(f"{path}: videos in archives are not read; unpack it first")
        try:
            # As a whole path: "10:20.mp4" would be a protocol.
            self._container = av.open(os.path.abspath(path), "r", metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{path}: not a readable video ({_reason(error)}); copy it again") from error
        streams = [s for s in self._container.streams.video if not _is_cover(s)]
        if not streams:
            sound = bool(self._container.streams.audio)
            self._container.close()
            if sound:
                raise InputError(f"{path}: only sound, no moving picture")
            raise InputError(f"{path}: holds no moving picture")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"

    @property
    def seconds(self) -> float | None:
        """The length that the container states, if it does."""
        return None if self._container.duration is None else self._container.duration / 1_000_000

    @property
    def ends(self) -> float | None:
        """When its pictures end, seconds, as the stream or else the container states."""
        stream = self._stream
        if stream.duration is None or stream.time_base is None:
            return self.seconds
        return float(stream.duration * stream.time_base)

    @property
    def stated(self) -> int:
        """How many frames the container says there are; 0 where it does not say."""
        return int(self._stream.frames)

    @property
    def expected(self) -> int | None:
        """About how many frames :meth:`frames` gives, if the container says."""
        if self.fps is not None:
            return None if self.seconds is None else max(1, round(self.seconds * self.fps))
        if self.stated:
            return self.stated
        rate = self._stream.average_rate
        return None if self.seconds is None or not rate else max(1, round(self.seconds * float(rate)))

    def frames(self) -> Iterator[Frame]:
        """The frames upright, in the order they are shown; what is broken is counted in ``broken``.

        Times count from the beginning as players show it: the container's start, sound included. A frame
        without a time gets the time at which the average rate puts it. Where the clock starts again, as in
        recordings that were put end to end, time goes on; ``restarts`` counts it.
        """
        av = _av(self.path)
        begin = (self._container.start_time or 0) / 1_000_000
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        number, time, due = -1, -1 / rate, -1e9
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                decoded = packet.decode()
            except StopIteration:
                break
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, ValueError):
                self.broken += 1
                if self.broken > 100 * (number + 11):  # nothing but noise
                    break
                continue
            for raw in decoded:
                number += 1
                self.decoded = number + 1
                self.broken += raw.is_corrupt
                then = time + 1 / rate
                time = then if raw.time is None else float(raw.time) - begin
                if time < then - BACK:
                    begin -= then - time
                    time, self.restarts = then, self.restarts + 1
                self.seen = max(self.seen, time + 1 / rate)
                if self.fps is not None:
                    if time < due - 0.5 / rate:
                        continue
                    due = time + 1 / self.fps if time > due + 1 / self.fps else due + 1 / self.fps
                picture, scale = shrunk(upright(raw, self._stream), MAX_SIDE)
                yield Frame(number, max(0.0, time), picture, scale)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def video_shots(
    path: str,
    detector: Detector,
    *,
    every: int = 1,
    fps: float | None = None,
    aligner: Aligner = align,
    note: Callable[[str], None] = lambda _: None,
    opened: Callable[[int | None], None] = lambda _: None,
) -> Iterator[list[Shot]]:
    """The frames of a video with the faces in them, some at a time; ``face`` numbers the tracks.

    Every frame is given, also those without a face. Memory does not grow with the length.

    Args:
        path: the video.
        detector: finds faces in every ``every``-th frame; in between they are followed.
        every: 1 for detection in every frame.
        fps: frames a second to look at; None: all.
        aligner: cuts out each face.
        note: hears a line about broken parts.
        opened: hears about how many frames there will be.

    Raises:
        InputError: not a video, no frame can be decoded, or an option cannot be.
    """
    if every < 1:
        raise InputError(f"--every {every}: give 1 for detection in every frame, or more")
    if fps is not None and not fps > 0:
        raise InputError(f"--fps {fps:g}: give frames a second above 0")
    tracker, last = Tracker(), None
    with Video(path, fps) as video:
        opened(video.expected)
        scene = Scene()
        count = 0
        for batch in _batches(video.frames()):
            greys = [np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY), np.uint8) for frame in batch]
            before = [last, *greys[:-1]]
            cuts = [scene.cut(grey) for grey in greys]
            looked = [(count + i) % every == 0 or cut for i, cut in enumerate(cuts)]
            found = iter(detector([f.picture for f, look in zip(batch, looked, strict=True) if look]))
            shots = []
            for i, frame in enumerate(batch):
                if cuts[i]:
                    tracker.cut()
                old = before[i]
                if looked[i] or old is None:
                    tracks = tracker.link(from_left(next(found)), frame.time_s)
                else:
                    tracks = tracker.follow(old, greys[i], frame.time_s)
                faces = [
                    Sighting(
                        t.number, t.box, t.detection, t.landmarks.copy(), aligner(frame.picture, t.landmarks)
                    )
                    for t in tracks
                ]
                shots.append(Shot(path, frame.number, frame.time_s, frame.picture, frame.scale, faces))
            count, last = count + len(batch), greys[-1]
            yield shots
        if not count:
            raise InputError(f"{path}: a video of which no frame can be decoded; copy it again")
        if video.broken:
            note(f"{path}: {video.broken} broken packets")
        if video.restarts:
            note(f"{path}: its clock starts again ({video.restarts} x); time_s goes on")
        ends, seen = video.ends, video.seen
        if ends is not None and ends - seen > max(1.0, 0.05 * ends):
            note(f"{path}: its pictures end after {seen:.1f} of {ends:.1f} s; was all of it copied?")
        elif video.stated - video.decoded > max(5, 0.05 * video.stated):
            note(f"{path}: its pictures end after {video.decoded} of {video.stated}; was all of it copied?")


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) >= TOGETHER or len(batch) * frame.picture.nbytes >= TOGETHER_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


class VideoWriter:
    """Writes RGB pictures with their times as H.264; the file appears under its name when it is whole.

    Args:
        path: .mp4, .mov or .mkv.

    Raises:
        InputError: another suffix, the package av is missing, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        av = _av(str(path))
        if path.suffix.lower() not in WRITABLE:
            raise InputError(f"{path}: videos are written as {', '.join(WRITABLE)}; choose one of these")
        self.path, self._beside = path, path.with_name(path.name + ".part")
        if path.is_dir():
            raise InputError(f"{path}: a folder; give the name of a file")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._beside.touch()  # the container is opened when the first picture is written
            self._container = av.open(
                os.path.abspath(self._beside), "w", format=WRITABLE[path.suffix.lower()]
            )
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{path}: cannot be written ({_reason(error)})") from error
        self._stream: Any = None
        self._base = Fraction(0)
        self._last = -1

    def write(self, picture: Picture, time_s: float) -> None:
        """Add a picture (H, W, 3); all have the size of the first. Times that do not grow are pushed on."""
        av = _av(str(self.path))
        if self._stream is None:
            self._open(av, picture)
        height, width = self._stream.height, self._stream.width
        down, right = max(0, height - picture.shape[0]), max(0, width - picture.shape[1])
        if picture.shape[:2] != (height, width):  # odd sides: H.264 wants even ones
            picture = np.asarray(
                cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE)[:height, :width],
                np.uint8,
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._last = max(self._last + 1, round(time_s / self._base))
        frame.pts, frame.time_base = self._last, self._base
        self._encode(frame)

    def _encode(self, frame: Any) -> None:
        """One frame, or with None what is left."""
        av = _av(str(self.path))
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{self.path}: cannot be written ({_reason(error)})") from error

    def _open(self, av: Any, picture: Picture) -> None:
        codec = next(name for name in TICKS if name in av.codecs_available)
        self._base = Fraction(1, TICKS[codec])
        self._stream = self._container.add_stream(codec, rate=30)
        self._stream.width = picture.shape[1] + picture.shape[1] % 2
        self._stream.height = picture.shape[0] + picture.shape[0] % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = self._base
        if codec == "libx264":
            self._stream.options = {"crf": "18", "preset": "veryfast"}
        else:
            self._stream.bit_rate = 4_000_000

    def close(self, keep: bool = True) -> None:
        """Finish the file; without ``keep`` leave nothing."""
        av = _av(str(self.path))
        try:
            if keep and self._stream is not None:
                self._encode(None)
            self._container.close()
            if keep and self._stream is not None:
                self._beside.replace(self.path)
        except (av.error.FFmpegError, OSError) as error:
            if keep:  # else something has gone wrong already, and is being told
                raise InputError(f"{self.path}: cannot be written ({_reason(error)})") from error
        finally:
            self._beside.unlink(missing_ok=True)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep=kind is None)


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the picture on the cover of a song."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def _av(path: str) -> Any:
    try:
        import av
    except ImportError as error:
        raise InputError(f"{path}: videos need the package av; pip install 'relgan[video]'") from error
    return av


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
