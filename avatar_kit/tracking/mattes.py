"""How sound a matte is: in one piece, without holes, with a plain outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit.tracking.matte import Matte
from avatar_kit.tracking.measures import iou
from avatar_kit.tracking.watch import shrink

#: A coarse mask above this is sure of the person.
_SURE = 230


@dataclass(frozen=True)
class MatteFigures:
    """Of one frame; 1 is the best of each.

    Attributes:
        whole: Part of the matte that hangs together.
        filled: Part of what the tracker is sure of that has no hole.
        plain: Length of the coarse mask's outline over that of the matte, at most 1.
        agreement: Intersection over union of the matte and the coarse mask.
        clear: Part of the person's rim that differs from the empty scene.
        refined: Whether the plate was believed.
    """

    whole: float
    filled: float
    plain: float
    agreement: float
    clear: float
    refined: bool


def matte_figures(matte: Matte, coarse: np.ndarray) -> MatteFigures:
    """Measure a matte beside the tracker's mask.

    Args:
        matte: Of the frame.
        coarse: [h, w] uint8.
    """
    fine, rough = shrink(matte.mask) > 127, coarse > 127
    area = max(int(fine.sum()), 1)
    pieces = _pieces(fine)
    scene = _pieces(~np.pad(fine, 1))  # number 1 is what reaches the border
    holes = (scene[1:-1, 1:-1] > 1) & (coarse > _SURE)
    return MatteFigures(
        whole=float(np.bincount(pieces.ravel())[1:].max(initial=0)) / area,
        filled=1 - float(holes.sum()) / max(int(rough.sum()), 1),
        plain=min(1.0, _outline(rough) / max(_outline(fine), 1)),
        agreement=iou(fine, rough),
        clear=1.0 if np.isnan(matte.clear) else matte.clear,
        refined=matte.refined,
    )


def _outline(inside: np.ndarray) -> int:
    """How many edges of pixels lie between inside and outside."""
    return int((np.diff(inside, axis=0) != 0).sum() + (np.diff(inside, axis=1) != 0).sum())


@kernel
def _pieces(inside: np.ndarray) -> np.ndarray:
    """[h, w] numbers from 1 of the pieces of what is inside, joined along edges; 0 outside."""
    height, width = inside.shape
    number = np.zeros((height, width), np.int32)
    stack = np.empty((height * width, 2), np.int32)
    count = 0
    for row in range(height):
        for column in range(width):
            if not inside[row, column] or number[row, column]:
                continue
            count += 1
            number[row, column] = count
            stack[0] = row, column
            top = 1
            while top:
                top -= 1
                y, x = stack[top]
                for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    i, j = y + dy, x + dx
                    if 0 <= i < height and 0 <= j < width and inside[i, j] and not number[i, j]:
                        number[i, j] = count
                        stack[top] = i, j
                        top += 1
    return number
