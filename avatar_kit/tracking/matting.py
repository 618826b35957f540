"""Masks by a matting that was chosen, in place of those refined against the empty scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Matting
from avatar_kit.io.video import VideoReader
from avatar_kit.registry import catalog
from avatar_kit.tracking.plate import grown

#: How far beyond the tracker's mask a matting is believed, as a part of the long edge.
REACH_SHARE = 0.05


def built_matting(name: str, readers: list[VideoReader]) -> Matting:
    """A registered matting, for videos that bring no masks.

    Raises:
        UserError: There is no such matting, its model is not here, or a video brings masks.
        MissingExtra: A package that it needs is not installed.
    """
    component = catalog().get("matting", name)
    if masked := [reader.path for reader in readers if reader.masked]:
        raise UserError(
            f"--matting {name}: {Path(masked[0])} provides masks; use only one of the two"
        )
    return component.load()(component.config(type=name))


def matted(matting: Matting, image: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """[H, W] uint8, what a matting finds near the person: others in the picture are left out.

    Args:
        matting: Any.
        image: [H, W, 3] uint8.
        coarse: [h, w] uint8, the tracker's mask.
    """
    seen = torch.from_numpy(coarse).float()[None, None] / 255
    near = grown(seen, max(1, round(REACH_SHARE * max(coarse.shape))))
    share = interpolate(near, image.shape[:2], mode="bilinear")[0, 0].clamp(0, 1).numpy()
    return np.asarray((matting.mask(image, coarse) * share).round().astype(np.uint8))
