"""One rotation at a time, in numpy: a call through a tensor library costs more than the maths."""

from __future__ import annotations

import math

import numpy as np


def cross_matrices(points: np.ndarray) -> np.ndarray:
    """[N, 3, 3] derivatives of points [N, 3] by a small turn: ``matrix @ turn = turn x point``."""
    x, y, z = points.T
    found = np.zeros((len(points), 3, 3), np.float32)
    found[:, 0, 1], found[:, 0, 2] = z, -y
    found[:, 1, 0], found[:, 1, 2] = -z, x
    found[:, 2, 0], found[:, 2, 1] = y, -x
    return found


def to_matrix(rotvec: np.ndarray) -> np.ndarray:
    """[3, 3] rotation of an axis-angle vector [3], radians (Rodrigues' formula)."""
    x, y, z = (float(value) for value in rotvec)
    squared = x * x + y * y + z * z
    angle = math.sqrt(squared)
    if angle > 1e-4:
        sine, versine = math.sin(angle) / angle, (1 - math.cos(angle)) / squared
    else:
        sine, versine = 1 - squared / 6, 0.5 - squared / 24
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (np.eye(3) + sine * k + versine * (k @ k)).astype(np.float32)


def to_rotvec(rotation: np.ndarray) -> np.ndarray:
    """[3] axis-angle of a rotation [3, 3], at most half a turn long."""
    m = rotation.astype(np.float64)
    # the quaternion (w, x, y, z) times four times its largest component
    four = np.array(
        [
            [1 + m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0],
             m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0],
             m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2],
             m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1],
             1 - m[0, 0] - m[1, 1] + m[2, 2]],
        ]
    )  # fmt: skip
    w, *axis = four[int(four.diagonal().argmax())]
    if w < 0:
        w, axis = -w, [-value for value in axis]
    length = math.hypot(*axis)
    scale = 2 * math.atan2(length, w) / length if length > 1e-12 else 0.0
    return (scale * np.array(axis)).astype(np.float32)
