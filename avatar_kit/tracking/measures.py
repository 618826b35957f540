"""How well a fitted body agrees with what was seen: joints, hands, silhouettes, directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.tracks import Tracks, main_joints


@dataclass(frozen=True)
class Agreement:
    """How well body and video agree, frame by frame.

    Attributes:
        joints: [T, 12] of :func:`joint_error`.
        overlap: [T] of :func:`iou`, silhouette against mask.
    """

    joints: np.ndarray
    overlap: np.ndarray

    def error(self) -> np.ndarray:
        """[T] mean error of the joints seen, percent of the height; NaN where none is."""
        mean = np.full(len(self.joints), np.nan)
        seen = np.isfinite(self.joints).any(1)
        mean[seen] = np.nanmean(self.joints[seen], axis=1)
        return mean


def joint_error(pixels: np.ndarray, tracks: Tracks, height: float) -> np.ndarray:
    """[T, 12] distance of the main joints from their landmarks, percent of the height.

    NaN where a landmark was not seen.

    Args:
        pixels: [T, 65, 2] key points of the fitted body in the picture.
        tracks: What was seen.
        height: Of the person in pixels.
    """
    joints = main_joints()
    off = np.linalg.norm(pixels[:, joints] - tracks.body[:, joints], axis=-1)
    unseen = tracks.body_confidence[:, joints] < 0.5
    return np.where(unseen, np.nan, 100 * off / height)


def hand_error(pixels: np.ndarray, tracks: Tracks, height: float) -> float:
    """Mean distance of hand points from theirs, both from the wrist, percent of the height.

    NaN if no hand was seen. The arguments are those of :func:`joint_error`.
    """
    hands = pixels[:, 23:].reshape(-1, 2, 21, 2)
    spread = (hands - hands[:, :, :1]) - (tracks.hands - tracks.hands[:, :, :1])
    off = 100 * np.linalg.norm(spread, axis=-1).mean(-1)[tracks.hands_confidence > 0] / height
    return float(off.mean()) if len(off) else float("nan")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean pictures [H, W]."""
    return float((a & b).sum() / max((a | b).sum(), 1))


@torch.no_grad()
def silhouette_overlap(
    body: Body, camera: Camera, motion: Motion, shape: Tensor, inside: Tensor
) -> float:
    """Mean intersection over union of a body's silhouettes and what is inside masks.

    Args:
        body: Any body.
        camera: Of the size of the masks.
        motion: [T] frames.
        shape: [S] values in [0, 1].
        inside: [T, H, W] bool.
    """
    posed = body(body.from_motion(motion, shape))
    drawn = rasterize(posed.vertices, posed.topology.faces, camera).triangle >= 0
    both = (drawn & inside).sum((1, 2)).float()
    return float((both / (drawn | inside).sum((1, 2)).clamp(min=1)).mean())


def views(yaw: np.ndarray) -> float:
    """Part of the 12 directions of 30 degrees that ``yaw`` [T] (radians) visits."""
    bins = np.floor(np.degrees(yaw) % 360 / 30).astype(int)
    return len(np.unique(bins)) / 12
