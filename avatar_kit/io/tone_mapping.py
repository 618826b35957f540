"""High dynamic range and wide gamuts brought to BT.709.

What a camera stored is first turned into the light that a display of its standard shows, in units
of white: HLG by its inverse OETF and its OOTF (BT.2100, nominal peak 1000 cd/m2, system gamma 1.2),
PQ by its EOTF; SDR by BT.1886. The OOTF is applied to each channel, as FFmpeg's ``zscale`` does and
as SDR television always did; BT.2100 applies it to luminance, which leaves saturated colours paler
(by up to 25 levels of 255; greys are the same, skin differs by 6). The light is carried to the
primaries of BT.709, and what lies outside them is clipped. A shoulder bends the highlights of HDR:
a signal up to 95 % stays, the rest ``t`` above it becomes ``t / (1 + t)`` of what is left, so that
white lands at 249 of 255. It is computed for the largest channel and scales all three, which keeps
the hue.

White is diffuse white at 203 cd/m2 (BT.2408). A video in which nothing is brighter than the white
of SDR, 100 cd/m2, was graded for that, or is dark: there white is 100 cd/m2.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np

from avatar_kit.graphics.jit import in_parallel, kernel, spans, threads

Transfer = Literal["HLG", "PQ", "SDR"]

#: Luminance of diffuse white in HDR and of the white of SDR, and the nominal peak of HLG, cd/m2.
HDR_WHITE, SDR_WHITE, HLG_PEAK = 203.0, 100.0, 1000.0
#: Signals of a grey of 110 cd/m2: what is brighter is more than the white of SDR.
BRIGHT_SIGNAL = {"HLG": 0.647, "PQ": 0.518}
#: System gamma of HLG at its nominal peak, and the exponent of an SDR display.
HLG_GAMMA, SDR_GAMMA = 1.2, 2.4
#: Signal at which highlights begin to bend.
SHOULDER = 0.95

#: Chromaticities (x, y) of red, green and blue, by FFmpeg's number; white is D65 (0.3127, 0.3290).
PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_WHITE = (0.3127, 0.3290)

#: Entries of a table; signals of 16 bits are looked up by their upper 12.
_ENTRIES, _SHIFT = 4096, 4
#: No display light is brighter, in units of reference white; and its signal.
_BRIGHTEST = np.float32(256.0)
_ENCODED = np.float32(256.0 ** (1 / SDR_GAMMA))


def to_bt709(
    signal: np.ndarray, transfer: Transfer, primaries: int, white: float = HDR_WHITE
) -> np.ndarray:
    """A picture of another standard as one of BT.709 that looks alike.

    Args:
        signal: [H, W, 3] uint16 RGB, full range.
        transfer: How light was made a signal.
        primaries: One of ``PRIMARIES``.
        white: Luminance that becomes white, cd/m2; SDR has none.

    Returns:
        [H, W, 3] uint8 RGB.
    """
    out = np.empty(signal.shape, np.uint8)
    tables = _tables(transfer, primaries, white)
    rows = spans(len(signal), threads())
    in_parallel(_map, [(np.ascontiguousarray(signal), *tables, out, a, b) for a, b in rows])
    return out


@cache
def _tables(transfer: Transfer, primaries: int, white: float) -> tuple:
    """What the kernel looks up: light, colours, the signal of light."""
    axis = np.linspace(0, 1, _ENTRIES)
    matrix = np.linalg.inv(_to_xyz(PRIMARIES[1])) @ _to_xyz(PRIMARIES[primaries])
    encode = axis ** (2 / SDR_GAMMA)  # of the light's root, where the curve is less steep
    arrays = (np.ascontiguousarray(v, np.float32) for v in (_light(axis, transfer, white), matrix))
    shoulder = np.float32(1.0 if transfer == "SDR" else SHOULDER)
    return (*arrays, encode.astype(np.float32), shoulder)


def _light(signal: np.ndarray, transfer: Transfer, white: float) -> np.ndarray:
    """Light on a display where white is 1."""
    if transfer == "PQ":
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = signal ** (1 / m2)
        linear = np.maximum(root - c1, 0) / (c2 - c3 * root)
        return 10_000 / white * linear ** (1 / m1)
    if transfer == "HLG":
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return HLG_PEAK / white * scene**HLG_GAMMA
    return signal**SDR_GAMMA


def _to_xyz(primaries: tuple) -> np.ndarray:
    """[3, 3] linear RGB to CIE XYZ."""
    xyz = lambda x, y: (x / y, 1.0, (1 - x - y) / y)  # noqa: E731
    columns = np.array([xyz(*point) for point in primaries]).T
    return columns * np.linalg.solve(columns, xyz(*_WHITE))


@kernel
def _map(signal, light, matrix, encode, shoulder, out, start, stop):
    """Rows ``start`` to ``stop``."""
    last, half, one = np.float32(_ENTRIES - 1), np.float32(0.5), np.float32(1)
    for row in range(start, stop):
        for column in range(signal.shape[1]):
            r = light[signal[row, column, 0] >> _SHIFT]
            g = light[signal[row, column, 1] >> _SHIFT]
            b = light[signal[row, column, 2] >> _SHIFT]
            largest = np.float32(1e-9)
            for channel in range(3):
                m = matrix[channel]
                largest = max(largest, m[0] * r + m[1] * g + m[2] * b)
            top, scale = np.float32(255), one
            if shoulder < one and encode[int(min(np.sqrt(largest), one) * last)] > shoulder:
                shown = encode[int(np.sqrt(largest / _BRIGHTEST) * last)] * _ENCODED
                above = (shown - shoulder) / (one - shoulder)
                top *= shoulder + (one - shoulder) * above / (one + above)
                scale = one / largest
            for channel in range(3):
                m = matrix[channel]
                value = max(scale * (m[0] * r + m[1] * g + m[2] * b), np.float32(0))
                place = int(min(np.sqrt(value), one) * last + half)
                out[row, column, channel] = np.uint8(top * encode[place] + half)
