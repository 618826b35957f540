"""Pictures of a run: a sheet of held-out frames, a video of truth beside avatar."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from avatar_kit.capture import CaptureView
from avatar_kit.engine.held_out import HeldOutSplit
from avatar_kit.io.image import write_image
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.io.video import VideoWriter

_INK, _PAPER, _SOFT = (32, 33, 36), (255, 255, 255), (110, 114, 120)


class Preview:
    """Collects what evaluation renders into ``preview.png`` and ``preview.mp4``.

    The sheet shows three frames of every held-out split: recorded above, rendered below. The video
    plays the held-out splits one after another, recorded on the left, rendered on the right.

    Args:
        view: The capture.
        folder: Where the two files go.
        synthetic: What they say of themselves.
    """

    def __init__(self, view: CaptureView, folder: Path, synthetic: Synthetic):
        self.view, self._synthetic = view, synthetic
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
            write_image(self.png, compose_sheet(rows), synthetic=self._synthetic)


def to_uint8(picture: Tensor) -> np.ndarray:
    """[3, H, W] in [0, 1] to [H, W, 3] uint8."""
    scaled = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return scaled.permute(1, 2, 0).cpu().numpy()


def compose_sheet(
    rows: list[tuple[str, list[np.ndarray], list[np.ndarray]]],
) -> np.ndarray:
    """Splits side by side: the recorded frames above, the rendered ones below, with labels."""
    gap, gutter, band, margin = 4, 28, 34, 64
    tall, wide = rows[0][1][0].shape[:2]
    # a title that is wider than its pictures makes room for itself
    title, label = ImageFont.load_default(17), ImageFont.load_default(13)
    spans = [
        max(len(truths) * (wide + gap) - gap, math.ceil(title.getlength(name)))
        for name, truths, _ in rows
    ]
    width = margin + sum(spans) + gutter * (len(rows) - 1) + 16
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
    return np.asarray(sheet)


def _spread(frames: int, count: int) -> set[int]:
    """Positions of ``count`` frames spread over ``frames``."""
    return {round((2 * k + 1) * (frames - 1) / (2 * count)) for k in range(count)}
