"""The part of a shape that joints do not show: how wide the person is.

Loose clothes and hair make a gradient on the outline pull in wrong directions; the overlap of the
whole silhouette with the mask, looked at value by value, does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.measures import silhouette_overlap
from avatar_kit.tracking.packed import Masks
from avatar_kit.tracking.shape_range import ShapeRange

#: Frames that are looked at.
GIRTH_FRAMES = 10
#: Times that all values are gone through.
SEARCH_ROUNDS = 2
#: Pull towards where a value was, in overlap per unit squared: an overlap that hardly changes shall
#: not carry a value to its end.
SHAPE_INERTIA = 0.02
#: An adult's height over that of the eyes.
STATURE_TO_EYE_HEIGHT = 1.07


@dataclass(frozen=True)
class View:
    """T frames of a person before one camera.

    Attributes:
        camera: Of the video.
        motion: [T] fitted to landmarks.
        masks: [T, h, w] uint8, coarse.
    """

    camera: Camera
    motion: Motion
    masks: Masks


def fit_girth(body: Body, views: Sequence[View], shape: Tensor, values: list[int]) -> Tensor:
    """Shape values with the best silhouette overlap, the motion being as it is.

    Args:
        body: Any body.
        views: Of the same person; each counts by its frames.
        shape: [S] where to start.
        values: Columns of ``shape`` that may change.

    Returns:
        [S] values within the body's limits.
    """
    seen = []
    for view in views:
        height, width = view.masks.shape[1:]
        frames = np.unique(np.linspace(0, len(view.motion) - 1, GIRTH_FRAMES).astype(int))
        chosen = view.motion[frames.tolist()], torch.from_numpy(view.masks[frames]) > 127
        seen.append((view.camera, view.camera.resized(width, height), *chosen))
    shares = np.array([len(view.motion) for view in views]) / sum(len(v.motion) for v in views)
    start, best = shape.clone(), shape.clone()
    tall, limits = stature(body, start), ShapeRange(body.shape_limits)

    def score(candidate: Tensor) -> float:
        inertia = SHAPE_INERTIA * ((candidate - start) / limits.width).square().sum()
        # A taller person stands further away: the silhouette's height stays as it is.
        grown = stature(body, candidate) / tall
        overlaps = [
            silhouette_overlap(body, small, _away(motion, camera, grown), candidate, inside)
            for camera, small, motion, inside in seen
        ]
        return float(shares @ overlaps) - float(inertia)

    top = score(best)
    for reach in np.geomspace(0.3, 0.1, SEARCH_ROUNDS):
        for column in values:
            for step in (-reach * limits.width, reach * limits.width):
                candidate = best.clone()
                candidate[column] = limits.inside(best[column] + step)
                while (found := score(candidate)) > top + 1e-4:
                    top, best = found, candidate
                    candidate = best.clone()
                    candidate[column] = limits.inside(best[column] + step)
    return best


def stature(body: Body, shape: Tensor) -> Tensor:
    """Standing height in metres, from eyes and heels of the T-pose. Differentiable."""
    return stature_of(body.keypoints(body.from_motion(Motion.rest(1), shape))[0])


def stature_of(standing: Tensor) -> Tensor:
    """Standing height in metres of key points [65, 3] in the T-pose. Differentiable."""
    eyes, heels = standing[1:3, 1].mean(), standing[17:19, 1].mean()
    return (eyes - heels) * STATURE_TO_EYE_HEIGHT


def _away(motion: Motion, camera: Camera, factor: Tensor) -> Motion:
    """The motion seen along the same rays, ``factor`` times as far away."""
    eye = camera.position[0]
    return replace(motion, transl=eye + (motion.transl - eye) * factor)
