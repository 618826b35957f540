"""Small line charts over the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_TEXT_COLOUR, _FAINT_COLOUR, _GRID_COLOUR = (28, 32, 40), (120, 128, 140), (228, 230, 234)
_PAPER_COLOUR, _CLIP_COLOUR = (255, 255, 255), (245, 247, 250)
#: Times that a chart is drawn larger and scaled down: smooth lines.
_SUPERSAMPLING = 2


@dataclass(frozen=True)
class Chart:
    """A curve over frames.

    Attributes:
        title: Above it, with the unit.
        frames: [T] numbers of the frames in the video.
        values: [T]; NaN where there is none.
        clips: Half-open ranges of 0..T: the curve is broken between them.
        colour: Of the curve.
        limit: A value that matters, drawn dashed.
        low: Least value of the axis; None: from the values.
        high: Largest value of the axis; None: from the values.
    """

    title: str
    frames: np.ndarray
    values: np.ndarray
    clips: list[tuple[int, int]]
    colour: tuple[int, int, int]
    limit: float | None = None
    low: float | None = None
    high: float | None = None


def draw_chart(chart: Chart, width: int, height: int) -> Image.Image:
    """The chart as a picture."""
    px = _SUPERSAMPLING
    w, h = width * px, height * px
    canvas = Image.new("RGB", (w, h), _PAPER_COLOUR)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(16 * px)
    left, right, top, bottom = 62 * px, w - 14 * px, 40 * px, h - 34 * px
    low, high, ticks = axis(chart)
    last = max(int(chart.frames[-1]), 1)
    at_x = lambda frame: left + (right - left) * frame / last  # noqa: E731
    at_y = lambda value: bottom - (bottom - top) * (value - low) / (high - low)  # noqa: E731
    draw.text((14 * px, 10 * px), chart.title, _TEXT_COLOUR, ImageFont.load_default(18 * px))
    for a, b in chart.clips:
        box = (at_x(chart.frames[a]), top, at_x(chart.frames[b - 1]), bottom)
        draw.rectangle(box, _CLIP_COLOUR)
    for tick in ticks:
        y = at_y(tick)
        draw.line((left, y, right, y), _GRID_COLOUR, px)
        draw.text((left - 8 * px, y), f"{tick:g}", _FAINT_COLOUR, font, anchor="rm")
    for frame in np.linspace(0, last, 4).astype(int):
        draw.text((at_x(frame), bottom + 8 * px), f"{frame}", _FAINT_COLOUR, font, anchor="ma")
    if chart.limit is not None and low <= chart.limit <= high:
        y = at_y(chart.limit)
        for x in range(left, right, 14 * px):
            draw.line((x, y, min(x + 7 * px, right), y), _FAINT_COLOUR, px)
    for a, b in chart.clips:
        known = [k for k in range(a, b) if np.isfinite(chart.values[k])]
        points = [
            (at_x(chart.frames[k]), at_y(float(np.clip(chart.values[k], low, high)))) for k in known
        ]
        if len(points) > 1:
            draw.line(points, chart.colour, 2 * px, joint="curve")
    draw.rectangle((0, 0, w - 1, h - 1), outline=_GRID_COLOUR, width=px)
    return canvas.resize((width, height), Image.Resampling.LANCZOS)


def axis(chart: Chart) -> tuple[float, float, list[float]]:
    """Least and largest value of the axis, and round values between them."""
    known = chart.values[np.isfinite(chart.values)]
    low = float(known.min()) if len(known) else 0.0
    high = float(known.max()) if len(known) else 1.0
    if chart.limit is not None:
        low, high = min(low, chart.limit), max(high, chart.limit)
    low = chart.low if chart.low is not None else low
    high = chart.high if chart.high is not None else high
    high = max(high, low + 1e-6)
    rough = (high - low) / 4
    size = 10 ** np.floor(np.log10(rough))
    step = float(min((m * size for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough)))
    if chart.title.endswith("degrees") and step > 30:
        step = 90.0
    low, high = np.floor(low / step) * step, np.ceil(high / step) * step
    return low, high, [float(t) for t in np.arange(low, high + step / 2, step).round(6)]
