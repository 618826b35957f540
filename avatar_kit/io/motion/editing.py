"""Cutting and changing motions."""

from __future__ import annotations

import math
from dataclasses import replace

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS
from avatar_kit.scene.motion import concatenate

#: Frames that a motion may be looped to.
_MOST_FRAMES = 1_000_000

#: What a mirror does to a rotation vector: those about the axis across the mirror stay.
_MIRROR_TURN = torch.tensor([1.0, -1.0, -1.0])
_MIRROR_PLACE = torch.tensor([-1.0, 1.0, 1.0])


def trimmed(motion: Motion, start: float = 0.0, end: float | None = None) -> Motion:
    """The frames from ``start`` to ``end``, seconds.

    Raises:
        UserError: There is none between them.
    """
    beyond = motion.duration + 1.0  # whatever lies further says the same
    first = math.ceil(min(max(start, -1.0), beyond) * motion.fps - 1e-6)
    until = beyond if end is None else min(max(end, -1.0), beyond)
    last = math.floor(until * motion.fps + 1e-6) + 1
    if first < 0 or first >= min(last, len(motion)):
        stop = motion.duration if end is None else end
        raise UserError(
            f"--start {start:g}, --end {stop:g}: no frame lies between them; the motion is "
            f"{motion.duration:.2f} s long"
        )
    return motion[first:last]


def looped(motion: Motion, times: int) -> Motion:
    """The motion so many times, each where the one before ended and with its heading.

    Raises:
        UserError: Less than once, or so often that the motion has more than a million frames.
    """
    most = max(1, _MOST_FRAMES // len(motion))
    if not 1 <= times <= most:
        raise UserError(f"--loop {times}: expected 1 to {most} for {len(motion)} frames")
    parts = [motion]
    for _ in range(times - 1):
        parts.append(_continued(parts[-1], motion))
    return concatenate(parts)


def _continued(before: Motion, motion: Motion) -> Motion:
    """A motion moved over the floor to start where another ends."""
    yaw = heading(before[-1:]) - heading(motion[:1])
    turn = yaw * torch.tensor([0.0, 1.0, 0.0])
    orient = roma.rotvec_composition([turn.expand_as(motion.global_orient), motion.global_orient])
    places = (motion.transl - motion.transl[:1]) @ roma.rotvec_to_rotmat(turn).mT
    flat = torch.tensor([1.0, 0.0, 1.0])
    start = before.transl[-1] * flat + motion.transl[0] * (1 - flat)
    return replace(motion, global_orient=orient, transl=places + start)


def heading(motion: Motion) -> Tensor:
    """[T] radians about the vertical that the pelvis is turned by from +z."""
    ahead = roma.rotvec_to_rotmat(motion.global_orient)[:, :, 2]
    return torch.atan2(ahead[:, 0], ahead[:, 2])


def mirrored(motion: Motion) -> Motion:
    """Left for right: the motion as a mirror shows it."""
    turn = lambda pose: (pose.unflatten(1, (-1, 3)) * _MIRROR_TURN).flatten(1)  # noqa: E731
    joints = [BODY_JOINTS.index(_other_side(name)) for name in BODY_JOINTS]
    channels = [ARKIT_CHANNELS.index(_other_side(name)) for name in ARKIT_CHANNELS]
    body = motion.body_pose.unflatten(1, (-1, 3))[:, joints].flatten(1)
    return replace(
        motion,
        transl=motion.transl * _MIRROR_PLACE,
        global_orient=turn(motion.global_orient),
        body_pose=turn(body),
        left_hand_pose=turn(motion.right_hand_pose),
        right_hand_pose=turn(motion.left_hand_pose),
        jaw_pose=turn(motion.jaw_pose),
        leye_pose=turn(motion.reye_pose),
        reye_pose=turn(motion.leye_pose),
        expression=motion.expression[:, channels],
    )


def _other_side(name: str) -> str:
    for a, b in (("left", "right"), ("Left", "Right")):
        if name.startswith(f"{a}_") or name.endswith(a):
            return name.replace(a, b) if name.startswith(f"{a}_") else name[: -len(a)] + b
        if name.startswith(f"{b}_") or name.endswith(b):
            return name.replace(b, a) if name.startswith(f"{b}_") else name[: -len(b)] + a
    return name


def smoothed(motion: Motion, seconds: float) -> Motion:
    """The motion averaged over time by a Gaussian, rotations and places alike.

    Args:
        motion: The motion.
        seconds: Standard deviation.

    Raises:
        UserError: Not more than 0, or longer than the motion.
    """
    if not 0 < seconds < max(motion.duration, 1e-9):
        raise UserError(
            f"--smooth {seconds:g}: expected seconds between 0 and {motion.duration:.2f}"
        )
    reach = max(1, math.ceil(3 * seconds * motion.fps - 1e-6))
    weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / (seconds * motion.fps)) ** 2)
    weight = weight / weight.sum()

    def average(values: Tensor) -> Tensor:
        flat = values.flatten(1).T[:, None]
        padded = F.pad(flat, (reach, reach), mode="replicate")
        return F.conv1d(padded, weight[None, None].to(flat))[:, 0].T.reshape(values.shape)

    matrices = average(roma.rotvec_to_rotmat(motion.rotvec()))
    return Motion.from_rotvec(
        motion.fps,
        average(motion.transl),
        roma.rotmat_to_rotvec(roma.special_procrustes(matrices)),
        average(motion.expression),
        motion.confidence,
    )


def in_place(motion: Motion) -> Motion:
    """The motion without its way over the floor; the pelvis still goes up and down."""
    transl = motion.transl.clone()
    transl[:, [0, 2]] = 0.0
    return replace(motion, transl=transl)
