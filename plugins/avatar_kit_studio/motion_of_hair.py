"""How hair moves: a few guide strands swing, all others follow the guides near their roots."""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.hair import Strands

_GUIDES = 40
_NEAR = 3
_SUBSTEPS = 5
_GRAVITY = 9.81


@kernel
def swing(position, velocity, before, target, free, length, dt, steps):
    """Advance guide strands by one frame, in place.

    Every point is drawn to its target by a spring that weakens towards the tip; then the lengths
    of the links are restored from the root down, which bounds the motion whatever the head does.

    Args:
        position: [G, P, 3].
        velocity: [G, P, 3].
        before: [G, P, 3] the targets one frame ago; overwritten.
        target: [G, P, 3].
        free: [G, P] in [0, 1].
        length: [G, P - 1] metres.
        dt: Seconds since the last frame.
        steps: Substeps.
    """
    h = dt / steps
    for g in range(position.shape[0]):
        for s in range(steps):
            part = (s + 1.0) / steps
            for p in range(position.shape[1]):
                f = free[g, p]
                rate = 2 * math.pi * (1.5 + 9.0 * (1 - f) ** 2)
                w2, c = rate * rate, 2 * 0.28 * rate
                for k in range(3):
                    goal = before[g, p, k] + part * (target[g, p, k] - before[g, p, k])
                    if f < 0.02:
                        position[g, p, k] = goal
                        velocity[g, p, k] = 0.0
                        continue
                    pace = 0.6 * (target[g, p, k] - before[g, p, k]) / dt
                    v = velocity[g, p, k]
                    v = (v + h * (w2 * (goal - position[g, p, k]) + c * pace)) / (
                        1 + h * c + h * h * w2
                    )
                    velocity[g, p, k] = v
                    position[g, p, k] += h * v
            for p in range(1, position.shape[1]):
                if free[g, p] < 0.02:
                    continue
                dx = position[g, p, 0] - position[g, p - 1, 0]
                dy = position[g, p, 1] - position[g, p - 1, 1]
                dz = position[g, p, 2] - position[g, p - 1, 2]
                d = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
                k = length[g, p - 1] / d - 1.0
                position[g, p, 0] += k * dx
                position[g, p, 1] += k * dy
                position[g, p, 2] += k * dz
        for p in range(position.shape[1]):
            for k in range(3):
                before[g, p, k] = target[g, p, k]


@kernel
def keep_out(position, obstacle, normals, gap):
    """Push guide points out of the surface given by points and normals."""
    for g in range(position.shape[0]):
        for p in range(position.shape[1]):
            best, at = 1e9, 0
            for j in range(obstacle.shape[0]):
                dx = position[g, p, 0] - obstacle[j, 0]
                dy = position[g, p, 1] - obstacle[j, 1]
                dz = position[g, p, 2] - obstacle[j, 2]
                d = dx * dx + dy * dy + dz * dz
                if d < best:
                    best, at = d, j
            if best > 0.0064:
                continue
            height = 0.0
            for k in range(3):
                height += (position[g, p, k] - obstacle[at, k]) * normals[at, k]
            if height < gap:
                for k in range(3):
                    position[g, p, k] += (gap - height) * normals[at, k]


@kernel
def follow(rest, free, head, near, share, offset, out):
    """Carry all strands by the head and add what the guides near them do.

    Args:
        rest: [S, P, 3] at rest.
        free: [S, P] in [0, 1].
        head: [3, 4] rest-to-world of the head.
        near: [S, K] guides.
        share: [S, K] their weights.
        offset: [G, P, 3] guide minus its rigidly carried rest, world metres.
        out: [S, P, 3] written.
    """
    for s in range(rest.shape[0]):
        for p in range(rest.shape[1]):
            for k in range(3):
                moved = 0.0
                if free[s, p] > 0.0:
                    for j in range(near.shape[1]):
                        moved += share[s, j] * offset[near[s, j], p, k]
                out[s, p, k] = (
                    head[k, 0] * rest[s, p, 0]
                    + head[k, 1] * rest[s, p, 1]
                    + head[k, 2] * rest[s, p, 2]
                    + head[k, 3]
                    + moved
                )


class HairState:
    """The moving state of a head of hair."""

    def __init__(self, strands: Strands):
        self.strands = strands
        self.moves = bool(strands.free.max() > 0.05)
        if not self.moves:
            return
        tips = strands.points[:, -1]
        picked = [int(np.argmin(tips[:, 0]))]
        distance = np.full(len(tips), np.inf)
        for _ in range(_GUIDES - 1):
            distance = np.minimum(distance, ((tips - tips[picked[-1]]) ** 2).sum(1))
            picked.append(int(np.argmax(distance)))
        self.guides = strands.points[picked].astype(np.float64)
        self.free = strands.free[picked].astype(np.float64)
        self.length = np.linalg.norm(np.diff(self.guides, axis=1), axis=2)
        middle = strands.points.shape[1] * 2 // 3
        features = np.concatenate([strands.points[:, -1], strands.points[:, middle]], 1)
        apart = ((features[:, None] - features[picked][None]) ** 2).sum(2)
        self.near = np.argsort(apart, 1, kind="stable")[:, :_NEAR]
        weight = 1 / (np.take_along_axis(apart, self.near, 1) + 1e-4)
        self.share = weight / weight.sum(1, keepdims=True)
        self.position: np.ndarray | None = None
        self.velocity = np.zeros_like(self.guides)
        self.before = np.zeros_like(self.guides)

    def step(
        self,
        head: np.ndarray,
        upright: np.ndarray,
        obstacle: np.ndarray,
        normals: np.ndarray,
        dt: float,
    ) -> np.ndarray:
        """Advance one frame.

        Args:
            head: [3, 4] rest-to-world of the head.
            upright: [3, 3] the head's turn about the vertical alone: how hair hangs.
            obstacle: [M, 3] points of neck and shoulders.
            normals: [M, 3].
            dt: Seconds since the last frame.

        Returns:
            [S, P, 3] posed strands, world metres.
        """
        strands = self.strands
        out = np.empty(strands.points.shape, np.float32)
        if not self.moves:
            nothing = np.zeros((1, out.shape[1], 3))
            zeros = np.zeros((len(out), 1), np.int64)
            follow(strands.points, strands.free, head, zeros, zeros * 1.0, nothing, out)
            return out
        rigid = self.guides @ head[:, :3].T + head[:, 3]
        # Where a strand leaves the skull it hangs from there, straight down in the end.
        leave = np.argmax(self.free > 0.02, axis=1)
        rows = np.arange(len(rigid))
        rest_root, root = self.guides[rows, leave], rigid[rows, leave]
        hanging = (self.guides - rest_root[:, None]) @ upright.T + root[:, None]
        down = (0.85 * self.free**0.7)[..., None]
        target = rigid + down * (hanging - rigid)
        if self.position is None:
            self.position, self.before = target.copy(), target.copy()
        swing(
            self.position,
            self.velocity,
            self.before,
            target,
            self.free,
            self.length,
            dt,
            _SUBSTEPS,
        )
        keep_out(self.position, obstacle, normals, 0.006)
        offset = self.position - rigid
        follow(strands.points, strands.free, head, self.near, self.share, offset, out)
        return out
