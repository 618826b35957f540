"""How the colours of a video are stored, and its frames as pictures of BT.709."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph

from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from avatar_kit.io.tone_mapping import Transfer

#: FFmpeg's numbers of what is not said, and of BT.2020.
_UNSAID, _BT2020 = 2, 9
#: FFmpeg's number of a matrix -> its name in the filter ``scale``.
_MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt470",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020",
}
#: FFmpeg's number of a transfer curve -> that of an HDR standard; the others are SDR.
_HDR: dict[int, Transfer] = {16: "PQ", 18: "HLG"}
#: Curves that no display expects, by FFmpeg's number.
_UNUSUAL = {8: "linear", 9: "logarithmic", 10: "logarithmic"}
#: Primaries that are brought to BT.709; those of older standards are close to it.
_WIDE = {9: "BT.2020", 12: "Display P3"}
#: Untagged video with so many lines is BT.709, with fewer BT.601: what players do.
_HD_LINES = 720


@dataclass(frozen=True)
class Colour:
    """How colours are stored.

    Attributes:
        matrix: Of YUV, as FFmpeg names it.
        full: Whether the range is full, 0 to 255, not 16 to 235.
        transfer: "SDR", "HLG" or "PQ".
        primaries: FFmpeg's number: 1 BT.709, 9 BT.2020, 12 Display P3.
        white: Luminance that is shown as white, cd/m2; SDR has none.
        notes: What a person should know.
    """

    matrix: str
    full: bool
    transfer: Transfer
    primaries: int
    white: float = 203.0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, context: Any, frame: av.VideoFrame, path: Path) -> Colour:
        """As the first frame and its stream say; what they do not say is taken as players do.

        Args:
            context: The codec context of the stream.
            frame: The first frame.
            path: For the message.

        Raises:
            UserError: The matrix is one that cannot be converted.
        """
        curve = context.color_trc
        transfer = _HDR.get(curve, "SDR")
        primaries = context.color_primaries
        if transfer != "SDR":
            primaries = primaries if primaries in _WIDE else _BT2020
        matrix = context.colorspace if frame.colorspace == _UNSAID else frame.colorspace
        if matrix == _UNSAID:
            wide = primaries == _BT2020
            matrix = _BT2020 if wide else 1 if frame.height >= _HD_LINES else 6
        rgb = frame.format.is_rgb
        if not rgb and matrix not in _MATRICES:
            raise UserError(
                f"{path}: its colours are stored in a way that is not understood (matrix {matrix} "
                "of ITU-T H.273); convert it to H.264 mp4"
            )
        notes = []
        if transfer == "SDR" and primaries in _WIDE:
            notes.append(f"colours of {_WIDE[primaries]}, brought to BT.709")
        if curve in _UNUSUAL:
            notes.append(f"the transfer curve is {_UNUSUAL[curve]}: colours are read as they are")
        said = frame.color_range or context.color_range
        full = said == 2 or frame.format.name.startswith("yuvj") or (rgb and not said)
        return cls(
            matrix=_MATRICES.get(matrix, "bt709"),
            full=full,
            transfer=transfer,
            primaries=primaries if primaries in _WIDE else 1,
            notes=tuple(notes),
        )

    def with_white(self, signals: Iterable[np.ndarray]) -> Colour:
        """The same with the white that some pictures of the video tell, where it is HDR.

        Args:
            signals: [H, W, 3] uint16 of :meth:`ToPicture.signal`.
        """
        from avatar_kit.io.tone_mapping import BRIGHT_SIGNAL, HDR_WHITE, SDR_WHITE

        limit = 65535 * BRIGHT_SIGNAL[self.transfer]
        bright = any(np.quantile(signal.max(-1), 0.999) > limit for signal in signals)
        white = HDR_WHITE if bright else SDR_WHITE
        note = f"HDR ({self.transfer}), tone-mapped to SDR (BT.709, white at {white:g} cd/m2)"
        return replace(self, white=white, notes=(*self.notes, note))


class ToPicture:
    """Makes pictures of frames: [H, W, 3] uint8 RGB of BT.709, with alpha [H, W, 4].

    Args:
        colour: How the colours are stored.
        size: Width and height of the pictures; frames are scaled to it.
        alpha: Whether to give alpha, straight.
    """

    def __init__(self, colour: Colour, size: tuple[int, int], *, alpha: bool = False):
        self.colour, self.size, self.alpha = colour, size, alpha
        self._wide = colour.transfer != "SDR" or colour.primaries != 1
        self._graphs: dict[tuple[str, int, int], Graph] = {}

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """The picture of one frame."""
        signal = self.signal(frame)
        if not self._wide:
            return signal
        from avatar_kit.io.tone_mapping import to_bt709

        own = self.colour
        shown = to_bt709(signal[..., :3], own.transfer, own.primaries, own.white)
        if not self.alpha:
            return shown
        return np.dstack([shown, (signal[..., 3] >> 8).astype(np.uint8)])

    def signal(self, frame: av.VideoFrame) -> np.ndarray:
        """RGB(A) of a frame as it is stored: uint16 where it has to be tone-mapped, else uint8."""
        key = (frame.format.name, frame.width, frame.height)
        if key not in self._graphs:
            self._graphs[key] = self._graph(frame)
        graph = self._graphs[key]
        graph.vpush(frame)
        return graph.vpull().to_ndarray()

    def _graph(self, frame: av.VideoFrame) -> Graph:
        plain = self.size == (frame.width, frame.height) and not is_deep(frame)
        layout = {(0, 0): "rgb24", (0, 1): "rgba", (1, 0): "rgb48le", (1, 1): "rgba64le"}
        scale = {
            "w": str(self.size[0]),
            "h": str(self.size[1]),
            "in_color_matrix": self.colour.matrix,
            "in_range": "pc" if self.colour.full else "tv",
            "out_range": "pc",
            # the short way is within 3 grey levels, and 10 times as fast
            "flags": "bicubic" if plain else "bicubic+accurate_rnd+full_chroma_int",
        }
        pixels = layout[int(self._wide), int(self.alpha)]
        return filters(frame, Fraction(1, 1000), ("scale", scale), ("format", {"pix_fmts": pixels}))


def is_deep(frame: av.VideoFrame) -> bool:
    """Whether a channel has more than 8 bits."""
    return any(component.bits > 8 for component in frame.format.components)


def filters(frame: av.VideoFrame, time_base: Fraction, *named: tuple[str, dict[str, str]]) -> Graph:
    """FFmpeg's filters one after another, for frames like the one given.

    Args:
        frame: Tells size and pixel format.
        time_base: Of the frames' times.
        named: Name and options of each.
    """
    graph = Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    for name, options in (*named, ("buffersink", {})):
        added = graph.add(name, **options)
        last.link_to(added)
        last = added
    graph.configure()
    return graph
