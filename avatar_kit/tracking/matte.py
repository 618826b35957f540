"""The person's matte at full size: the tracker's coarse mask, refined against the empty scene.

The exposure of a camera changes, a lamp flickers: the plate is brought to the light of each frame
first. What then still differs just outside the person tells how far the plate can be believed
there; a frame in which it cannot keeps its coarse mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from avatar_kit.tracking.frame_light import FrameLight, frame_light
from avatar_kit.tracking.plate import Plate, band_pixels, grown

#: Grey levels off the plate at which the matte begins; how many more until it is full.
MATTE_BEGIN_LEVELS, MATTE_RAMP_LEVELS = 10.0, 22.0
#: Grey levels more where the coarse mask sees nobody: a reflection on the floor is pale.
DOUBTFUL_LEVELS = 35.0
#: Part of the scene beside the person that may look like one; above, the plate is not believed.
LARGEST_LEAK = 0.06


@dataclass(frozen=True)
class Matte:
    """The matte of a frame.

    Attributes:
        mask: [H, W] uint8.
        refined: Whether the plate was believed.
        leak: Part of the scene beside the person that differs from the plate as a person does; NaN
            without a plate.
        clear: Part of the person's rim, where the tracker is sure of it, that differs from the
            plate; NaN without a plate. White sleeves before a white wall do not.
    """

    mask: np.ndarray
    refined: bool
    leak: float
    clear: float


def refine(image: np.ndarray, mask: np.ndarray, plate: Plate | None) -> Matte:
    """The matte of a picture.

    Deep inside the coarse mask it is believed, far outside it too. In the band between, what
    differs from the plate is the person, unless it is only darker: a shadow needs the coarse
    mask's consent. Where the scene was never seen, or without a plate, the coarse mask is enlarged
    as it is.

    Args:
        image: [H, W, 3] uint8.
        mask: [h, w] uint8, coarse.
        plate: The empty scene.
    """
    height, width = image.shape[:2]
    coarse = torch.from_numpy(mask).float()[None, None] / 255
    full = lambda x: interpolate(x, (height, width), mode="bilinear")[0, 0].numpy()  # noqa: E731
    likely = full(coarse)
    enlarged = (_ramp(likely, 0.3, 0.7) * 255 + 0.5).astype(np.uint8)
    if plate is None:
        return Matte(enlarged, False, float("nan"), float("nan"))
    band = band_pixels(coarse)
    person = grown((coarse > 0.3).float(), band)
    near, around = full(person), full(grown(person, 2 * band))
    deep = full(-grown(-(coarse > 0.9).float(), band))
    at = _box(around > 0.01)
    light = frame_light(image, plate.image, (near < 0.01) & plate.known)
    picture, empty = image[at].astype(np.float32), light.of(plate.image, at)
    off = _largest(np.abs(picture - empty))
    shadow = _shadow(picture, empty)
    beside = (near[at] < 0.01) & (around[at] > 0.5) & plate.known[at]
    person_like = (off > MATTE_BEGIN_LEVELS + MATTE_RAMP_LEVELS / 2) & ~shadow
    leak = float(person_like[beside].mean()) if beside.any() else 0.0
    rim = (likely[at] > 0.9) & (deep[at] < 0.5) & plate.known[at]
    clear = float((off[rim] > MATTE_BEGIN_LEVELS).mean()) if rim.any() else 1.0
    if leak > LARGEST_LEAK:
        return Matte(enlarged, False, leak, clear)
    begin = MATTE_BEGIN_LEVELS + DOUBTFUL_LEVELS * (1 - _ramp(likely[at], 0.0, 0.5))
    colour = _ramp((off - begin) / MATTE_RAMP_LEVELS, 0.0, 1.0)
    consent = np.where(shadow, _ramp(likely[at], 0.4, 0.8), 1.0)
    fine = np.zeros((height, width), dtype=np.float32)
    seen = np.maximum(colour * consent, deep[at]) * near[at]
    fine[at] = np.where(plate.known[at], seen, _ramp(likely[at], 0.3, 0.7))
    return Matte((_smoothed(fine) * 255 + 0.5).astype(np.uint8), True, leak, clear)


def light_beside(plate: Plate, image: np.ndarray, mask: np.ndarray) -> FrameLight:
    """The light of a picture [H, W, 3] uint8, from the scene; mask [h, w] uint8, coarse."""
    coarse = torch.from_numpy(mask).float()[None, None] / 255
    person = grown((coarse > 0.3).float(), band_pixels(coarse))
    near = interpolate(person, image.shape[:2], mode="bilinear")[0, 0].numpy()
    return frame_light(image, plate.image, (near < 0.01) & plate.known)


def _box(inside: np.ndarray) -> tuple[slice, slice]:
    """The smallest box of rows and columns that holds what is inside."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _shadow(picture: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """Where a picture is the plate, only darker."""
    ratio = (picture + 1) / (plate + 1)
    level = (ratio[..., 0] + ratio[..., 1] + ratio[..., 2]) / 3
    return (level > 0.55) & (level < 1.0) & (_largest(ratio) + _largest(-ratio) < 0.06)


def _largest(colours: np.ndarray) -> np.ndarray:
    """[h, w] the largest of three channels; numpy is ten times slower along a short axis."""
    return np.maximum(np.maximum(colours[..., 0], colours[..., 1]), colours[..., 2])


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _smoothed(mask: np.ndarray) -> np.ndarray:
    """Take single stray pixels out."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return 0.5 * mask + (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 18
