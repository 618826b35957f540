"""The quality sheet: one picture that shows whether a capture is fit for training."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.surface import draw_coverage
from avatar_kit.surface.coverage import NOT_SHOWN, SHOWN, SIDES
from avatar_kit.tracking.charts import Chart, draw_chart
from avatar_kit.tracking.figures import Figures, Verdict, percent
from avatar_kit.tracking.fitted import FittedVideo, all_clips, over_all
from avatar_kit.tracking.look import Look
from avatar_kit.tracking.measures import Agreement

#: Sizes in pixels.
SHEET_WIDTH, SHEET_MARGIN, TILE_GAP = 1800, 40, 12
#: Looks beside each other, and the width of each in pixels.
TILE_COLUMNS = 6
TILE_WIDTH = (SHEET_WIDTH - 2 * SHEET_MARGIN - (TILE_COLUMNS - 1) * TILE_GAP) // TILE_COLUMNS
#: Width of the drawings of what the pictures show of the body.
COVERAGE_WIDTH = 560
TEXT_COLOUR, FAINT_COLOUR, PAPER_COLOUR = (28, 32, 40), (110, 118, 130), (250, 250, 248)
BODY_COLOUR, OUTLINE_COLOUR = (66, 133, 244), (219, 68, 55)
LANDMARK_COLOUR, KEYPOINT_COLOUR = (251, 188, 4), (255, 255, 255)
VERDICT_COLOURS = {
    "fit for training": (24, 128, 74),
    "usable": (200, 130, 0),
    "not fit": (196, 48, 43),
}


@dataclass(frozen=True)
class Sheet:
    """What the quality sheet tells.

    Attributes:
        name: Of the capture.
        videos: The videos and the body fitted to them.
        looks: Frames to show.
        agreement: Of videos and body, frame by frame.
        figures: Of the capture.
        verdict: On the capture.
        reasons: For the verdict.
        notes: What else a person should know.
        unknown: What the video does not show, each with what to film.
        coverage: [V] how much the pictures show of each vertex of the body.
    """

    name: str
    videos: Sequence[FittedVideo]
    looks: list[Look]
    agreement: Agreement
    figures: Figures
    verdict: Verdict
    reasons: list[str]
    notes: list[str]
    unknown: list[str]
    coverage: torch.Tensor


def draw_sheet(sheet: Sheet) -> np.ndarray:
    """[h, ``SHEET_WIDTH``, 3] uint8 picture of the sheet."""
    tiles = _tiles(sheet.looks, sheet.videos)
    rows = -(-len(tiles) // TILE_COLUMNS)
    tile_height = tiles[0].height + 30
    unknown = [f"the avatar will not know {line}" for line in sheet.unknown]
    notes = [*sheet.reasons, *unknown, *sheet.notes] or ["no problems found"]
    lines = [line for note in notes for line in _wrapped("- " + note, 150)]
    charts_top = 190 + rows * (tile_height + TILE_GAP)
    height = charts_top + 300 + 60 + 28 * len(lines) + SHEET_MARGIN
    canvas = Image.new("RGB", (SHEET_WIDTH, height), PAPER_COLOUR)
    draw = ImageDraw.Draw(canvas)
    _header(draw, sheet)
    for k, (tile, look) in enumerate(zip(tiles, sheet.looks, strict=True)):
        x = SHEET_MARGIN + (k % TILE_COLUMNS) * (tile.width + TILE_GAP)
        y = 180 + (k // TILE_COLUMNS) * (tile_height + TILE_GAP)
        canvas.paste(tile, (x, y))
        _caption(draw, sheet, look, (x, y + tile.height + 5))
    room = SHEET_WIDTH - 2 * SHEET_MARGIN
    charts, width = _charts(sheet), (room - COVERAGE_WIDTH - 3 * 24) // 3
    for k, chart in enumerate(charts):
        canvas.paste(draw_chart(chart, width, 280), (SHEET_MARGIN + k * (width + 24), charts_top))
    left = SHEET_MARGIN + room - COVERAGE_WIDTH
    canvas.paste(_coverage(sheet, COVERAGE_WIDTH, 280), (left, charts_top))
    y = charts_top + 300
    _legend(draw, y)
    for line in lines:
        y += 28
        draw.text((SHEET_MARGIN, y + 20), line, TEXT_COLOUR, font(19))
    return np.asarray(canvas)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of the sheet."""
    return ImageFont.load_default(size)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="    ")


