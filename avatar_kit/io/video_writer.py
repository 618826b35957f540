"""Writing videos."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

from avatar_kit.errors import UserError
from avatar_kit.io.image import check_frame
from avatar_kit.io.signing import finished_path
from avatar_kit.io.sound import Sound, SoundTrack
from avatar_kit.io.synthetic import Synthetic

#: Value of ``AVCOL_*_BT709`` in FFmpeg's tables of primaries, transfer curves and matrices.
_BT709 = 1


@dataclass(frozen=True)
class Encoding:
    """How pictures are stored in a container.

    Attributes:
        codec: FFmpeg's encoder.
        pixels: FFmpeg's pixel format.
        options: Options of the encoder, by name.
    """

    codec: str
    pixels: str
    options: Mapping[str, str]


_H264 = Encoding("libx264", "yuv420p", {})
_VP9 = {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}

#: Suffix -> encoding of opaque pictures, and of those with alpha.
_OPAQUE = {
    ".mp4": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": Encoding("libvpx-vp9", "yuv420p", _VP9),
}
CONTAINERS = tuple(_OPAQUE)
_WITH_ALPHA = {
    ".webm": Encoding("libvpx-vp9", "yuva420p", {**_VP9, "auto-alt-ref": "0"}),
    ".mov": Encoding("prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"}),
}


def encoding_of(path: str | Path, *, alpha: bool = False) -> Encoding:
    """How the pictures of a video are stored, by the suffix of its name.

    Raises:
        UserError: The suffix names no container we write, or one without alpha.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _OPAQUE:
        raise UserError(f"{path}: cannot write '{suffix}'; use .mp4, .mov, .mkv or .webm")
    if alpha and suffix not in _WITH_ALPHA:
        raise UserError(
            f"{path}: '{suffix}' has no alpha; use .webm (VP9) or .mov (ProRes 4444) for "
            "transparent pictures"
        )
    return (_WITH_ALPHA if alpha else _OPAQUE)[suffix]


class VideoWriter:
    """Writes a video; the file is complete or does not exist.

    Opaque pictures are stored as H.264 in .mp4, .mov and .mkv and as VP9 in .webm, yuv420p. Those
    with alpha are stored as VP9 in .webm and as ProRes 4444 in .mov; alpha is straight, colours are
    not multiplied by it. BT.709, a key frame a second, the index in front. A context manager: the
    file appears under its name when the block ends well. An odd picture is continued by repeating
    its last row or column, for video needs even sizes.

    Args:
        path: Where to write.
        fps: Frames per second.
        size: Width and height of the pictures in pixels.
        alpha: Whether pictures have a fourth channel.
        crf: Constant rate factor of H.264, 0 (lossless) to 51, and of VP9, up to 63; 18 is visually
            close to lossless. ProRes has none.
        preset: Speed preset of x264.
        synthetic: What the video says of itself in its comment; None: it is recorded.
        sound: What is heard; no longer than the pictures.

    Raises:
        UserError: The suffix names no container we write, or one without alpha.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size: tuple[int, int],
        *,
        alpha: bool = False,
        crf: int = 18,
        preset: str = "veryfast",
        synthetic: Synthetic | None = None,
        sound: Sound | None = None,
    ):
        self.path = Path(path)
        self._sound = sound
        self._track: SoundTrack | None = None
        self._written = 0
        self.size = size
        self._synthetic = synthetic
        self._encoding = encoding_of(path, alpha=alpha)
        self._channels = 4 if alpha else 3
        self._fps = Fraction(fps).limit_denominator(10_000)
        self._options = {**self._encoding.options, "g": str(max(1, round(fps)))}
        if self._encoding.codec != "prores_ks":
            self._options["crf"] = str(crf)
        if self._encoding is _H264:
            self._options["preset"] = preset
        self._stack = ExitStack()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            partial = stack.enter_context(finished_path(self.path, self._synthetic))
            index_in_front = self.path.suffix.lower() in (".mp4", ".mov")
            options = {"movflags": "+faststart"} if index_in_front else {}
            self._container = stack.enter_context(av.open(str(partial), "w", options=options))
            if self._synthetic is not None:
                # the one key that all of these containers keep
                said = f"{self._synthetic.line()}; {self._synthetic.source}"
                self._container.metadata["comment"] = said
            self._stream = self._open_stream()
            if self._sound is not None and self._sound.spans:
                self._track = SoundTrack(self._sound, self._container, self.path)
                stack.callback(self._track.close)
            self._stack = stack.pop_all()
        return self

    def _open_stream(self) -> av.VideoStream:
        codec = self._encoding.codec
        stream = self._container.add_stream(codec, rate=self._fps, options=self._options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = (n + n % 2 for n in self.size)
        stream.pix_fmt = self._encoding.pixels
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        return stream

    def write(self, image: np.ndarray) -> None:
        """Append a picture: [H, W, 3] uint8 RGB; with alpha [H, W, 4] RGBA."""
        width, height = self.size
        check_frame(image, self.size, self._channels, self.path.name)
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        layout = "rgba" if self._channels == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=layout)
        frame = frame.reformat(format=self._encoding.pixels, dst_colorspace=Colorspace.ITU709)
        frame.pts = None
        self._container.mux(self._stream.encode(frame))
        self._written += 1
        self._mux_sound()

    def _mux_sound(self) -> None:
        """What is heard during the pictures that are there."""
        if self._track is not None:
            for packet in self._track.until(float(self._written / self._fps)):
                self._container.mux(packet)

    def __exit__(self, kind, error, trace) -> None:
        with self._stack:
            if error is not None:
                raise error
            self._container.mux(self._stream.encode(None))
