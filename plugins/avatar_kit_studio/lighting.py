"""The lights of the studio: a key with a shadow map, a sky with occlusion, a rim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from avatar_kit.graphics import visibility
from avatar_kit.graphics.jit import kernel


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    n = math.sqrt(x * x + y * y + z * z)
    return x / n, y / n, z / n


#: Directions towards the lights, and their linear strength.
KEY = _unit(-0.55, 0.78, 0.72)
KEY_COLOUR = (2.05, 1.97, 1.86)
RIM = _unit(0.60, 0.55, -0.80)
RIM_COLOUR = (0.86, 0.92, 1.02)
SKY_COLOUR = (0.50, 0.53, 0.57)
FLOOR_COLOUR = (0.26, 0.245, 0.235)


@dataclass(frozen=True)
class Frame:
    """An orthographic view: ``x_view = (axes @ x - centre) * scale + size / 2``."""

    axes: np.ndarray
    centre: np.ndarray
    scale: float
    size: int


def _axes(direction: Sequence[float]) -> np.ndarray:
    """[3, 3] right, up and away for someone who looks against ``direction``."""
    away = -np.asarray(direction, float)
    helper = np.array([0.0, 1.0, 0.0]) if abs(away[1]) < 0.95 else np.array([1.0, 0.0, 0.0])
    right = np.cross(away, helper)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, away), away])


def view_along(direction: Sequence[float], middle: np.ndarray, radius: float, size: int) -> Frame:
    """The square orthographic view against ``direction`` of a ball.

    The ball stays where it is while the person moves, or the texels of every map would crawl over
    the picture.
    """
    axes = _axes(direction)
    return Frame(axes, axes @ middle, size / (2 * radius), size)


def shadow_map(points: np.ndarray, faces: torch.Tensor, frame: Frame) -> np.ndarray:
    """Depth [size, size] of the scene seen from the key light; infinite where nothing is."""
    size = frame.size
    seen = (points @ frame.axes.T - frame.centre) * frame.scale
    pixels = torch.from_numpy(seen[None, :, :2] + size / 2)
    depth = torch.from_numpy(np.ascontiguousarray(seen[None, :, 2] / frame.scale))
    triangle, _, found = visibility(pixels, depth, faces, size, size, perspective=False)
    out = found[0].numpy().astype(np.float32)
    out[triangle[0].numpy() < 0] = np.inf
    return out


@kernel
def lit(x, y, z, axes, centre, scale, depth, bias, reach, taps):
    """Fraction of the key light at a point: (2 taps + 1)^2 taps ``reach`` texels apart."""
    size = depth.shape[0]
    u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - centre[0]) * scale + size / 2 - 0.5
    v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - centre[1]) * scale + size / 2 - 0.5
    w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z - centre[2] - bias
    if u < -3 * reach or v < -3 * reach or u > size + 3 * reach or v > size + 3 * reach:
        return 1.0
    total = 0.0
    for j in range(-taps, taps + 1):
        for i in range(-taps, taps + 1):
            a, b = u + i * reach, v + j * reach
            ia, ib = math.floor(a), math.floor(b)
            fa, fb = a - ia, b - ib
            if ia < 0 or ib < 0 or ia >= size - 1 or ib >= size - 1:
                total += 1.0
                continue
            top = (1 - fa) * (depth[ib, ia] >= w) + fa * (depth[ib, ia + 1] >= w)
            low = (1 - fa) * (depth[ib + 1, ia] >= w) + fa * (depth[ib + 1, ia + 1] >= w)
            total += (1 - fb) * top + fb * low
    return total / ((2 * taps + 1) * (2 * taps + 1))


def sky_views(count: int, middle: np.ndarray, radius: float, size: int) -> list[Frame]:
    """Views from ``count`` directions spread evenly over the whole sphere, none exactly level."""
    k = np.arange(count) + 0.5
    height = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - height**2)
    directions = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], 1)
    return [view_along(d, middle, radius, size) for d in directions]


@kernel
def _splat(points, axes, centre, scale, size):
    """Depth map of points, each covering 2x2 texels."""
    depth = np.full((size, size), np.float32(1e9), np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - centre[0]) * scale + size / 2 - 0.5
        v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - centre[1]) * scale + size / 2 - 0.5
        w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z - centre[2]
        iu, iv = math.floor(u), math.floor(v)
        for q in range(max(iv, 0), min(iv + 2, size)):
            for p in range(max(iu, 0), min(iu + 2, size)):
                if w < depth[q, p]:
                    depth[q, p] = w
    return depth


@kernel
def _gather_sky(points, normals, soft, direction, axes, centre, scale, depth, bias, out, weights):
    """Add one direction's light to every receiver.

    ``soft`` marks receivers without a surface (hair): they take light from everywhere.
    """
    size = depth.shape[0]
    column = 0 if direction[1] > 0 else 1
    for i in range(points.shape[0]):
        facing = 0.6
        if not soft[i]:
            facing = (
                normals[i, 0] * direction[0]
                + normals[i, 1] * direction[1]
                + normals[i, 2] * direction[2]
            )
            facing = 0.85 * facing + 0.15
            if facing <= 0:
                continue
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z - centre[0]) * scale + size / 2
        v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z - centre[1]) * scale + size / 2
        w = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z - centre[2] - bias
        iu, iv = math.floor(u), math.floor(v)
        seen = 0
        for q in range(iv - 1, iv + 2):
            for p in range(iu - 1, iu + 2):
                if p < 0 or q < 0 or p >= size or q >= size or depth[q, p] >= w:
                    seen += 1
        out[i, column] += facing * seen / 9.0
        weights[i] += facing


def sky_light(
    views: list[Frame],
    occluders: np.ndarray,
    points: np.ndarray,
    normals: np.ndarray,
    soft: np.ndarray,
) -> np.ndarray:
    """Light from above and from below that reaches each point, occlusion included.

    Args:
        views: From where the light comes.
        occluders: [M, 3] points dense enough to stand for the surface.
        points: [N, 3] receivers.
        normals: [N, 3] their normals.
        soft: [N] bool, receivers without a surface.

    Returns:
        [N, 2] share of sky and of floor each receiver sees; they sum to one in the open.
    """
    out = np.zeros((len(points), 2), np.float32)
    weights = np.zeros(len(points), np.float32)
    for frame in views:
        depth = _splat(occluders, frame.axes, frame.centre, frame.scale, frame.size)
        _gather_sky(
            points,
            normals,
            soft,
            -frame.axes[2],
            frame.axes,
            frame.centre,
            frame.scale,
            depth,
            0.014,
            out,
            weights,
        )
    return out / np.maximum(weights, 1e-6)[:, None]
