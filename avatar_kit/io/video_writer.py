"""Writing videos."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path

#: Value of ``AVCOL_*_BT709`` in FFmpeg's tables of primaries, transfer curves and matrices.
_BT709 = 1


class VideoWriter:
    """An H.264 video, there whole or not at all.

    yuv420p, BT.709, a key frame a second, the index in front. A context manager: the file appears
    under its name when the block ends well. H.264 needs even sizes; an odd picture is continued by
    repeating its last row or column.

    Args:
        path: Where to write; .mp4, .mov or .mkv.
        fps: Frames per second.
        size: Width and height of the pictures in pixels.
        crf: Constant rate factor, 0 (lossless) to 51; 18 is visually close to lossless.
        preset: Speed preset of x264.

    Raises:
        UserError: The suffix names no container we write.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size: tuple[int, int],
        *,
        crf: int = 18,
        preset: str = "veryfast",
    ):
        self.path = Path(path)
        if self.path.suffix.lower() not in (".mp4", ".mov", ".mkv"):
            raise UserError(f"{path}: cannot write '{self.path.suffix}'; use .mp4")
        self.size = size
        self._fps = Fraction(fps).limit_denominator(10_000)
        self._options = {"crf": str(crf), "preset": preset, "g": str(max(1, round(fps)))}
        self._stack = ExitStack()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(self.path))
            options = {"movflags": "+faststart"} if self.path.suffix.lower() != ".mkv" else {}
            self._container = stack.enter_context(av.open(str(partial), "w", options=options))
            self._stream = self._open_stream()
            self._stack = stack.pop_all()
        return self

    def _open_stream(self) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=self._fps, options=self._options)
        stream.width, stream.height = (n + n % 2 for n in self.size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        return stream

    def write(self, image: np.ndarray) -> None:
        """Append a picture: [H, W, 3] uint8 RGB."""
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"{self.path.name}: expected [{height}, {width}, 3] uint8, "
                f"got {list(image.shape)} {image.dtype}"
            )
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts = None
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind, error, trace) -> None:
        with self._stack:
            if error is not None:
                raise error
            self._container.mux(self._stream.encode(None))
