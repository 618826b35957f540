"""How clothes move: carried by the bones, folded by the pose, left behind by their own weight."""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.garments import WRINKLES, Garment
from avatar_kit_studio.topology import smooth

#: Depth of the folds of clothes that nobody bends, metres.
_AT_REST = {"top": 0.016, "trousers": 0.011, "skirt": 0.006}

#: Steps of the springs in one frame.
SUBSTEPS = 4


@kernel
def skin_points(rest, bones, weights, transforms, out):
    """Linear blend skinning: [N, 3] points carried by [J, 3, 4] transforms."""
    for i in range(rest.shape[0]):
        x, y, z = rest[i, 0], rest[i, 1], rest[i, 2]
        a = b = c = 0.0
        for k in range(bones.shape[1]):
            w = weights[i, k]
            if w == 0.0:
                break
            T = transforms[bones[i, k]]
            a += w * (T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3])
            b += w * (T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3])
            c += w * (T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3])
        out[i, 0], out[i, 1], out[i, 2] = a, b, c


@kernel
def spring(position, velocity, before, target, rate, drag, limit, dt, steps):
    """Damped springs that pull every point to a moving target, in place.

    Args:
        position: [N, 3].
        velocity: [N, 3].
        before: [N, 3] the target one frame ago; overwritten with ``target``.
        target: [N, 3].
        rate: [N] natural frequency in radians per second; 0 nails a point to its target.
        drag: Share of the damping that is against the air and not against the body, in [0, 1].
        limit: [N] farthest a point may be from its target, metres (reached smoothly).
        dt: Seconds since the last frame.
        steps: Substeps.
    """
    h = dt / steps
    damping = 0.32
    for i in range(position.shape[0]):
        if rate[i] == 0.0:
            for k in range(3):
                position[i, k] = target[i, k]
                velocity[i, k] = 0.0
                before[i, k] = target[i, k]
            continue
        w2, c = rate[i] * rate[i], 2 * damping * rate[i]
        for s in range(steps):
            part = (s + 1.0) / steps
            for k in range(3):
                goal = before[i, k] + part * (target[i, k] - before[i, k])
                pace = (target[i, k] - before[i, k]) / dt * (1 - drag)
                # Implicit in position and velocity: stable for every rate and step.
                v = velocity[i, k]
                v = (v + h * (w2 * (goal - position[i, k]) + c * pace)) / (1 + h * c + h * h * w2)
                velocity[i, k] = v
                position[i, k] += h * v
        d2 = 0.0
        for k in range(3):
            d = position[i, k] - target[i, k]
            d2 += d * d
        far = math.sqrt(d2)
        if far > 1e-9:
            kept = limit[i] * math.tanh(far / limit[i]) / far
            for k in range(3):
                d = position[i, k] - target[i, k]
                position[i, k] = target[i, k] + kept * d
                if kept < 0.6:
                    velocity[i, k] *= 0.8
        for k in range(3):
            before[i, k] = target[i, k]


@kernel
def apart(points, normals, moved, clear):
    """Keep cloth off the skin: what moved inwards by more than its room is put back."""
    for i in range(points.shape[0]):
        inward = 0.0
        for k in range(3):
            inward -= (points[i, k] - moved[i, k]) * normals[i, k]
        room = 0.7 * clear[i]
        if inward > room:
            for k in range(3):
                points[i, k] += (inward - room) * normals[i, k]


@kernel
def off_legs(points, loose, joints, radii, gap):
    """Push a skirt out of the legs: ``joints`` [2, 3, 3] hip, knee, ankle; ``radii`` [3].

    Where it is not ``loose`` [N] it is held by the waist and stays.
    """
    for i in range(points.shape[0]):
        for leg in range(2):
            for part in range(2):
                A, B = joints[leg, part], joints[leg, part + 1]
                dx, dy, dz = B[0] - A[0], B[1] - A[1], B[2] - A[2]
                px, py, pz = points[i, 0] - A[0], points[i, 1] - A[1], points[i, 2] - A[2]
                t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
                t = max(0.0, min(1.0, t))
                ex, ey, ez = px - t * dx, py - t * dy, pz - t * dz
                d = math.sqrt(ex * ex + ey * ey + ez * ez) + 1e-9
                r = radii[part] + t * (radii[part + 1] - radii[part]) + gap
                if d < r:
                    k = (r - d) / d * min(1.0, 4.0 * loose[i])
                    points[i, 0] += k * ex
                    points[i, 1] += k * ey
                    points[i, 2] += k * ez