def _header(draw: ImageDraw.ImageDraw, sheet: Sheet) -> None:
    figures, verdict = sheet.figures, sheet.verdict
    draw.text((SHEET_MARGIN, 30), sheet.name, TEXT_COLOUR, font(46))
    badge = font(28)
    right = SHEET_WIDTH - SHEET_MARGIN
    width = draw.textlength(verdict, badge) + 48
    draw.rounded_rectangle((right - width, 34, right, 86), 26, fill=VERDICT_COLOURS[verdict])
    draw.text((right - width / 2, 60), verdict, (255, 255, 255), badge, anchor="mm")
    facts = (
        ("frames", f"{figures.frames}"),
        ("clips", f"{figures.clips}"),
        ("person", f"{figures.person_pixels:.0f} px"),
        ("joint error", f"{figures.error:.2f} %"),
        ("95th percentile", f"{figures.error_95:.2f} %"),
        ("hand error", percent(figures.hand_error)),
        ("silhouette IoU", f"{figures.iou:.2f}"),
        ("least IoU", f"{figures.iou_least:.2f}"),
        ("yaw", f"{figures.yaw_low:.0f} to {figures.yaw_high:.0f}°"),
        ("face seen", f"{figures.face:.0%}"),
        ("hands seen", f"{figures.hands:.0%}"),
        ("masks agree", f"{figures.mask_agreement:.2f}"),
    )
    step = (SHEET_WIDTH - 2 * SHEET_MARGIN) / len(facts)
    for k, (label, value) in enumerate(facts):
        x = SHEET_MARGIN + k * step
        draw.text((x, 104), value, TEXT_COLOUR, font(26))
        draw.text((x, 138), label, FAINT_COLOUR, font(17))


def _tiles(looks: list[Look], videos: Sequence[FittedVideo]) -> list[Image.Image]:
    """Each look, cropped alike around the person, who is of one size in all videos."""
    heights = [videos[look.video].fit.height / look.smaller for look in looks]
    sides = [_extent(look.mask) for look in looks]
    widest = max(s[1] / height for s, height in zip(sides, heights, strict=True)) * 1.08
    highest = max(s[2] / height for s, height in zip(sides, heights, strict=True)) * 1.08
    widest, highest = max(widest, highest / 2.6), max(highest, widest)
    tiles, of_body = [], [video.pixels() for video in videos]
    for look, (centre, _, _), height in zip(looks, sides, heights, strict=True):
        wide, high = widest * height, highest * height
        tracks, pixels = videos[look.video].observed.tracks, of_body[look.video]
        width, scale = TILE_WIDTH, TILE_WIDTH / wide
        seen, fitted = (p[look.place, :21] / look.smaller for p in (tracks.body, pixels))
        box = (
            centre[0] - wide / 2,
            centre[1] - high / 2,
            centre[0] + wide / 2,
            centre[1] + high / 2,
        )
        size = (width, round(width * highest / widest))
        picture = Image.fromarray(_overlay(look)).transform(
            size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC, fillcolor=PAPER_COLOUR
        )
        draw = ImageDraw.Draw(picture)
        _dots(draw, seen, box, scale, LANDMARK_COLOUR, 3)
        _dots(draw, fitted, box, scale, KEYPOINT_COLOUR, 2)
        for hand in np.flatnonzero(tracks.hands_confidence[look.place] > 0):
            points = tracks.hands[look.place, hand] / look.smaller
            _dots(draw, points, box, scale, LANDMARK_COLOUR, 1)
        tiles.append(picture)
    return tiles


def _extent(mask: np.ndarray) -> tuple[tuple[float, float], float, float]:
    """Centre, width and height of the box around a mask."""
    rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
    if len(rows) == 0:
        return (mask.shape[1] / 2, mask.shape[0] / 2), float(mask.shape[1]), mask.shape[0]
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return ((left + right) / 2, (top + bottom) / 2), float(right - left), float(bottom - top)


