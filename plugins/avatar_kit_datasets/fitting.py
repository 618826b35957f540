"""The shape of a person from masks: for a body that the files' shape values mean nothing to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit_datasets.checking import Looked, camera_of
from avatar_kit_datasets.recording import View

#: Rows of the pictures that silhouettes are compared in.
_HEIGHT = 160

#: Pictures that are compared.
_PICTURES = 8

#: What leaving the average by a whole range (by 5 where there is none) costs, in overlap; squared.
#: Clothes and hair widen a silhouette without the person being any broader.
_AVERAGE = 0.1

#: Steps tried one after another, as shares of the range of a value (of 5 where it has none).
_STEPS = (0.25, 0.12, 0.06, 0.03)


@torch.no_grad()
def shape_from_masks(
    body: Body, motion: Motion, views: Mapping[str, View], looked: Sequence[Looked]
) -> tuple[Tensor, float]:
    """The shape whose silhouettes agree best with masks, found value by value.

    Of shapes that agree about equally well it is the one nearer to the average person.

    Args:
        body: The body; the values that a video shows are changed.
        motion: The poses.
        views: Cameras in the world of the motion.
        looked: Masks.

    Returns:
        [S] the shape, and the mean intersection over union of its silhouettes with the masks.
    """
    count = min(len(looked), _PICTURES)
    chosen = [looked[round(i)] for i in np.linspace(0, len(looked) - 1, count)]
    seen = [_small(one, views[one.camera]) for one in chosen]
    poses = motion[[one.frame for one in chosen]]
    low, high = body.shape_limits
    span = high - low if math.isfinite(low) else 5.0

    average = body.default_shape()

    def overlap(shape: Tensor) -> float:
        vertices = body(body.from_motion(poses, shape)).vertices
        found = []
        for (camera, mask), points in zip(seen, vertices, strict=True):
            own = rasterize(points[None], body.topology.faces, camera).mask[0, 0].numpy() > 0
            found.append((own & mask).sum() / max(1, (own | mask).sum()))
        return float(np.mean(found))

    def score(shape: Tensor) -> float:
        away = ((shape - average) / span).square().sum().item()
        return overlap(shape) - _AVERAGE * away

    shape, best = average, score(average)
    for step in _STEPS:
        for name in body.fitted_shape:
            at = body.shape_names.index(name)
            for sign in (1.0, -1.0):
                other = shape.clone()
                other[at] = (other[at] + sign * step * span).clamp(low, high)
                if (found := score(other)) > best:
                    shape, best = other, found
                    break
    return shape, overlap(shape)


def _small(one: Looked, view: View) -> tuple[Camera, np.ndarray]:
    """Camera and mask of a small picture."""
    scale = min(1.0, _HEIGHT / view.height)
    width, height = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    camera = camera_of(view, one.frame)
    factors = (width / view.width, height / view.height)
    small = Image.fromarray(one.mask.astype(np.uint8) * 255).resize((width, height))
    return camera.crop_resize(0, 0, factors, width, height), np.asarray(small) > 127
