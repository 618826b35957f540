"""Pictures of a run: a sheet of held-out frames, a video of truth beside avatar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from avatar_kit.capture import CaptureView
from avatar_kit.engine.coverage import read_coverage
from avatar_kit.engine.held_out import HeldOutSplit
from avatar_kit.engine.loaded import COVERAGE
from avatar_kit.interfaces import Avatar
from avatar_kit.io.image import write_image
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.io.video import VideoWriter
from avatar_kit.surface import draw_coverage
from avatar_kit.surface.coverage import SHOWN, SIDES

#: Title of the drawings of what the training showed.
_COVERAGE = "seen in training"

_INK, _PAPER, _SOFT = (32, 33, 36), (255, 255, 255), (110, 114, 120)


class Preview:
    """Collects what evaluation renders into ``preview.png`` and ``preview.mp4``.

    The sheet shows three frames of every held-out split: recorded above, rendered below. The video
    plays the held-out splits one after another, recorded on the left, rendered on the right.

    Args:
        view: The capture.
        folder: Where the two files go.
        synthetic: What they say of themselves.
        coverage: What the training showed of the person, by side; see :func:`drawn_coverage`.
    """

    def __init__(
        self,
        view: CaptureView,
        folder: Path,
        synthetic: Synthetic,
        coverage: Mapping[str, np.ndarray] | None = None,
    ):
        self.view, self._synthetic, self._coverage = view, synthetic, coverage or {}
        self.png, self.mp4 = folder / "preview.png", folder / "preview.mp4"
        size = (2 * view.width, view.height)
        self._video = VideoWriter(self.mp4, view.capture.fps, size, synthetic=synthetic)
        self._rows: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}

    def __enter__(self) -> Preview:
        self._video.__enter__()
        return self

    def observe(self, split: HeldOutSplit, k: int, picture: Tensor) -> None:
        """Take in the rendered [3, H, W] picture of position ``k`` of a split."""
        truth = np.ascontiguousarray(self.view.image(split.samples[k]).transpose(1, 2, 0))
        rendered = to_uint8(picture)
        self._video.write(np.concatenate([truth, rendered], axis=1))
        if k in _spread(len(split.samples), 3):
            truths, renders = self._rows.setdefault(split.name, ([], []))
            truths.append(truth)
            renders.append(rendered)

    def __exit__(self, kind: type | None, *rest: object) -> None:
        self._video.__exit__(kind, *rest)
        if kind is None and self._rows:
            rows = [(name, *pictures) for name, pictures in self._rows.items()]
            sheet = compose_sheet(rows, self._coverage)
            write_image(self.png, sheet, synthetic=self._synthetic)


def to_uint8(picture: Tensor) -> np.ndarray:
    """[3, H, W] in [0, 1] to [H, W, 3] uint8."""
    scaled = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return scaled.permute(1, 2, 0).cpu().numpy()


def compose_sheet(
    rows: list[tuple[str, list[np.ndarray], list[np.ndarray]]],
    coverage: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Splits side by side: the recorded frames above, the rendered ones below, with labels.

    Beside them the sides of the body, in two rows, coloured by what the training showed.
    """
    gap, gutter, band, margin = 4, 28, 34, 64
    tall, wide = rows[0][1][0].shape[:2]
    # a title that is wider than its pictures makes room for itself
    title, label = ImageFont.load_default(17), ImageFont.load_default(13)
    spans = [
        max(len(truths) * (wide + gap) - gap, math.ceil(title.getlength(name)))
        for name, truths, _ in rows
    ]
    drawn = max((drawing.shape[1] for drawing in coverage.values()), default=0)
    beside = max(2 * drawn, math.ceil(title.getlength(_COVERAGE))) if coverage else -gutter
    width = margin + sum(spans) + gutter * len(rows) + beside + 16
    height = band + 2 * tall + gap + 16
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for text, y in (("recorded", band + tall // 2), ("avatar", band + tall + gap + tall // 2)):
        draw.text((margin - 8, y), text, _SOFT, font=label, anchor="rm")
    left = margin
    for span, (name, truths, renders) in zip(spans, rows, strict=True):
        x = left
        draw.text((x, band - 9), name.replace("_", " "), _INK, font=title, anchor="ls")
        for truth, picture in zip(truths, renders, strict=True):
            sheet.paste(Image.fromarray(truth), (x, band))
            sheet.paste(Image.fromarray(picture), (x, band + tall + gap))
            x += wide + gap
        left += span + gutter
    if coverage:
        _paste_coverage(sheet, coverage, left, band, tall + gap)
    return np.asarray(sheet)


def drawn_coverage(run: Path, avatar: Avatar, height: int) -> dict[str, np.ndarray]:
    """Side of the person -> drawing of what the training showed; none of a run that does not say.

    Args:
        run: The run folder.
        avatar: Its avatar.
        height: Of a drawing, in pixels.
    """
    coverage = read_coverage(run / COVERAGE, len(avatar.body.topology.parts))
    if coverage is None:
        return {}
    rest = avatar.body.rest(avatar.shape).to("cpu")
    return dict(zip(SIDES, draw_coverage(rest, coverage, height, _PAPER), strict=True))


def _paste_coverage(
    sheet: Image.Image, coverage: Mapping[str, np.ndarray], left: int, top: int, step: int
) -> None:
    draw, label = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    draw.text((left, top - 9), _COVERAGE, SHOWN, font=ImageFont.load_default(17), anchor="ls")
    for k, (side, drawing) in enumerate(coverage.items()):
        row, column = divmod(k, 2)
        x, y = left + column * drawing.shape[1], top + row * step
        sheet.paste(Image.fromarray(drawing), (x, y))
        draw.text((x + drawing.shape[1] // 2, y + step - 6), side, _SOFT, font=label, anchor="ms")


def _spread(frames: int, count: int) -> set[int]:
    """Positions of ``count`` frames spread over ``frames``."""
    return {round((2 * k + 1) * (frames - 1) / (2 * count)) for k in range(count)}
