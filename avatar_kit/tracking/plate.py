"""The plate, the picture of the empty scene, and masks refined against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

#: Frames that a plate is found from.
PLATE_FRAMES = 25
#: A plate is believed if what it shows is this still: median grey levels between frames.
STILL_PLATE_LEVELS = 6.0
#: Grey levels off the plate at which the mask begins; how many more until it is full.
MASK_BEGIN_LEVELS, MASK_RAMP_LEVELS = 10.0, 22.0
#: Grey levels more where the coarse mask sees nobody: a reflection on the floor is pale.
DOUBTFUL_MASK_LEVELS = 35.0
#: Width of the band in which colour decides, as a part of the picture's long edge.
EDGE_BAND_SHARE = 0.012
#: Stands for a colour that the person hides: no grey level is so large.
_HIDDEN_PIXEL = 999


@dataclass(frozen=True)
class Plates:
    """The plates of the C clips of a video.

    Attributes:
        images: [C, H, W, 3] uint8.
        moves: [C] how much the background of each clip moves, in grey levels.
    """

    images: np.ndarray
    moves: np.ndarray

    @property
    def still(self) -> bool:
        """Whether every background stands still, so that the plates can be believed."""
        return bool((self.moves < STILL_PLATE_LEVELS).all())

    @property
    def apart(self) -> float:
        """Median grey levels between the plates of the two clips that differ most."""
        coarse = self.images[:, ::8, ::8].astype(np.int16)
        pairs = combinations(coarse, 2)
        return max((float(np.median(np.abs(a - b).max(-1))) for a, b in pairs), default=0.0)

    def mean(self, clips: Sequence[tuple[int, int]]) -> np.ndarray:
        """[H, W, 3] uint8, the plate that all frames share: each counts with that of its clip.

        The exposure of a camera often changes from clip to clip, and one plate stands behind all.
        """
        total = np.zeros(self.images.shape[1:])
        for image, (start, end) in zip(self.images, clips, strict=True):
            total += (end - start) * image.astype(np.float64)
        frames = sum(end - start for start, end in clips)
        return np.rint(total / frames).astype(np.uint8)


def sample(clip: tuple[int, int]) -> np.ndarray:
    """Numbers of the frames that a clip's plate is found from."""
    return np.unique(np.linspace(clip[0], clip[1] - 1, PLATE_FRAMES).astype(int))


