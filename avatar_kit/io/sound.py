"""The sound of one video, carried into another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.error import FFmpegError

from avatar_kit.errors import UserError
from avatar_kit.io.demux import opened
from avatar_kit.io.documents import check_regular

#: Suffix of a container -> codecs of sound that are copied into it, and what others are encoded to.
_KEEPS: dict[str, tuple[frozenset[str], str]] = {
    ".mp4": (frozenset({"aac", "mp3"}), "aac"),
    ".mov": (frozenset({"aac", "mp3"}), "aac"),
    ".mkv": (frozenset({"aac", "mp3", "flac", "opus", "pcm_s16le"}), "aac"),
    ".webm": (frozenset({"opus"}), "libopus"),
}

#: The one rate of Opus, in Hz; AAC keeps 44100 too.
_RATE = 48000


@dataclass(frozen=True)
class Sound:
    """The first sound track of a video, or stretches of it, one after another.

    Attributes:
        path: The video.
        codec: FFmpeg's name of the codec.
        rate: Samples per second.
        channels: How many.
        spans: Start and end in seconds on the clock of the video, rising.
    """

    path: Path
    codec: str
    rate: int
    channels: int
    spans: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, video: str | Path, spans: Sequence[tuple[float, float]]) -> Sound | None:
        """The sound of a video; None where it has none.

        Raises:
            UserError: The video cannot be opened, or the codec of its sound is not known.
        """
        with _opened(Path(video)) as container:
            if not container.streams.audio:
                return None
            context: Any = container.streams.audio[0].codec_context
            if context is None:
                raise UserError(
                    f"{video}: FFmpeg does not know the codec of its sound; leave it out"
                )
            known = (context.codec.canonical_name, context.sample_rate, context.channels)
        return cls(Path(video), *known, tuple(spans))

    def trimmed(self, seconds: float) -> Sound:
        """The first seconds of it."""
        kept, left = [], seconds
        for start, end in self.spans:
            if left > 0:
                kept.append((start, min(end, start + left)))
            left -= end - start
        return Sound(self.path, self.codec, self.rate, self.channels, tuple(kept))

    def copied_into(self, out: Path) -> bool:
        """Whether a container takes it as it is: its codec fits, and it is one stretch."""
        return self.codec in _KEEPS[out.suffix.lower()][0] and len(self.spans) == 1

    def becomes(self, out: Path) -> str:
        """What it is in the container, in words."""
        if self.copied_into(out):
            return f"{self.codec}, copied"
        return {"aac": "AAC", "libopus": "Opus"}[_KEEPS[out.suffix.lower()][1]]


class SoundTrack:
    """A sound on its way into a video that is written.

    Args:
        sound: The sound.
        container: The video, before its first packet.
        out: Its name.
    """

    def __init__(self, sound: Sound, container: av.container.OutputContainer, out: Path):
        self._sound = sound
        self._source = _opened(sound.path)
        source = self._source.streams.audio[0]
        if sound.copied_into(out):
            self._stream: Any = container.add_stream_from_template(source)
            self._packets = self._copied(source)
        else:
            codec = _KEEPS[out.suffix.lower()][1]
            rate = 44100 if codec == "aac" and sound.rate == 44100 else _RATE
            layout = "mono" if sound.channels == 1 else "stereo"
            self._stream = container.add_stream(codec, rate=rate, layout=layout)
            self._packets = self._encoded(source, rate, layout)
        self._next = self._read()

    def until(self, seconds: float) -> Iterator[av.Packet]:
        """The packets that begin before a time of the video that is written.

        Raises:
            UserError: The sound cannot be decoded.
        """
        while self._next is not None and float(self._next.pts * self._next.time_base) < seconds:
            yield self._next
            self._next = self._read()

    def _read(self) -> Any:
        try:
            return next(self._packets, None)
        except FFmpegError as error:
            raise UserError(
                f"{self._sound.path}: its sound cannot be read ({error}); say --no-sound"
            ) from None

    def close(self) -> None:
        """Close the video it comes from."""
        self._source.close()

    def _copied(self, source: av.AudioStream) -> Iterator[Any]:
        ((start, end),) = self._sound.spans
        for packet in self._source.demux(source):
            if packet.pts is None or packet.dts is None:
                continue
            time = float(packet.pts * packet.time_base)
            if time >= end:
                return
            if time >= start - 1e-6:
                shift = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self._stream
                yield packet

    def _encoded(self, source: av.AudioStream, rate: int, layout: str) -> Iterator[Any]:
        done = 0
        for samples in self._samples(source, rate, layout):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, done
            done += samples.shape[1]
            yield from self._stream.encode(frame)
        yield from self._stream.encode(None)

    def _samples(self, source: av.AudioStream, rate: int, layout: str) -> Iterator[np.ndarray]:
        """[channels, n] the samples of the spans, in order."""
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        at, bounds = None, [(round(a * rate), round(b * rate)) for a, b in self._sound.spans]
        for decoded in cast("Any", self._source.decode(source)):
            for frame in resampler.resample(decoded):
                if at is None:
                    at = round((decoded.time or 0.0) * rate)
                    late = min(at, bounds[0][1]) - bounds[0][0]
                    if late > 0:
                        yield np.zeros((1 if layout == "mono" else 2, late), np.float32)
                values = frame.to_ndarray()
                for start, end in bounds:
                    part = values[:, max(0, start - at) : max(0, end - at)]
                    if part.shape[1]:
                        yield np.ascontiguousarray(part)
                at += values.shape[1]
            if at is not None and at >= bounds[-1][1]:
                return


def _opened(path: Path) -> av.container.InputContainer:
    check_regular(path, "video")
    return opened(path)
