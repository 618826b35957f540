"""Small operations on triangles, quads and their neighbours."""

from __future__ import annotations

import numpy as np
import torch

from avatar_kit.graphics.jit import kernel
from avatar_kit.surface import nearest_points


@kernel
def smooth(points: np.ndarray, start: np.ndarray, items: np.ndarray, amount: float, times: int):
    """Laplacian smoothing in place: each point moves ``amount`` towards its neighbours' mean."""
    n, c = points.shape
    mean = np.empty_like(points)
    for _ in range(times):
        for i in range(n):
            lo, hi = start[i], start[i + 1]
            if hi == lo:
                mean[i] = points[i]
                continue
            for k in range(c):
                total = 0.0
                for j in range(lo, hi):
                    total += points[items[j], k]
                mean[i, k] = total / (hi - lo)
        for i in range(n):
            for k in range(c):
                points[i, k] += amount * (mean[i, k] - points[i, k])


def nearest(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[N] index of the target closest to each point; of several as close, the first."""
    asked, places = (torch.from_numpy(np.asarray(v, np.float64)) for v in (points, targets))
    return nearest_points(asked, places, 1)[0][:, 0].numpy()


def triangles(quads: np.ndarray) -> np.ndarray:
    """[2F, 3] triangles of [F, 4] quads."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def normals_of(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[N, 3] area-weighted unit normals."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    out = np.zeros_like(points)
    for k in range(3):
        for d in range(3):
            out[:, d] += np.bincount(faces[:, k], cross[:, d], len(points))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def boundary(quads: np.ndarray) -> np.ndarray:
    """[E, 2] directed edges that only one face uses."""
    ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    low, high = ends.min(1), ends.max(1)
    code = low * (int(quads.max(initial=0)) + 1) + high
    _, owner, count = np.unique(code, return_inverse=True, return_counts=True)
    return ends[count[owner] == 1]


def adjacency(count: int, quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CSR neighbours over edges; vertices on a boundary see only the boundary."""
    ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    rim = boundary(quads)
    on_rim = np.zeros(count, bool)
    on_rim[rim.ravel()] = True
    both = np.concatenate([ends, ends[:, ::-1]])
    both = np.concatenate([both[~on_rim[both[:, 0]]], rim, rim[:, ::-1]])
    code = np.unique(both[:, 0] * count + both[:, 1])
    both = np.stack([code // count, code % count], 1)
    start = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(both[:, 0], minlength=count), out=start[1:])
    return start, both[:, 1].astype(np.int64)