def find_plate(images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, float]:
    """The plate of one clip of a static camera.

    Args:
        images: [N, H, W, 3] uint8.
        masks: [N, h, w] uint8, coarse.

    Returns:
        The plate [H, W, 3] uint8, and how much the background moves: the median difference of
        the pictures from the plate in grey levels. Pixels that the person always covers are
        filled from around.
    """
    height, width = images.shape[1:3]
    person = torch.from_numpy(masks).float()[:, None] / 255
    person = interpolate(_grow(person, 2 * _band(person)), (height, width), mode="bilinear")[:, 0]
    hidden = (person > 0.1).numpy()
    free = len(images) - hidden.sum(0)
    plate = np.full((height, width, 3), np.nan, dtype=np.float32)
    spread = []
    for row in range(0, height, 64):  # strips bound the memory
        rows = slice(row, row + 64)
        values = images[:, rows].astype(np.int16)
        values[hidden[:, rows]] = _HIDDEN_PIXEL
        values.sort(axis=0)
        middle = (free[rows] // 2)[None, ..., None].clip(max=len(images) - 1)
        strip = np.take_along_axis(values, middle.repeat(3, -1), axis=0)[0].astype(np.float32)
        plate[rows] = np.where(strip == _HIDDEN_PIXEL, np.nan, strip)
        off = np.abs(values[:, ::4, ::4] - strip[None, ::4, ::4]).max(-1)
        spread.append(off[(values[:, ::4, ::4] != _HIDDEN_PIXEL).all(-1)])
    moved = np.concatenate(spread)
    return _filled(plate), float(np.median(moved)) if len(moved) else np.inf


def refine(image: np.ndarray, mask: np.ndarray, plate: np.ndarray | None) -> np.ndarray:
    """The full-size mask [H, W] uint8 of a picture.

    Deep inside the coarse mask it is believed, far outside it too. In the band between, what
    differs from the plate is the person, unless it is only darker: a shadow needs the coarse
    mask's consent. Without a plate the coarse mask is enlarged as it is.

    Args:
        image: [H, W, 3] uint8.
        mask: [h, w] uint8, coarse.
        plate: [H, W, 3] uint8.
    """
    height, width = image.shape[:2]
    coarse = torch.from_numpy(mask).float()[None, None] / 255
    band = _band(coarse)
    full = lambda x: interpolate(x, (height, width), mode="bilinear")[0, 0].numpy()  # noqa: E731
    likely = full(coarse)
    if plate is None:
        return (_ramp(likely, 0.3, 0.7) * 255 + 0.5).astype(np.uint8)
    near = full(_grow((coarse > 0.3).float(), band))
    deep = full(-_grow(-(coarse > 0.9).float(), band))
    light = np.median(
        (image[::8, ::8].astype(np.float32) - plate[::8, ::8])[near[::8, ::8] < 0.01], axis=0
    )
    light = np.nan_to_num(light).astype(np.float32)  # of this frame against the plate's
    fine = np.zeros((height, width), dtype=np.float32)
    at = _box(near > 0.01)
    picture, empty = image[at].astype(np.float32) - light, plate[at].astype(np.float32)
    begin = MASK_BEGIN_LEVELS + DOUBTFUL_MASK_LEVELS * (1 - _ramp(likely[at], 0.0, 0.5))
    colour = _ramp((np.abs(picture - empty).max(-1) - begin) / MASK_RAMP_LEVELS, 0.0, 1.0)
    consent = np.where(_shadow(picture, empty), _ramp(likely[at], 0.4, 0.8), 1.0)
    fine[at] = np.maximum(colour * consent, deep[at]) * near[at]
    return (_smoothed(fine) * 255 + 0.5).astype(np.uint8)


def _box(inside: np.ndarray) -> tuple[slice, slice]:
    """The smallest box of rows and columns that holds what is inside."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _shadow(picture: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """Where a picture is the plate, only darker."""
    ratio = (picture + 1) / (plate + 1)
    level = ratio.mean(-1)
    return (level > 0.55) & (level < 1.0) & (np.ptp(ratio, axis=-1) < 0.06)


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _band(masks: torch.Tensor) -> int:
    return max(1, round(EDGE_BAND_SHARE * max(masks.shape[-2:])))


def _grow(masks: torch.Tensor, radius: int) -> torch.Tensor:
    return max_pool2d(masks, 2 * radius + 1, 1, radius)


def _smoothed(mask: np.ndarray) -> np.ndarray:
    """Take single stray pixels out."""
    blurred = avg_pool2d(torch.from_numpy(mask)[None, None].float(), 3, 1, 1)
    return np.asarray(0.5 * mask + 0.5 * blurred[0, 0].numpy())


def _filled(plate: np.ndarray) -> np.ndarray:
    """Fill unknown pixels from coarser and coarser averages of what is known around them."""
    known = torch.from_numpy(np.isfinite(plate).all(-1)).float()[None, None]
    values = torch.from_numpy(np.nan_to_num(plate)).permute(2, 0, 1)[None] * known
    levels = [(values, known)]
    while min(levels[-1][1].shape[-2:]) > 1 and levels[-1][1].min() == 0:
        finer, weight = levels[-1]
        half = partial(avg_pool2d, kernel_size=2, stride=2, ceil_mode=True)
        levels.append((half(finer), half(weight)))
    filled = levels[-1][0] / levels[-1][1].clamp(min=1e-6)
    for finer, weight in reversed(levels[:-1]):
        up = interpolate(filled, finer.shape[-2:], mode="bilinear")
        filled = torch.where(weight > 0, finer / weight.clamp(min=1e-6), up)
    return (filled[0].permute(1, 2, 0).clamp(0, 255) + 0.5).byte().numpy()