def _overlay(look: Look) -> np.ndarray:
    """The picture with the shaded body on it and the mask's outline."""
    picture = look.image.astype(np.float32)
    shade = look.shade[..., None]
    body = np.array(BODY_COLOUR, dtype=np.float32) * (0.3 + 0.7 * shade) + 60 * shade.clip(0) ** 4
    picture = np.where(shade >= 0, 0.45 * picture + 0.55 * body, picture)
    inside = look.mask > 127
    edge = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (1, -1):
            edge |= inside & ~np.roll(inside, step, axis)
    picture[edge] = OUTLINE_COLOUR
    return picture.clip(0, 255).astype(np.uint8)


def _dots(draw, points, box, scale, colour, radius) -> None:
    for x, y in points:
        u, v = (x - box[0]) * scale, (y - box[1]) * scale
        draw.ellipse((u - radius, v - radius, u + radius, v + radius), colour, (60, 60, 60))


def _caption(draw: ImageDraw.ImageDraw, sheet: Sheet, look: Look, at: tuple[int, int]) -> None:
    observed = sheet.videos[look.video].observed
    what = f"video {look.video + 1}:" if len(sheet.videos) > 1 else "frame"
    error, overlap = sheet.agreement.error()[look.frame], sheet.agreement.overlap[look.frame]
    draw.text(at, f"{what} {observed.frames[look.place]}", TEXT_COLOUR, font(17))
    text = f"{error:.2f} %   IoU {overlap:.2f}"
    draw.text((at[0] + TILE_WIDTH, at[1]), text, FAINT_COLOUR, font(17), anchor="ra")


def _charts(sheet: Sheet) -> list[Chart]:
    agreement, clips = sheet.agreement, all_clips(sheet.videos)
    yaw = over_all(sheet.videos, lambda video: video.fit.yaw.numpy())
    before, numbers = 0, []
    for video in sheet.videos:  # one after another
        numbers.append(before + video.observed.frames)
        before += len(video.observed.reader)
    frames = np.concatenate(numbers)
    error, overlap = agreement.error(), agreement.overlap
    title = "joint error, % of height"
    return [
        Chart("yaw, degrees", frames, np.degrees(yaw), clips, BODY_COLOUR),
        Chart(title, frames, error, clips, OUTLINE_COLOUR, limit=0.8, low=0.0),
        Chart("silhouette IoU", frames, overlap, clips, (24, 128, 74), limit=0.7, high=1.0),
    ]


def _coverage(sheet: Sheet, width: int, height: int) -> Image.Image:
    """What the pictures show of the body, from four sides."""
    fitted = sheet.videos[0]
    panel = Image.new("RGB", (width, height), PAPER_COLOUR)
    draw = ImageDraw.Draw(panel)
    draw.text((0, 8), "shown by the video", SHOWN, font(17))
    draw.text((170, 8), "not shown", NOT_SHOWN, font(17))
    rest = fitted.body.rest(fitted.fit.shape)
    drawings = draw_coverage(rest, sheet.coverage, height - 66, PAPER_COLOUR)
    step = width // len(drawings)
    for k, (name, drawing) in enumerate(zip(SIDES, drawings, strict=True)):
        panel.paste(Image.fromarray(drawing), (k * step + (step - drawing.shape[1]) // 2, 36))
        draw.text((k * step + step // 2, height - 4), name, FAINT_COLOUR, font(17), anchor="mb")
    return panel


def _legend(draw: ImageDraw.ImageDraw, y: int) -> None:
    x = SHEET_MARGIN
    entries = (
        (BODY_COLOUR, "fitted body"),
        (OUTLINE_COLOUR, "outline of the mask"),
        (LANDMARK_COLOUR, "landmarks seen"),
        (KEYPOINT_COLOUR, "the same points of the fitted body"),
    )
    for colour, text in entries:
        draw.ellipse((x, y + 4, x + 14, y + 18), colour, (60, 60, 60))
        draw.text((x + 22, y), text, FAINT_COLOUR, font(17))
        x += 22 + int(draw.textlength(text, font(17))) + 36
