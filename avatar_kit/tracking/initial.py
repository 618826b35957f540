"""Where a fit starts: which way the person faces, and rough limb directions. Pure numpy.

All directions are in world axes, y up, as seen by a camera that looks along -z: a person who faces
the camera has a yaw of 0, one who turns to her own left a positive one.
"""

from __future__ import annotations

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS


def index(name: str) -> int:
    """Index into ``BODY_KEYPOINTS``."""
    return BODY_KEYPOINTS.index(name)


def to_world(points: np.ndarray) -> np.ndarray:
    """Camera axes (x right, y down, z forward) to world axes (x right, y up, z towards us)."""
    return points * np.array([1.0, -1.0, -1.0])


def observed_yaw(body: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """[T] yaw from the lines through shoulders and hips.

    Args:
        body: [T, 23, 3] points in world axes.
        confidence: [T, 23]; hips outside the picture are guesses.
    """
    across = np.zeros((len(body), 3))
    for part in ("shoulder", "hip"):
        i, j = index(f"left_{part}"), index(f"right_{part}")
        line = body[:, i] - body[:, j]
        sure = np.minimum(confidence[:, i], confidence[:, j])[:, None] + 1e-3
        across += sure * line / np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-6)
    return np.arctan2(-across[:, 2], across[:, 0])


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over time (axis 0), the ends repeated; ``sigma`` in frames."""
    radius = int(np.ceil(3 * sigma))
    if radius == 0 or len(values) == 1:
        return values
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return sum(k * padded[i : i + len(values)] for i, k in enumerate(kernel))


def swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """[..., 3] axis-angle of the smallest rotation that turns ``start`` to ``end``."""
    start = start / np.linalg.norm(start, axis=-1, keepdims=True)
    end = end / np.maximum(np.linalg.norm(end, axis=-1, keepdims=True), 1e-9)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    cosine = (start * end).sum(-1, keepdims=True)
    return axis / np.maximum(sine, 1e-6) * np.arctan2(sine, cosine)


def limb_rotations(body: np.ndarray, yaw: np.ndarray) -> dict[str, np.ndarray]:
    """Rough rotations of shoulders, elbows, hips and knees.

    Args:
        body: [T, 23, 3] points in world axes.
        yaw: [T] radians.

    Returns:
        Joint -> [T, 3] axis-angle in the SMPL-X convention; elbows and knees are hinges.
    """
    c, s = np.cos(yaw), np.sin(yaw)
    x, y, z = np.moveaxis(body, -1, 0)
    local = np.stack([c[:, None] * x - s[:, None] * z, y, s[:, None] * x + c[:, None] * z], -1)
    found = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        at = {p: local[:, index(f"{side}_{p}")] for p in _LIMB_JOINTS}
        upper, lower = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
        thigh, shin = at["knee"] - at["hip"], at["ankle"] - at["knee"]
        found[f"{side}_shoulder"] = swing(np.array([sign, 0.0, 0.0]), upper)
        found[f"{side}_hip"] = swing(np.array([0.0, -1.0, 0.0]), thigh)
        found[f"{side}_elbow"] = _angle(upper, lower)[:, None] * np.array([0.0, -sign, 0.0])
        found[f"{side}_knee"] = _angle(thigh, shin)[:, None] * np.array([1.0, 0.0, 0.0])
    return found


_LIMB_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.arctan2(cross, (a * b).sum(-1))


def apparent_height(body: np.ndarray, confidence: np.ndarray) -> float:
    """The standing person's height in pixels from the lengths of its parts in the picture.

    Foreshortening only shortens: a high quantile over time of each part is its full length.

    Args:
        body: [T, 23, 2] pixels.
        confidence: [T, 23].
    """

    def length(a: str, b: str) -> float:
        i, j = index(a), index(b)
        span = np.linalg.norm(body[:, i] - body[:, j], axis=-1)
        sure = np.minimum(confidence[:, i], confidence[:, j]) > 0.5
        return float(np.quantile(span[sure], 0.9)) if sure.any() else 0.0

    legs = max(length(f"{s}_hip", f"{s}_knee") for s in ("left", "right"))
    shins = max(length(f"{s}_knee", f"{s}_ankle") for s in ("left", "right"))
    torso = max(length(f"{s}_shoulder", f"{s}_hip") for s in ("left", "right"))
    # parts of an adult's stature: thigh 0.235, shin 0.235, shoulder to hip 0.29
    known = [(legs, 0.235), (shins, 0.235), (torso, 0.29)]
    seen = [(px, part) for px, part in known if px > 0]
    if not seen:  # head and shoulders: a fifth across, or whatever is in the picture
        across = length("left_shoulder", "right_shoulder")
        seen = [(across, 0.2)] if across > 0 else [(float(np.ptp(body[..., 1], 1).max()), 1.0)]
    return sum(px for px, _ in seen) / sum(part for _, part in seen)
