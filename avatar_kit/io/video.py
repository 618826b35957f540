"""Reading videos as people have them: rotated, of varying frame rate, with damaged packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from avatar_kit.errors import UserError
from avatar_kit.io.timeline import frame_rate, is_constant, resample_nearest
from avatar_kit.io.video_writer import VideoWriter

__all__ = ["VideoReader", "VideoWriter", "read_frames", "read_video"]

#: Containers that store no presentation times; what FFmpeg reports for them is a guess.
_UNTIMED = ("avi",)

#: A demuxer that fails this often is not going to recover.
_MAX_DEMUX_ERRORS = 100


def read_video(path: str | Path) -> VideoReader:
    """Open a video.

    Raises:
        UserError: The file is missing, holds no video, or its first frames cannot be decoded.
    """
    return VideoReader(path)


class VideoReader:
    """The pictures of a video at a constant frame rate; can be iterated again and again.

    A damaged packet loses only its own frames. They leave a gap: the frames after it follow, and
    ``gaps`` says where. Rotation flags are applied. A video of varying frame rate is brought to
    its usual rate by taking the nearest frame in time.

    Attributes:
        path: The file.
        fps: Frames per second of what is yielded.
        width: Width in pixels, after rotation.
        height: Height in pixels, after rotation.
        corrupt: Frames that were lost to damage; complete after an iteration.
        gaps: Numbers of the yielded frames that do not follow the one before them in time;
            complete after an iteration.
        suspect: Numbers of the yielded frames that were predicted from lost ones: between a loss
            and the next key frame; complete after an iteration. They may show smears.
        constant: Whether the file had a constant frame rate.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.corrupt = 0
        self.gaps: list[int] = []
        self.suspect: list[int] = []
        self._times, tick = self._scan()
        self.fps = self._rate(tick)
        self.constant = is_constant(self._times, self.fps, tick)
        self._slots = (
            np.arange(len(self._times))
            if self.constant
            else resample_nearest(self._times, self.fps)
        )
        first = next((image for _, image, _ in self._decode()), None)
        if first is None:
            raise UserError(
                f"{path}: no frame of the video can be decoded; convert it to H.264 mp4"
            )
        self.height, self.width = first.shape[:2]

    @property
    def start(self) -> float:
        """Seconds on the clock of the file at which the first picture is shown."""
        return float(self._times[0])

    def __len__(self) -> int:
        """How many frames an undamaged file gives."""
        return len(self._slots)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Pictures [H, W, 3] uint8 RGB.

        Raises:
            UserError: The size of the picture changes, or nothing can be decoded.
        """
        self.corrupt, self.gaps, self.suspect = 0, [], []
        repeats = np.bincount(self._slots, minlength=len(self._times))
        given, expected, damaged = 0, 0, False
        for number, image, is_key in self._decode():
            if image.shape[:2] != (self.height, self.width):
                raise UserError(
                    f"{self.path}: frame {number} is {image.shape[1]}x{image.shape[0]} pixels, the "
                    f"first was {self.width}x{self.height}; cut the video where its size changes"
                )
            if number < expected:
                continue  # after damage a decoder may give a frame out of turn
            if number > expected:
                self.corrupt += number - expected
                if repeats[expected:number].any():
                    self.gaps.append(given)
            damaged = (damaged or number > expected) and not is_key
            expected = number + 1
            for _ in range(repeats[number]):
                if damaged:
                    self.suspect.append(given)
                given += 1
                yield image
        self.corrupt += len(self._times) - expected

    def _open(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        try:
            container = av.open(str(self.path))
        except FileNotFoundError:
            raise UserError(f"{self.path}: no such video") from None
        except (FFmpegError, OSError) as error:
            raise UserError(
                f"{self.path}: cannot be opened as a video ({error}); convert it to H.264 mp4"
            ) from None
        if not container.streams.video:
            container.close()
            raise UserError(f"{self.path}: holds no video stream")
        return container, container.streams.video[0]

    def _scan(self) -> tuple[np.ndarray, float]:
        """Presentation times of all packets in seconds, and the clock's tick."""
        container, stream = self._open()
        with container:
            tick = float(stream.time_base or Fraction(1, 25))
            packets = [p for p in _packets(container, stream) if p.size and not p.is_discard]
            times = [p.pts for p in packets if p.pts is not None]
            known = len(times) == len(packets) > 1
            self._timed = known and container.format.name not in _UNTIMED
            if self._timed:
                unique = np.unique(np.array(times, dtype=np.float64)) * tick
            else:  # one packet, one frame
                rate = float(stream.average_rate or 25)
                unique, tick = np.arange(len(packets)) / rate, 0.0
        if len(unique) == 0:
            raise UserError(f"{self.path}: the video has no frames")
        return unique, tick

    def _rate(self, tick: float) -> float:
        container, stream = self._open()
        with container:
            nominal = float(stream.average_rate or stream.guessed_rate or 25)
        if len(self._times) < 2:
            return nominal
        found = frame_rate(self._times, tick)
        return nominal if abs(found - nominal) < 1e-3 * nominal else found

    def _decode(self) -> Iterator[tuple[int, np.ndarray, bool]]:
        """Number in presentation order, upright picture, and whether it is a key frame."""
        for count, frame in self._numbered():
            yield count, _upright(frame), bool(frame.key_frame)

    def _numbered(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Number in presentation order and frame, of those that are not damaged."""
        container, stream = self._open()
        with container:
            stream.thread_type = "AUTO"
            tick, count = float(stream.time_base or 0), -1
            for frame in _frames(container, stream):
                if frame.is_corrupt:
                    continue
                count = self._number(frame, tick, count)
                if 0 <= count < len(self._times):
                    yield count, frame

    def _number(self, frame: av.VideoFrame, tick: float, last: int) -> int:
        if frame.pts is None or not self._timed:
            return last + 1
        return int(np.abs(self._times - frame.pts * tick).argmin())


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
    """Packets up to the end, going on after damage that the demuxer can step over."""
    for _ in range(_MAX_DEMUX_ERRORS):
        try:
            yield from container.demux(stream)
            return
        except FFmpegError:
            continue


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    for packet in _packets(container, stream):
        try:
            yield from packet.decode()
        except FFmpegError:
            continue


def _upright(frame: av.VideoFrame) -> np.ndarray:
    image = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def play(path: str | Path) -> Iterator[tuple[float, Callable[[], np.ndarray]]]:
    """The frames of a video as they follow each other, to be shown at their times.

    Args:
        path: The video.

    Yields:
        When a frame is shown, seconds from the first one; and what makes a picture [H, W, 3] uint8
        RGB of it, upright: who leaves a frame out is spared that.

    Raises:
        UserError: The file is missing, or holds no video.
    """
    reader = read_video(path)
    for number, frame in reader._numbered():
        yield float(reader._times[number] - reader._times[0]), partial(_upright, frame)


def read_frames(path: Path, wanted: Iterable[int]) -> Iterator[np.ndarray]:
    """Chosen frames of a constant-rate video; rising numbers need one pass.

    Args:
        path: The video.
        wanted: Frame numbers, in the order they are to come.

    Raises:
        UserError: A frame is lost to damage or beyond the end.
    """
    reader = read_video(path)
    source, last = reader._decode(), (-1, np.empty(0), True)
    for frame in wanted:
        if frame < last[0]:
            source = reader._decode()
            last = next(source)
        while last[0] < frame:
            last = next(source, (frame + 1, *last[1:]))
        if last[0] != frame:
            raise UserError(f"{path}: frame {frame} cannot be decoded; restore the file")
        yield last[1]
