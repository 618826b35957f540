"""Hair as strands: grown on the scalp along a comb field, kept off the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.cuts import Landmarks
from avatar_kit_studio.detail import Detail
from avatar_kit_studio.garments import Garment
from avatar_kit_studio.noise import value_noise
from avatar_kit_studio.skin import Head, Skin
from avatar_kit_studio.subjects import Hair
from avatar_kit_studio.topology import nearest, normals_of

#: Width of all strands of a head side by side, metres: fewer strands are wider.
_COVER = 8.4


@dataclass(frozen=True)
class Strands:
    """S strands of P points at rest.

    Attributes:
        points: [S, P, 3] metres.
        free: [S, P] in [0, 1]: 0 where a strand lies on the skull, 1 at a free tip.
        tint: [S] brightness of each strand about 1.
        depth: [S] in [0, 1], 0 for the innermost layer.
        width: Metres at the root.
    """

    points: np.ndarray
    free: np.ndarray
    tint: np.ndarray
    depth: np.ndarray
    width: float


@kernel
def _curl(points, scale, shift):
    """[N, 3] smooth random vectors in about [-1, 1] for curls and clumps."""
    out = np.empty(points.shape)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] * scale, points[i, 1] * scale, points[i, 2] * scale
        out[i, 0] = value_noise(x + shift, y, z)
        out[i, 1] = value_noise(x, y + shift + 7.1, z + 3.3)
        out[i, 2] = value_noise(x - 5.7, y, z + shift + 9.9)
    return out


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


class Obstacle:
    """The head and the shoulders that strands are kept off."""

    def __init__(self, skin: Skin, garments: list[Garment], marks: Landmarks):
        floor = marks["spine-2"][1] - 0.12
        points, normals = [], []
        layers = [(skin.rest, skin.faces[skin.material == 0])]
        layers += [(g.rest, g.faces) for g in garments if g.name == "top"]
        for rest, faces in layers:
            used = np.unique(faces)
            used = used[rest[used, 1] > floor]
            used = used[:: max(1, len(used) // 5000)]
            points.append(rest[used])
            normals.append(normals_of(rest.astype(np.float64), faces)[used])
        self.points = np.concatenate(points).astype(np.float64)
        self.normals = np.concatenate(normals)

    def push(self, points: np.ndarray, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points moved out to ``gap`` [N] metres off the surface, and the surface normals there."""
        at = nearest(points, self.points)
        normal = self.normals[at]
        height = ((points - self.points[at]) * normal).sum(1)
        return points + np.maximum(0.0, gap - height)[:, None] * normal, normal


