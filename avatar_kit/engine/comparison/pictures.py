"""What the contenders make of the same frames: a grid with error maps, a video side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.capture import CaptureView
from avatar_kit.engine.comparison.cells import run_folder
from avatar_kit.engine.comparison.figures import Figures
from avatar_kit.engine.comparison.plan import Cell
from avatar_kit.engine.evaluation import render_split
from avatar_kit.engine.frames import PosedFrames
from avatar_kit.engine.held_out import HeldOutSplit, held_out_splits
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.run import RunFolder, folder_name
from avatar_kit.engine.setting_up import open_view
from avatar_kit.io.image import write_image
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.io.video import VideoWriter

_INK, _PAPER, _SOFT = (32, 33, 36), (255, 255, 255), (110, 114, 120)

#: Mean absolute error of a pixel's channels that is drawn white.
_WHITE = 0.3


@dataclass(frozen=True)
class Row:
    """One frame: the truth, and what each contender made of it, [H, W, 3] uint8."""

    label: str
    truth: np.ndarray
    pictures: list[np.ndarray]


def show(figures: Figures, capture: str, out: Path, device: str = "auto") -> list[str]:
    """Write ``CAPTURE.png`` and ``CAPTURE.mp4`` of the first seed that all contenders finished.

    Args:
        figures: The finished trainings.
        capture: Which capture.
        out: Folder of the comparison.
        device: Where to render.

    Returns:
        The names of the files; none where no contender has finished.
    """
    cells = shown_cells(figures, capture)
    if not cells:
        return []
    loaded = [load_avatar(RunFolder(run_folder(out, cell)), device=device) for cell in cells]
    view = open_view(loaded[0].config)
    names = ["recorded", *(cell.contender for cell in cells)]
    stem = folder_name(capture)
    grid, video = f"{stem}.png", f"{stem}.mp4"
    rows, wide = [], view.width
    size = (len(names) * wide, view.height + _BAND)
    methods = ", ".join(cell.contender for cell in cells)
    said = Synthetic(view.capture.name, out.resolve().name, methods).beside_recorded()
    with VideoWriter(out / video, view.capture.fps, size, synthetic=said) as film:
        title = captioned(names, wide)
        for split, k, row in rendered(loaded, view):
            film.write(np.concatenate([title, np.concatenate([row.truth, *row.pictures], 1)]))
            if k == len(split.samples) // 2:
                rows.append(row)
    write_image(out / grid, compose(rows, names), synthetic=said)
    return [grid, video]


def shown_cells(figures: Figures, capture: str) -> list[Cell]:
    """The trainings of one seed, of as many contenders as possible."""
    best: list[Cell] = []
    for seed in figures.plan.seeds:
        cells = [Cell(name, capture, seed) for name in figures.plan.contenders]
        finished = [cell for cell in cells if cell in figures.tests]
        if len(finished) > len(best):
            best = finished
    return best


def rendered(
    avatars: list[LoadedAvatar], view: CaptureView
) -> Iterator[tuple[HeldOutSplit, int, Row]]:
    """Every held-out frame through every avatar, one frame in memory at a time."""
    motion = view.capture.motion
    for split in held_out_splits(view, avatars[0].config.evaluation):
        films = [
            render_split(
                a.avatar,
                view,
                PosedFrames(a.avatar.body, motion, a.avatar.shape),
                split,
                a.config.precision,
            )
            for a in avatars
        ]
        for k, pictures in enumerate(zip(*films, strict=True)):
            truth = np.ascontiguousarray(view.image(split.samples[k]).transpose(1, 2, 0))
            yield split, k, Row(split.name, truth, [to_uint8(p[0]) for p in pictures])


def error_map(truth: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8: absolute error, mean over channels, from black over red to white."""
    error = np.abs(truth.astype(np.float32) - picture).mean(2) / (255 * _WHITE)
    ramp = np.stack([3 * error, 3 * error - 1, 3 * error - 2], axis=2)
    return (ramp.clip(0, 1) * 255).round().astype(np.uint8)


_BAND, _GAP, _MARGIN = 28, 4, 24


def captioned(names: list[str], wide: int) -> np.ndarray:
    """[band, n * wide, 3] the names above the pictures of a video."""
    band = Image.new("RGB", (len(names) * wide, _BAND), _PAPER)
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(15)
    for i, name in enumerate(names):
        draw.text((i * wide + wide // 2, _BAND // 2), name, _INK, font=font, anchor="mm")
    return np.asarray(band)


def compose(rows: list[Row], names: list[str]) -> np.ndarray:
    """The grid: for each row the pictures, and below them their error maps."""
    tall, wide = rows[0].truth.shape[:2]
    across, down = wide + _GAP, tall + _GAP
    width = _MARGIN + len(names) * across + _MARGIN
    block = _BAND + 2 * down + 8
    sheet = Image.new("RGB", (width, _BAND + len(rows) * block + 12), _PAPER)
    draw = ImageDraw.Draw(sheet)
    title, label = ImageFont.load_default(17), ImageFont.load_default(13)
    for i, name in enumerate(names):
        x = _MARGIN + i * across + wide // 2
        draw.text((x, _BAND // 2 + 6), name, _INK, font=title, anchor="mm")
    for j, row in enumerate(rows):
        top = _BAND + j * block
        text = row.label.replace("_", " ")
        draw.text((_MARGIN, top + _BAND // 2 + 4), text, _SOFT, font=label, anchor="lm")
        for i, picture in enumerate([row.truth, *row.pictures]):
            at = (_MARGIN + i * across, top + _BAND)
            sheet.paste(Image.fromarray(picture), at)
            if i:
                error = Image.fromarray(error_map(row.truth, picture))
                sheet.paste(error, (at[0], at[1] + down))
        scale(sheet, (_MARGIN, top + _BAND + down), (wide, tall))
    return np.asarray(sheet)


def scale(sheet: Image.Image, at: tuple[int, int], size: tuple[int, int]) -> None:
    """What the colours of the error maps mean, in the cell below the truth."""
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    long = int(0.7 * size[0])
    shades = np.linspace(0, 255 * _WHITE, long)[None, :, None]
    bar = error_map(np.zeros((10, long, 3), np.uint8), np.broadcast_to(shades, (10, long, 3)))
    left, top = at[0] + (size[0] - long) // 2, at[1] + size[1] // 2
    sheet.paste(Image.fromarray(bar), (left, top))
    draw.text((left + long // 2, top - 8), "error", _SOFT, font=font, anchor="ms")
    for x, text in ((left, "0"), (left + long, f"{_WHITE:g}")):
        draw.text((x, top + 14), text, _SOFT, font=font, anchor="mt")
