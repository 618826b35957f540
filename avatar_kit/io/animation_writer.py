"""Writing animated pictures: GIF and WebP."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.io.image import check_frame
from avatar_kit.io.signing import finished_path
from avatar_kit.io.synthetic import Synthetic

#: Suffixes of what is written here.
ANIMATED = (".gif", ".webp")

#: Frames a second above which browsers play an animated picture slowly instead of fast.
FASTEST = 50

#: Pixels on the longer side that a WebP may have; a GIF may have more.
_LARGEST = 16383

#: Colours of a GIF, one of which stands for nothing where it has alpha.
_COLOURS = 256

#: Alpha from which a pixel of a GIF is covered.
_COVERED = 128

#: Frames whose colours decide the palette of a GIF, at most, evenly spread.
_SAMPLED = 16


def is_animated(path: str | Path) -> bool:
    """Whether it is an animated picture, by the suffix of its name."""
    return Path(path).suffix.lower() in ANIMATED


class AnimationWriter:
    """Writes an animated picture that loops; the file is complete or does not exist.

    A .gif has one palette of 256 colours for all frames, without dithering, so that what stands
    still does not flicker; its alpha is one bit. A .webp is lossy and keeps alpha, straight. A
    context manager, as :class:`~avatar_kit.io.VideoWriter` is. Frames wait on the disk, beside the
    file, until the block ends.

    Args:
        path: Where to write: .gif or .webp.
        fps: Frames per second, at most 50. A GIF counts hundredths of a second, a WebP thousandths;
            frames are as long as it takes for none to be off by more than half of one.
        size: Width and height of the pictures in pixels.
        alpha: Whether pictures have a fourth channel.
        quality: Of a WebP, 0 to 100.
        synthetic: What it says of itself, as a comment of a GIF and as XMP of a WebP; None: it is
            recorded.

    Raises:
        UserError: The suffix is another, or the frames are too many a second or too large.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size: tuple[int, int],
        *,
        alpha: bool = False,
        quality: int = 85,
        synthetic: Synthetic | None = None,
    ):
        self.path, self.fps, self.size, self.alpha = Path(path), fps, size, alpha
        self.quality, self.synthetic = quality, synthetic
        if not is_animated(path):
            raise UserError(f"{path}: no animated picture; use {' or '.join(ANIMATED)}")
        if not 0 < fps <= FASTEST:
            raise UserError(
                f"{path}: {fps:g} frames a second; browsers play at most {FASTEST} of an animated "
                f"picture: give --fps {FASTEST} or less"
            )
        if max(size) > _LARGEST:
            raise UserError(f"{path}: {size[0]}x{size[1]} pixels; at most {_LARGEST} on a side")
        self._count = 0
        self._spool: IO[bytes]
        self._stack = ExitStack()

    @property
    def note(self) -> str:
        """What the format cannot hold, for a person; empty where it holds all."""
        if self.path.suffix.lower() == ".webp":
            return ""
        colours = "256 colours" if not self.alpha else "255 colours; alpha is one bit"
        return f"{colours}: .webp holds more"

    def __enter__(self) -> AnimationWriter:
        with ExitStack() as stack:
            self._partial = stack.enter_context(finished_path(self.path, self.synthetic))
            self._spool = stack.enter_context(tempfile.TemporaryFile(dir=self.path.parent))
            self._stack = stack.pop_all()
        return self

    def write(self, image: np.ndarray) -> None:
        """Append a picture: [H, W, 3] uint8 RGB; with alpha [H, W, 4] RGBA."""
        width, height = self.size
        channels = 4 if self.alpha else 3
        check_frame(image, self.size, channels, self.path.name)
        filled = np.full((height, width, 4), 255, np.uint8)
        filled[..., :channels] = image
        self._spool.write(filled.tobytes())
        self._count += 1

    def __exit__(self, kind, error, trace) -> None:
        with self._stack:
            if error is not None:
                raise error
            if not self._count:
                raise ValueError(f"{self.path.name}: no picture was written")
            self._spool.flush()
            shape = (self._count, self.size[1], self.size[0], 4)
            frames = np.memmap(self._spool, np.uint8, "r", shape=shape)
            gif = self.path.suffix.lower() == ".gif"
            images = self._indexed(frames) if gif else self._mapped(frames)
            options = self._gif() if gif else self._webp()
            next(images).save(self._partial, save_all=True, append_images=images, loop=0, **options)

    def _gif(self) -> dict[str, Any]:
        said = {}
        if self.synthetic is not None:
            said["comment"] = f"{self.synthetic.line()}; {self.synthetic.source}".encode()
        clear = {"transparency": _COLOURS - 1, "disposal": 2} if self.alpha else {}
        return {"duration": self._durations(10), "optimize": False, **clear, **said}

    def _webp(self) -> dict[str, Any]:
        said = {} if self.synthetic is None else {"xmp": self.synthetic.xmp()}
        return {"duration": self._durations(1), "quality": self.quality, "method": 4, **said}

    def _durations(self, unit: int) -> list[int]:
        """Milliseconds of each frame, multiples of ``unit``."""
        ends = np.round(np.arange(self._count + 1) * 1000 / (unit * self.fps)).astype(int)
        return (unit * np.diff(ends)).tolist()

    def _mapped(self, frames: np.ndarray) -> Iterator[Image.Image]:
        """The frames as Pillow takes them, without a copy in memory."""
        mode = "RGBA" if self.alpha else "RGBX"
        for frame in frames:
            yield Image.frombuffer(mode, self.size, frame, "raw", mode, 0, 1)

    def _indexed(self, frames: np.ndarray) -> Iterator[Image.Image]:
        """The frames in the colours of one palette."""
        palette = self._palette(frames)
        for frame in frames:
            rgb = Image.fromarray(np.ascontiguousarray(frame[..., :3]))
            image = rgb.quantize(palette=palette, dither=Image.Dither.NONE)
            if self.alpha:
                index = np.array(image)
                index[frame[..., 3] < _COVERED] = _COLOURS - 1
                image = Image.fromarray(index)
                image.putpalette(palette.getpalette() or [])
            yield image

    def _palette(self, frames: np.ndarray) -> Image.Image:
        """A picture in the colours that stand for those of all frames best."""
        chosen = np.linspace(0, len(frames) - 1, min(_SAMPLED, len(frames))).round().astype(int)
        shown = frames[chosen]
        colours = shown[..., :3][shown[..., 3] >= _COVERED]
        if not len(colours):
            colours = np.zeros((1, 3), np.uint8)
        strip = Image.fromarray(np.ascontiguousarray(colours[None]))
        found = strip.quantize(_COLOURS - self.alpha, Image.Quantize.MEDIANCUT)
        entries = found.getpalette() or []
        found.putpalette(entries + [0] * (3 * _COLOURS - len(entries)))
        return found
