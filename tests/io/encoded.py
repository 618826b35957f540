"""Videos written plane by plane, so that what a reader must find is known from a formula."""

from fractions import Fraction

import av
import numpy as np

#: Patches [8, 3] of SDR RGB, one column each.
PATCHES = np.array(
    [
        (214, 32, 122),
        (70, 180, 70),
        (30, 60, 200),
        (200, 160, 130),
        (250, 250, 250),
        (15, 15, 15),
        (190, 40, 40),
        (128, 128, 128),
    ],
    float,
)
#: Weights of red and blue in luma, by FFmpeg's number of a matrix.
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def patches(size: tuple[int, int], values: np.ndarray = PATCHES) -> np.ndarray:
    """[H, W, 3] columns of equal width."""
    width, height = size
    column = np.arange(width) * len(values) // width
    return np.broadcast_to(values[column], (height, width, 3))


def middles(image: np.ndarray, count: int = len(PATCHES)) -> np.ndarray:
    """[count, C] the colours in the middle of the columns."""
    width = image.shape[1]
    return image[image.shape[0] // 2, (np.arange(count) * 2 + 1) * width // (2 * count)].astype(int)


def ycbcr(rgb: np.ndarray, matrix: int, bits: int, *, full: bool = False) -> list[np.ndarray]:
    """Planes of a picture [H, W, 3] in [0, 1], quantised as BT.709 and BT.2100 say."""
    red, blue = LUMA[matrix]
    y = rgb @ np.array([red, 1 - red - blue, blue])
    chroma = (rgb[..., 2] - y) / (2 * (1 - blue)), (rgb[..., 0] - y) / (2 * (1 - red))
    top, unit = 2**bits - 1, 2 ** (bits - 8)
    scale = (top, top, 0) if full else (219 * unit, 224 * unit, 16 * unit)
    planes = [scale[0] * y + scale[2], *(scale[1] * c + 2 ** (bits - 1) for c in chroma)]
    return [np.rint(p).clip(0, top).astype(np.uint16 if bits > 8 else np.uint8) for p in planes]


def frame_of(planes: list[np.ndarray], pixels: str) -> av.VideoFrame:
    """A frame whose planes [H, W] are subsampled as its pixel format says."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        down, across = height // plane.height, width // plane.width
        values = values[::down, ::across]
        lines = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        lines[:, : plane.width] = values
        plane.update(lines.tobytes())
    return frame


def encode(
    path, codec, frames, *, fps=25, tags=(2, 2, 2, 0), options=None, container=None, **about
):
    """Write frames; ``tags`` are FFmpeg's matrix, primaries, transfer and range."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = frames[0].format.name
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        for name, value in about.items():
            setattr(context if hasattr(context, name) else stream, name, value)
        for number, frame in enumerate(frames):
            frame.colorspace, frame.color_range = tags[0], tags[3]
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