class ClothState:
    """The moving state of one garment.

    Args:
        garment: The garment.
        bones: [N, 8] bone indices.
        weights: [N, 8] bone weights.
    """

    def __init__(self, garment: Garment, bones: np.ndarray, weights: np.ndarray):
        self.garment, self.bones, self.weights = garment, bones, weights
        loose = garment.loose.astype(np.float64)
        swing = 1.5 if garment.name == "skirt" else 2.0
        self.rate = np.where(loose > 0.02, 2 * np.pi * (swing + 5.0 * (1 - loose) ** 1.5), 0.0)
        self.limit = (0.10 if garment.name == "skirt" else 0.05) * np.maximum(loose, 0.01)
        self.position: np.ndarray | None = None
        self.velocity = np.zeros(garment.rest.shape)
        self.before = np.zeros(garment.rest.shape)
        self.folds = np.zeros(len(WRINKLES))
        self._target = np.empty(garment.rest.shape)

    def step(
        self,
        transforms: np.ndarray,
        folds: np.ndarray,
        legs: tuple[np.ndarray, np.ndarray] | None,
        normals,
        dt: float,
    ) -> np.ndarray:
        """Advance one frame.

        Args:
            transforms: [J, 3, 4] rest-to-world.
            folds: [W] how far each place is bent, radians.
            legs: Joints and radii of the legs for a skirt, or None.
            normals: ``normals(points, faces) -> [N, 3]``.
            dt: Seconds since the last frame.

        Returns:
            [N, 3] the garment in the world.
        """
        garment, target = self.garment, self._target
        skin_points(garment.rest, self.bones, self.weights, transforms, target)
        start, items = garment.neighbours
        if garment.name != "shoes":
            smooth(target, start, items, 0.5, 3)
        if legs is not None:
            off_legs(target, garment.loose, legs[0], legs[1], 0.014)
            smooth(target, start, items, 0.5, 3)
        if self.position is None:
            self.position, self.before = target.copy(), target.copy()
            self.folds = folds.copy()
        spring(
            self.position,
            self.velocity,
            self.before,
            target,
            self.rate,
            0.25,
            self.limit,
            dt,
            SUBSTEPS,
        )
        if garment.name == "shoes":
            return target.astype(np.float32)
        outward = normals(target, garment.outer)[garment.source]
        points = self.position.copy()
        apart(points, outward, target, garment.clear)
        # Folds come fast and go slowly: cloth remembers how it was bent.
        rise = 1 - math.exp(-dt / 0.06)
        fall = 1 - math.exp(-dt / 0.45)
        self.folds += np.where(folds > self.folds, rise, fall) * (folds - self.folds)
        depth = _AT_REST.get(garment.name, 0.006) + 0.024 * self.folds
        lift = depth.astype(np.float32) @ garment.wrinkles
        lift = np.maximum(lift, -0.6 * garment.clear)
        points += lift[:, None] * outward
        if legs is not None:
            off_legs(points, garment.loose, legs[0], legs[1], 0.008)
        smooth(points, start, items, 0.5, 2)
        return points.astype(np.float32)


def fold_angles(rotvec: np.ndarray) -> np.ndarray:
    """[T, W] bend at every place of ``WRINKLES`` in radians, from [T, 55, 3] SMPL-X axis-angle."""
    from avatar_kit.scene.joints import SMPLX_JOINTS

    at = {name: i for i, name in enumerate(SMPLX_JOINTS)}
    size = lambda name: np.linalg.norm(rotvec[:, at[name]], axis=-1)  # noqa: E731
    columns = {
        "torso": 0.12 + size("spine1") + size("spine2") + size("spine3"),
        "waist": 0.10 + 0.5 * (size("left_hip") + size("right_hip")) + size("spine1"),
    }
    for side in ("left", "right"):
        columns[f"{side}_elbow"] = 0.10 + size(f"{side}_elbow")
        columns[f"{side}_shoulder"] = 0.1 + np.abs(size(f"{side}_shoulder") - 0.9)
        columns[f"{side}_hip"] = 0.12 + size(f"{side}_hip")
        columns[f"{side}_knee"] = 0.15 + size(f"{side}_knee")
    return np.minimum(np.stack([columns[name] for name in WRINKLES], 1), 1.3)
