"""What FFmpeg's demuxers and decoders give of a video file, going on after damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.filter import Graph
from av.stream import Disposition

from avatar_kit.errors import UserError
from avatar_kit.io.colour import filters
from avatar_kit.io.unreadable import not_a_video

#: A demuxer that fails this often is not going to recover.
_MAX_DEMUX_ERRORS = 100

#: Metadata are texts of anybody: what is no UTF-8 is replaced, by PyAV 19 without being asked.
_ANY_TEXT: dict[str, Any] = (
    {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
)


@dataclass
class Packets:
    """What the packets of one video tell.

    Attributes:
        size: Width and height in pixels, as the file says.
        cover: Whether it is a picture that goes with the file.
        times: Presentation times of those that are shown, in ticks.
        all: How many there are.
        shown: How many are to be shown and whole.
        broken: How many are not whole.
    """

    size: tuple[int, int]
    cover: bool
    times: list[int]
    all: int = 0
    shown: int = 0
    broken: int = 0

    @property
    def timed(self) -> bool:
        """Whether each tells its time."""
        return len(self.times) == self.shown > 1


def packets_of_videos(container: Any) -> dict[int, Packets]:
    """By the index of a video stream, what its packets tell; their content is not kept."""
    found = {}
    for stream in container.streams.video:
        context = stream.codec_context
        size = (context.width, context.height) if context else (0, 0)
        found[stream.index] = Packets(size, bool(stream.disposition & Disposition.attached_pic), [])
    if found:
        for packet in _packets(container, *container.streams.video):
            about = found[packet.stream.index]
            about.all += bool(packet.size)
            about.broken += packet.is_corrupt
            if packet.size and not packet.is_discard and not packet.is_corrupt:
                about.shown += 1
                if packet.pts is not None:
                    about.times.append(packet.pts)
    return found


def opened(path: Path) -> av.container.InputContainer:
    """A file that FFmpeg takes for a video.

    Raises:
        UserError: It takes it for none, or for a picture.
    """
    try:
        container = av.open(str(path), **_ANY_TEXT)
    except (FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be opened as a video ({error}); convert it to H.264 mp4"
        ) from None
    if container.format.name == "image2" or container.format.name.endswith("_pipe"):
        container.close()
        raise not_a_video(path)
    return container


def _packets(container: av.container.InputContainer, *streams: Any) -> Iterator[av.Packet]:
    """Packets up to the end, going on after damage that the demuxer can step over."""
    for _ in range(_MAX_DEMUX_ERRORS):
        try:
            yield from container.demux(*streams)
            return
        except FFmpegError:
            continue


def decoded_frames(container: Any, stream: av.VideoStream, decoder: Any) -> Iterator[av.VideoFrame]:
    """The frames that are not damaged."""
    for packet in _packets(container, stream):
        if packet.is_corrupt:
            continue
        try:
            decoded = decoder.decode(packet if packet.size else None)
        except FFmpegError:
            continue
        yield from (frame for frame in decoded if not frame.is_corrupt)


def progressive(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Frames of which those of two fields are made whole; as many as there were."""
    graph = None
    for frame in frames:
        if graph is None:
            options = {"mode": "send_frame", "deint": "interlaced"}
            graph = filters(frame, frame.time_base or Fraction(1, 25), ("bwdif", options))
        graph.vpush(frame)
        yield from _drained(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _drained(graph)


def _drained(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return
