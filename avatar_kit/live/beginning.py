"""A first guess of a pose from one frame alone."""

from __future__ import annotations

import numpy as np

from avatar_kit.live.evidence import Lens
from avatar_kit.live.observation import MAIN_JOINTS, Observation
from avatar_kit.live.rotations import to_matrix
from avatar_kit.live.state import State
from avatar_kit.live.variables import Unknowns
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.tracking.initial import limb_rotations

_HIPS = MAIN_JOINTS[6:8]
#: A face that is seen speaks against facing away by more than this cosine of the yaw.
_AVERTED_COSINE = -0.3


def begin(seen: Observation, lens: Lens, unknowns: Unknowns, height: float) -> State:
    """The pose that a frame shows roughly.

    Args:
        seen: The frame.
        lens: The camera.
        unknowns: What moves.
        height: Of the standing person in metres.
    """
    yaw = seen.yaw
    if seen.face > 0.5 and np.cos(yaw) < _AVERTED_COSINE:
        yaw += np.pi
    pose = np.zeros(165, np.float32)
    pose += unknowns.pose(unknowns.liked)
    for joint, rotvec in limb_rotations(seen.world[None], np.array([yaw])).items():
        first = 3 * SMPLX_JOINTS.index(joint)
        if np.isfinite(rotvec).all():
            pose[first : first + 3] = rotvec[0]
    pose = pose.clip(unknowns.low, unknowns.high)
    turn = to_matrix(np.array([0.0, yaw, 0.0]))
    return State(turn, _pelvis(seen, lens, height), unknowns.nearest(pose))


def standing(lens: Lens, unknowns: Unknowns, height: float) -> State:
    """Someone who stands at ease before the camera and fills most of the picture."""
    depth = 1.2 * height * lens.K[1, 1] / (2 * lens.K[1, 2])
    place = (np.array([0.0, 0.0, depth]) - lens.t) @ lens.R
    return State(np.eye(3, dtype=np.float32), place.astype(np.float32), unknowns.liked.copy())


def _pelvis(seen: Observation, lens: Lens, height: float) -> np.ndarray:
    """[3] the pelvis: the middle of the hips, at the depth that the size in the picture tells."""
    sure = seen.sure[MAIN_JOINTS] > 0.5
    joints = MAIN_JOINTS[sure] if sure.any() else MAIN_JOINTS
    flat = (seen.world[joints] @ lens.R.T)[:, :2]
    wide, tall = np.ptp(seen.points[joints], axis=0), np.ptp(flat, axis=0)
    if tall.max() < 0.05:  # a tracker that tells no metres
        tall, wide = np.array([0.75 * height]), np.array([np.linalg.norm(wide)])
    depth = lens.K[1, 1] * np.linalg.norm(tall) / max(float(np.linalg.norm(wide)), 1.0)
    middle = _HIPS if seen.sure[_HIPS].min() > 0.3 else joints
    ray = np.linalg.solve(lens.K, np.array([*seen.points[middle].mean(0), 1.0]))
    return ((ray * depth - lens.t) @ lens.R).astype(np.float32)
