"""From a script to joint rotations in the SMPL-X convention.

Arms and legs are placed by their ends (two-link chains), so hands go where a gesture puts them and
feet stay where they stand.
"""

from __future__ import annotations

import numpy as np
import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit_studio import poses
from avatar_kit_studio.poses import euler, rotation, two_links
from avatar_kit_studio.script import FPS, Script, Skeleton


def to_motion(script: Script, skeleton: Skeleton) -> Motion:
    """Solve the chains: a script as joint rotations."""
    n = len(script.times)
    R = {name: np.broadcast_to(np.eye(3), (n, 3, 3)).copy() for name in SMPLX_JOINTS}
    pelvis = euler(
        ("y", script.yaw + 0.25 * script.lean[:, 1]),
        ("x", 0.25 * script.lean[:, 0]),
        ("z", 0.3 * script.lean[:, 2]),
    )
    R["pelvis"] = pelvis
    third = euler(
        ("y", 0.25 * script.lean[:, 1]),
        ("x", 0.25 * script.lean[:, 0]),
        ("z", 0.25 * script.lean[:, 2]),
    )
    for joint in ("spine1", "spine2", "spine3"):
        R[joint] = third
    trunk = pelvis @ third @ third @ third
    for joint, share in (("neck", 0.45), ("head", 0.55)):
        g = share * script.gaze
        R[joint] = euler(("y", g[:, 1]), ("x", g[:, 0]), ("z", g[:, 2]))
    for eye in ("left_eye", "right_eye"):
        R[eye] = euler(("y", script.look[:, 1]), ("x", script.look[:, 0]))
    hands = []
    for side, arm in zip(("left", "right"), script.arms, strict=True):
        solved = _arm(arm, trunk, skeleton)
        hand = poses.hand_rotvecs(np.clip(arm[:, 7:12], 0, 1), np.clip(arm[:, 12], 0, 1))
        if side == "right":
            flip = np.diag([-1.0, 1.0, 1.0])
            solved = {k: flip @ v @ flip for k, v in solved.items()}
            hand = poses.mirror(hand)
        R.update({f"{side}_{k}": v for k, v in solved.items()})
        hands.append(hand)
    yaw = euler(("y", script.yaw))
    where = (yaw @ script.sway[..., None])[..., 0]
    where[:, 1] += skeleton.height - script.drop
    for i, side in enumerate(("left", "right")):
        R.update({f"{side}_{k}": v for k, v in _leg(i, script, where, pelvis, skeleton).items()})
    vectors = _rotvecs(np.stack([R[name] for name in SMPLX_JOINTS], 1))
    vectors[:, 25:40], vectors[:, 40:55] = hands[0], hands[1]
    return Motion.from_rotvec(
        FPS,
        torch.tensor(where, dtype=torch.float32),
        torch.tensor(vectors, dtype=torch.float32),
        torch.tensor(script.face, dtype=torch.float32),
        torch.ones(n),
    )


def _arm(arm: np.ndarray, trunk: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Collar, shoulder, elbow and wrist of the left arm, each relative to its parent."""
    a, b = skeleton.upper_arm, skeleton.forearm
    target = arm[:, :3] * (a + b)
    up = np.clip(arm[:, 1] + 0.35, 0, 1.3)
    forward = np.clip(arm[:, 2] - 0.4, 0, 0.6)
    collar = euler(("z", 14.0 * up), ("y", -14.0 * forward))
    # The elbow hangs down and back, and out when the hand is raised.
    pole = np.tile(np.array([0.55, -0.75, -0.55]), (len(arm), 1))
    pole[:, 0] += 0.9 * np.clip(arm[:, 1], 0, 1)
    pole[:, 2] -= 0.5 * np.clip(-arm[:, 1] - 0.5, 0, 1)
    axis = target / np.maximum(np.linalg.norm(target, axis=1, keepdims=True), 1e-9)
    pole = (rotation(axis * np.radians(-arm[:, 3:4])) @ pole[..., None])[..., 0]
    upper, lower = two_links(target, pole, a, b, 0.94)
    hinge = np.cross(upper, lower)
    hinge /= np.maximum(np.linalg.norm(hinge, axis=1, keepdims=True), 1e-9)
    # The T-pose arm points along x and its elbow bends about -y.
    shoulder = np.stack([upper, -hinge, np.cross(upper, -hinge)], -1)
    bend = np.degrees(np.arccos(np.clip((upper * lower).sum(1), -1, 1)))
    return {
        "collar": collar,
        "shoulder": np.swapaxes(collar, 1, 2) @ shoulder,
        "elbow": euler(("y", -bend)),
        "wrist": euler(("x", arm[:, 4]), ("z", -arm[:, 5]), ("y", arm[:, 6])),
    }


def _leg(
    index: int, script: Script, where: np.ndarray, pelvis: np.ndarray, skeleton: Skeleton
) -> dict[str, np.ndarray]:
    """Hip, knee and ankle that put a foot where the script wants it."""
    sign = np.array([1.0 if index == 0 else -1.0, 1.0, 1.0])
    hip, knee, ankle = (sign * v for v in (skeleton.hip, skeleton.knee, skeleton.ankle))
    foot = script.feet[index]
    turn = euler(("y", foot[:, 3]))
    top = where + (pelvis @ hip)
    ground = foot[:, :3] + [0, skeleton.sole, 0]
    target = (np.swapaxes(pelvis, 1, 2) @ (ground - top)[..., None])[..., 0]
    ahead = turn @ np.array([0.20 * sign[0], 0.0, 1.0])
    pole = (np.swapaxes(pelvis, 1, 2) @ ahead[..., None])[..., 0]
    a, b = knee - hip, ankle - knee
    upper, lower = two_links(
        target, pole, float(np.linalg.norm(a)), float(np.linalg.norm(b)), 0.992
    )
    side = np.cross(upper, pole)  # for a leg pointing down and a knee ahead: the rest x axis
    rest_side = np.cross(a / np.linalg.norm(a), [0.0, 0.0, 1.0])
    hip_r = _frame(upper, side) @ _frame(a, rest_side).T
    shin_r = _frame(lower, side) @ _frame(b, rest_side).T
    level = np.swapaxes(pelvis, 1, 2) @ turn
    # A lifted foot points a little down.
    level = level @ euler(("x", 260.0 * np.clip(foot[:, 1], 0, 0.1)))
    return {
        "hip": hip_r,
        "knee": np.swapaxes(hip_r, 1, 2) @ shin_r,
        "ankle": np.swapaxes(shin_r, 1, 2) @ level,
    }


def _frame(along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """[..., 3, 3] orthonormal frame with its first axis ``along``, second nearest to ``side``."""
    x = along / np.linalg.norm(along, axis=-1, keepdims=True)
    y = side - (side * x).sum(-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], -1)


def _rotvecs(matrices: np.ndarray) -> np.ndarray:
    """[T, J, 3] axis-angle of [T, J, 3, 3], without jumps by a full turn over time."""
    import roma

    vectors = roma.rotmat_to_rotvec(torch.from_numpy(matrices)).numpy()
    for i in range(1, len(vectors)):
        angle = np.linalg.norm(vectors[i], axis=-1, keepdims=True)
        other = vectors[i] * (1 - 2 * np.pi / np.maximum(angle, 1e-9))
        near = np.linalg.norm(vectors[i] - vectors[i - 1], axis=-1, keepdims=True)
        far = np.linalg.norm(other - vectors[i - 1], axis=-1, keepdims=True)
        vectors[i] = np.where((far < near) & (angle > 1e-3), other, vectors[i])
    return vectors
