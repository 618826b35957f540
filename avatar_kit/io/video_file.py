"""The frames of a video file as they follow each other: upright, of square pixels, in BT.709."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from avatar_kit.errors import UserError
from avatar_kit.io.claimed_size import claimed_size
from avatar_kit.io.colour import Colour, ToPicture
from avatar_kit.io.demux import Packets, decoded_frames, opened, packets_of_videos, progressive
from avatar_kit.io.timeline import before_holes
from avatar_kit.io.unreadable import check_file, check_size

#: Containers that store no presentation times; what FFmpeg reports for them is a guess.
_UNTIMED = ("avi",)
#: Frames that are looked at before a video is read: for alpha, and for fields.
PROBED_FRAMES = 12
#: Frames of the whole video that tell how bright it is.
_SPREAD_FRAMES = 6
#: A channel of alpha that is never lower than this hides nothing.
OPAQUE = 250
#: Part of the border of a picture that is transparent around a person.
_MIN_CLEAR_BORDER = 0.5
#: Sides of a pixel are hardly ever further apart than this.
_MAX_ASPECT = 4.0
#: Codec -> the decoder that knows its alpha, which FFmpeg's own leaves out.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class SourceFrame:
    """A frame that can be made a picture of.

    Attributes:
        number: In presentation order.
        is_key: Whether it was stored without the help of others.
        picture: Makes [H, W, 3] uint8 RGB, of a source with alpha [H, W, 4], straight.
    """

    number: int
    is_key: bool
    picture: Callable[[], np.ndarray]


class VideoFile:
    """The main video of a file.

    A damaged packet loses only its own frames; the others are given with their numbers.

    Args:
        path: The file.

    Attributes:
        path: The file.
        width: Of the pictures in pixels, upright and square.
        height: As ``width``.
        turns: Quarters of a circle, clockwise, that make the stored pictures upright.
        times: [N] presentation times in seconds, rising.
        tick: Resolution of the clock in seconds; 0 if the file stores no times.
        rate: Frames per second, as the file says.
        alpha: Whether pictures have alpha that hides something.
        missing: Frames that the index promises and the file does not hold.
        metadata: What file and stream say of themselves.
        notes: What was done to the pictures, and what was left out.

    Raises:
        UserError: It is no video (says what it is), or cannot be decoded.
    """

    def __init__(self, path: Path):
        self.path = path
        self.files = [path]
        self.notes: list[str] = []
        self.missing = 0
        check_file(path)
        self._choose()
        self._decoder: str | None = None
        self._look()

    def _choose(self) -> None:
        """Take the main video and its times."""
        with opened(self.path) as container:
            packets = packets_of_videos(container)
            stream = self._main(container, packets)
            self._index, about = stream.index, packets[stream.index]
            self.tick = float(stream.time_base or Fraction(1, 25))
            self.rate = float(stream.average_rate or stream.guessed_rate or 25)
            self.metadata = {**container.metadata, **stream.metadata}
            self._timed = about.timed and container.format.name not in _UNTIMED
            if self._timed:
                self.times = np.unique(np.array(about.times, dtype=np.float64)) * self.tick
            else:  # one packet, one frame
                self.times, self.tick = np.arange(about.shown) / self.rate, 0.0
            if len(self.times) == 0:
                raise UserError(f"{self.path}: the video has no frames")
            promised = stream.frames or round(_seconds(container, stream) * self.rate)
        short = claimed_size(self.path) > self.path.stat().st_size
        if short and promised > about.all - about.broken:
            self.times = before_holes(self.times)
            self.missing = promised - len(self.times)
            self.notes.append(
                f"the file is cut off: {self.missing} of {promised} frames are missing; copy it "
                "anew from the camera"
            )
        elif short and not promised:
            self.notes.append("the file is cut off, its end is missing; copy it anew")

    def _main(self, container: Any, packets: dict[int, Packets]) -> av.VideoStream:
        """The largest video that is no cover."""
        if not packets:
            known = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            what = "sound alone" if known == "audio" else known
            raise UserError(f"{self.path}: holds no video stream, but {what}")
        moving = {i: p for i, p in packets.items() if not p.cover}
        if moving and max(p.all for p in moving.values()) > 1:
            moving = {i: p for i, p in moving.items() if p.all > 1}
        if not moving:
            raise UserError(f"{self.path}: holds a cover picture and no video")
        if len(moving) < len(packets):
            self.notes.append("a cover picture in the file left out")
        for about in moving.values():
            check_size(self.path, width=about.size[0], height=about.size[1], frames=about.all)
        best = max(moving, key=lambda index: moving[index].size[0] * moving[index].size[1])
        if len(moving) > 1:
            width, height = moving[best].size
            self.notes.append(f"{len(moving)} videos in the file: the one of {width}x{height} read")
        return container.streams[best]

    def _look(self) -> None:
        """Learn from the first frames how the pictures are stored."""
        with opened(self.path) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, av.VideoStream)
            context: Any = stream.codec_context
            if context is None:
                raise UserError(f"{self.path}: its codec is not known; convert it to H.264 mp4")
            if stream.metadata.get("alpha_mode") == "1":
                self._decoder = self._alpha_decoder(context.codec.canonical_name)
            aspect = stream.sample_aspect_ratio
        self._stored: tuple[int, int] | None = None
        frames = islice(self._decoded(), PROBED_FRAMES)
        first = next(frames, None)
        if first is None:
            raise UserError(
                f"{self.path}: no frame of the video can be decoded; convert it to H.264 mp4"
            )
        self._stored, self.turns = (first.width, first.height), -round(first.rotation / 90) % 4
        colour, size = Colour.of(context, first, self.path), self._square(aspect, first)
        if colour.transfer != "SDR":
            signal = ToPicture(colour, self._stored).signal
            colour = colour.with_white(map(signal, chain([first], self._spread())))
        see_through = ToPicture(colour, size, alpha=True)
        has_alpha = any(channel.is_alpha for channel in first.format.components)
        self._fields, alphas = False, []
        for frame in chain([first], frames):
            self._fields |= frame.interlaced_frame
            if has_alpha:
                alphas.append(see_through(frame)[..., 3])
        if self._fields:
            self.notes.append("interlaced, made progressive (bwdif)")
        self.notes += colour.notes
        self.alpha, note = is_mask(alphas)
        self.notes += note
        self._to_picture = see_through if self.alpha else ToPicture(colour, size)
        self.width, self.height = size[::-1] if self.turns % 2 else size

    def _alpha_decoder(self, codec: str) -> str | None:
        name = _ALPHA_DECODERS.get(codec)
        if name in av.codecs_available:
            return name
        self.notes.append("its alpha cannot be read here and is left out")
        return None

    def _square(self, aspect: Fraction | None, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height of the stored picture in square pixels; none is lost."""
        width, height = frame.width, frame.height
        if not aspect or aspect == 1:
            return width, height
        if not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
            self.notes.append(
                f"pixels of {aspect.numerator}:{aspect.denominator}, which is not believed: taken "
                "as square"
            )
            return width, height
        grown = max(aspect, 1 / aspect) * (width if aspect > 1 else height)
        even = 2 * round(grown / 2)
        size = (even, height) if aspect > 1 else (width, even)
        if abs(grown - (width if aspect > 1 else height)) < 1:
            return width, height
        check_size(self.path, width=size[0], height=size[1])
        self.notes.append(
            f"pixels of {aspect.numerator}:{aspect.denominator} made square: {width}x{height} to "
            f"{size[0]}x{size[1]}"
        )
        return size

    def frames(self) -> Iterator[SourceFrame]:
        """The frames that are not damaged.

        Raises:
            UserError: The size of the picture changes.
        """
        source, last = self._decoded(), -1
        for frame in progressive(source) if self._fields else source:
            last = self._number(frame, last)
            if 0 <= last < len(self.times):
                picture = partial(self._picture, frame)
                yield SourceFrame(last, bool(frame.key_frame), picture)

    def _picture(self, frame: av.VideoFrame) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(self._to_picture(frame), -self.turns))

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with opened(self.path) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, av.VideoStream)
            decoder: Any = stream.codec_context
            if self._decoder is not None:
                decoder = av.CodecContext.create(self._decoder, "r")
                decoder.extradata = stream.codec_context.extradata
            decoder.thread_type = "AUTO"
            for count, frame in enumerate(decoded_frames(container, stream, decoder)):
                if self._stored and (frame.width, frame.height) != self._stored:
                    raise UserError(
                        f"{self.path}: frame {count} is {frame.width}x{frame.height} pixels, the "
                        f"first was {self._stored[0]}x{self._stored[1]}; cut the video where its "
                        "size changes"
                    )
                if frame.time_base is None:
                    frame.time_base = stream.time_base
                yield frame

    def _spread(self) -> Iterator[av.VideoFrame]:
        """A few frames from the whole of the video."""
        with opened(self.path) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, av.VideoStream)
            for place in np.linspace(0, len(self.times) - 1, _SPREAD_FRAMES).astype(int):
                try:
                    container.seek(int(self.times[place] / stream.time_base), stream=stream)
                except FFmpegError:
                    continue
                decoder = stream.codec_context
                if (frame := next(decoded_frames(container, stream, decoder), None)) is not None:
                    yield frame

    def _number(self, frame: av.VideoFrame, last: int) -> int:
        if frame.pts is None or not self._timed:
            return last + 1
        time = frame.pts * float(frame.time_base or 0)
        if time > self.times[-1] + 0.5 / self.rate:  # behind the end of what is whole
            return len(self.times)
        return int(np.abs(self.times - time).argmin())


def is_mask(alphas: Sequence[np.ndarray]) -> tuple[bool, list[str]]:
    """Whether the alpha of some pictures cuts out a person, and what to say of it.

    Around a person most of the border is transparent. Where it is not, something else was keyed.

    Args:
        alphas: [H, W] uint8 of the first pictures; none of a video without alpha.
    """
    hiding = [alpha for alpha in alphas if alpha.min() < OPAQUE]
    if not hiding:
        return False, []
    edges = [np.concatenate([a[0], a[-1], a[:, 0], a[:, -1]]) < 128 for a in hiding]
    share = float(np.mean([edge.mean() for edge in edges]))
    if share >= _MIN_CLEAR_BORDER:
        return True, ["its alpha is the mask of the person"]
    return False, [
        f"its alpha is left out: it keeps {1 - share:.0%} of the border of the picture, so it cuts "
        "out no person"
    ]


def _seconds(container: Any, stream: av.VideoStream) -> float:
    """How long a video says it is; 0 if it does not."""
    said = stream.metadata.get("DURATION", "")  # Matroska
    try:
        hours, minutes, seconds = (float(part) for part in said.split(":"))
        return 3600 * hours + 60 * minutes + seconds
    except ValueError:
        return (container.duration or 0) / av.time_base