def _roots(skin: Skin, count: int, rng: np.random.Generator, soft: float):
    """Random places on the scalp: positions, normals, metres above the hair line.

    Up to ``soft`` metres below the line there are fewer of them the lower it is.
    """
    least = -soft
    faces = skin.faces[skin.material == 0]
    scalp = skin.masks[:, 5]
    faces = faces[scalp[faces].max(1) > least]
    a, b, c = (skin.rest[faces[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    pick = rng.choice(len(faces), count, p=area / area.sum())
    u = rng.random((count, 2))
    u[u.sum(1) > 1] = 1 - u[u.sum(1) > 1]
    w = np.stack([1 - u.sum(1), u[:, 0], u[:, 1]], 1)[..., None]
    normals = normals_of(skin.rest.astype(np.float64), skin.faces)
    position = (w * skin.rest[faces[pick]]).sum(1)
    above = (w[..., 0] * scalp[faces[pick]]).sum(1)
    keep = above > least + max(0.006, 2.2 * soft) * rng.random(count)
    return position[keep], _unit((w * normals[faces[pick]]).sum(1))[keep], above[keep]


def _ponytail(hair: Hair, roots, head: Head, obstacle: Obstacle, rng: np.random.Generator):
    """Strands combed to a tie at the back of the head and falling from there."""
    position, normal, above = roots
    count, scalp_steps, tail_steps = len(position), 8, 9
    tie = np.array([0.0, head.centre[1] + 0.050, head.back - 0.020])
    depth = rng.random(count)
    lift = 0.0025 + 0.0050 * depth * np.clip(above / 0.03, 0.15, 1)
    p, path = position + 0.001 * normal, [position.copy()]
    for k in range(scalp_steps):
        to = tie - p
        step = to / (scalp_steps - k)
        side = _curl(p, 38.0, 1.7) * np.linalg.norm(step, axis=1, keepdims=True) * 0.16
        p = p + step + side * (1 - k / scalp_steps)
        p, _ = obstacle.push(p, lift * np.clip(k / 1.5, 0.25, 1))
        path.append(p.copy())
    disc = np.sqrt(rng.random(count))
    turn = rng.random(count) * 2 * np.pi
    spread = np.stack([np.cos(turn), 0.45 * np.sin(turn), np.sin(turn)], 1) * disc[:, None]
    path[-1] = tie + 0.011 * spread
    length = hair.length * (0.80 + 0.20 * rng.random(count))
    centre = np.broadcast_to(tie, (count, 3)).copy()
    for k in range(tail_steps):
        s = (k + 1) / tail_steps
        heading = _unit(np.array([0.0, 0.25 - 1.9 * s**0.6, -1.0 + 1.0 * s**0.45])[None])
        centre = centre + heading * (length / tail_steps)[:, None]
        bulk = 0.011 + 0.020 * np.sin(np.pi * min(1.0, s * 0.95 + 0.08)) ** 0.8
        pushed, _ = obstacle.push(centre[:1], np.full(1, 0.020 + bulk))
        centre = centre + (pushed - centre[:1])
        p = centre + bulk * spread + 0.004 * s * _curl(centre + 0.3 * spread, 30.0, 5.1)
        path.append(p)
    points = np.stack(path, 1)
    free = np.concatenate([np.zeros(scalp_steps + 1), np.linspace(0, 1, tail_steps + 1)[1:]])
    return points, np.broadcast_to(free, points.shape[:2]).copy(), depth


def _short(hair: Hair, roots, head: Head, obstacle: Obstacle, rng: np.random.Generator):
    """Short curls that stand off the scalp."""
    position, normal, above = roots
    count, steps = len(position), 6
    length = hair.length * np.clip(above / 0.025, 0.30, 1) * (0.75 + 0.5 * rng.random(count))
    tilt = 0.55 * rng.normal(size=(count, 3))
    heading = _unit(normal + tilt - 0.3 * np.array([0, 1.0, 0]) * (above < 0.03)[:, None])
    axis = _unit(np.cross(heading, rng.normal(size=(count, 3))))
    other = np.cross(heading, axis)
    phase, path = rng.random(count) * 2 * np.pi, []
    for k in range(steps + 1):
        s = k / steps
        curl = 0.22 * length * s
        swing = np.cos(phase + 5.5 * s)[:, None] * axis + np.sin(phase + 5.5 * s)[:, None] * other
        path.append(position + heading * (s * length)[:, None] + swing * curl[:, None])
    points = np.stack(path, 1)
    return points, np.zeros(points.shape[:2]), rng.random(count)


def _long(hair: Hair, roots, head: Head, obstacle: Obstacle, rng: np.random.Generator):
    """Parted strands that fall beside the face, over the shoulders and down the back."""
    position, normal, _ = roots
    count, steps = len(position), 17
    part = 0.018
    side = np.where(position[:, 0] > part, 1.0, -1.0)
    depth = rng.random(count)
    total = hair.length + 0.13 + 0.10 * np.clip((position[:, 1] - head.centre[1]) / 0.11, 0, 1)
    step = total * (0.90 + 0.10 * rng.random(count)) / steps
    p, path, free = position + 0.001 * normal, [position.copy()], [np.zeros(count)]
    for k in range(steps):
        d = p - head.centre
        angle = np.degrees(np.arctan2(d[:, 0] * side, d[:, 2]))
        # Off the forehead: sweep to the side and back until the strand has passed the temple.
        front = np.clip((74 - angle) / 40, 0, 1) * (d[:, 1] > -0.13)
        back = np.clip((angle - 95) / 50, 0, 1)
        gather = back * np.clip((0.05 - d[:, 1]) / 0.1, 0, 1)
        heading = np.stack(
            [
                side * (0.35 + 0.9 * front) * (1 - 0.8 * back) * (d[:, 1] > 0.0)
                - 2.5 * gather * d[:, 0],
                -1.0 + 0.55 * front,
                -0.25 - 1.1 * front + 0.25 * (d[:, 1] < 0.02),
            ],
            1,
        )
        heading += 0.16 * _curl(p + depth[:, None] * 0.02, 22.0, 2.9)
        at_skin = obstacle.push(p, np.full(count, -1.0))[1]
        near = np.exp(-(np.clip(d[:, 1] + 0.02, -0.2, 0) ** 2) / 0.001)[:, None] * (k < 11)
        heading -= near * (heading * at_skin).sum(1, keepdims=True) * at_skin
        p = p + _unit(heading) * step[:, None]
        below = np.clip(-d[:, 1] / 0.12, 0, 1)
        gap = (0.004 + 0.011 * depth) * np.clip((k + 1) / 3, 0.2, 1) + 0.004 * below
        p, _ = obstacle.push(p, gap)
        keep_out = np.maximum(0, head.width * 0.80 - p[:, 0] * side) * (d[:, 2] > 0.01)
        p[:, 0] += side * keep_out * np.clip(-(d[:, 1] - 0.055) / 0.03, 0, 1)
        path.append(p.copy())
        free.append(np.clip((0.02 - (p - head.centre)[:, 1]) / 0.22, 0, 1))
    return np.stack(path, 1), np.stack(free, 1), depth


def _groom(points: np.ndarray, depth: np.ndarray, obstacle: Obstacle) -> np.ndarray:
    """Round off kinks along each strand, roots and skull staying where they are."""
    count, length = points.shape[:2]
    gap = np.repeat(0.002 + 0.008 * depth, length - 1)
    for _ in range(2):
        for _ in range(3):
            inner = 0.25 * points[:, :-2] + 0.5 * points[:, 1:-1] + 0.25 * points[:, 2:]
            points = np.concatenate([points[:, :1], inner, points[:, -1:]], 1)
        body, _ = obstacle.push(points[:, 1:].reshape(-1, 3), gap)
        points = np.concatenate([points[:, :1], body.reshape(count, length - 1, 3)], 1)
    return points


def _fly_away(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lift single strands off the others, the more the farther from the root."""
    along = np.linspace(0, 1, points.shape[1])[None, :, None]
    reach = 0.0012 + 0.007 * rng.random((len(points), 1, 1)) ** 12
    way = _curl(points.reshape(-1, 3), 14.0, 8.3).reshape(points.shape)
    return points + reach * along * (way + _unit(rng.normal(size=(len(points), 1, 3))))


def grow(
    hair: Hair,
    skin: Skin,
    head: Head,
    garments: list[Garment],
    marks: Landmarks,
    detail: Detail,
    seed: int,
) -> Strands:
    """Grow a head of hair.

    Args:
        hair: Style, colour and length.
        skin: Where it grows.
        head: Where things are on the head.
        garments: What the hair falls on.
        marks: The person at rest.
        detail: Number of strands asked for, of which a few fall to the hair line, and its softness.
        seed: Seed of everything random.
    """
    rng = np.random.default_rng(seed)
    obstacle = Obstacle(skin, garments, marks)
    roots = _roots(skin, detail.strands, rng, detail.hairline)
    style = {"ponytail": _ponytail, "short": _short, "long": _long}[hair.style]
    points, free, depth = style(hair, roots, head, obstacle, rng)
    if hair.style != "short":
        points = _groom(points, depth, obstacle)
        whole = np.linalg.norm(np.diff(points, axis=1), axis=2).max(1) < 0.045
        points, free, depth = points[whole], free[whole], depth[whole]
        if detail.hairline:
            points = _fly_away(points, rng)
    tint = 1.0 + 0.22 * rng.normal(size=len(points))
    clump = _curl(points[:, 0], 55.0, 4.4)[:, 0]
    return Strands(
        points.astype(np.float32),
        free.astype(np.float32),
        np.clip(tint + 0.25 * clump, 0.45, 1.7).astype(np.float32),
        depth.astype(np.float32),
        _COVER / detail.strands,
    )
