"""A corpus of our own, for those who have none: simple motions, and walks through joint limits.

It knows how joints bend and which of them move together in everyday motions. It does not know
people: a prior learned from motion capture reconstructs real motions better.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.tracking.limits import Limits, body_limits

FPS = 15.0

#: Turns about (x, y, z) in degrees by joint; a joint without a side is on the spine. Left side; on
#: the right one the turns about y and z change their sign.
Pose = dict[str, tuple[float, float, float]]

_STAND: Pose = {"shoulder": (0, 0, -72), "elbow": (0, -15, 0)}

#: Where arms go, one side each.
_ARMS: tuple[Pose, ...] = (
    {"shoulder": (0, 0, -75), "elbow": (0, -12, 0)},
    {"shoulder": (0, 0, 0), "elbow": (0, -5, 0)},
    {"shoulder": (0, 0, 65), "elbow": (0, -10, 0), "collar": (0, 0, 15)},
    {"shoulder": (0, -85, -10), "elbow": (0, -10, 0)},
    {"shoulder": (0, -75, 45), "elbow": (0, -20, 0), "collar": (0, -10, 10)},
    {"shoulder": (0, -25, -55), "elbow": (0, -95, 0)},
    {"shoulder": (20, -20, -50), "elbow": (0, -125, 0)},
    {"shoulder": (0, 25, -50), "elbow": (0, -85, 0), "wrist": (0, 0, 30)},
    {"shoulder": (-40, -30, -25), "elbow": (0, -110, 0)},
    {"shoulder": (0, 30, -60), "elbow": (0, -20, 0)},
    {"shoulder": (-60, -40, 10), "elbow": (0, -100, 0), "wrist": (20, 0, 10)},
)

#: What the trunk and both legs do.
_TRUNK: tuple[Pose, ...] = (
    {},
    {"spine1": (20, 0, 0), "spine2": (15, 0, 0), "spine3": (10, 0, 0), "hip": (-35, 0, 0)},
    {"spine1": (0, 15, 0), "spine2": (0, 15, 0), "spine3": (0, 15, 0), "head": (0, 20, 0)},
    {"spine1": (0, 0, 12), "spine2": (0, 0, 10), "spine3": (0, 0, 8)},
    {"spine1": (10, 0, 0), "hip": (-85, 10, 10), "knee": (100, 0, 0), "ankle": (-20, 0, 0)},
    {"spine1": (25, 0, 0), "hip": (-110, 15, 15), "knee": (125, 0, 0), "ankle": (-28, 0, 0)},
    {"neck": (20, 0, 0), "head": (15, 0, 0)},
    {"spine1": (-10, 0, 0), "spine3": (-8, 0, 0), "head": (-20, 0, 0)},
)

#: What a single leg does.
_LEGS: tuple[Pose, ...] = (
    {},
    {"hip": (-80, 0, 0), "knee": (10, 0, 0)},
    {"hip": (-75, 0, 5), "knee": (100, 0, 0)},
    {"hip": (25, 0, 0), "knee": (60, 0, 0), "ankle": (20, 0, 0)},
    {"hip": (0, 0, 45), "knee": (15, 0, 0)},
    {"hip": (-55, 0, 0), "knee": (70, 0, 0), "ankle": (-15, 0, 0)},
)


def procedural_corpus(seed: int = 0, clips: int = 240, seconds: float = 10.0) -> list[Motion]:
    """Clips of moves between poses, gaits, waves, and walks through joint limits.

    Args:
        seed: The same seed gives the same corpus.
        clips: Number of clips, the kinds in turn.
        seconds: Length of each.
    """
    generator = torch.Generator().manual_seed(seed)
    frames = max(2, round(seconds * FPS))
    kinds: tuple[Callable[[int, torch.Generator], Tensor], ...] = (
        _moves,
        _gait,
        _waves,
        _limit_walk,
    )
    limits = body_limits()
    motions = []
    for i in range(clips):
        poses = kinds[i % len(kinds)](frames, generator)
        poses = poses + math.radians(2.5) * _wander(frames, poses.shape[1:], 2.0, generator)
        poses = poses.clamp(limits.low, limits.high)
        motions.append(Motion.rest(frames, FPS, body_pose=poses.flatten(1)))
    return motions


def _moves(frames: int, generator: torch.Generator) -> Tensor:
    """Bows, turns, squats, kicks and reaches, mixed and one after another."""
    return _eased(frames, 1.0, lambda: _posture(generator), generator)


def _posture(generator: torch.Generator) -> Tensor:
    pose = _turns(_STAND, ("left", "right", ""))
    amount = 0.4 + 0.7 * _uniform(generator)
    pose = pose + amount * _turns(_choice(_TRUNK, generator), ("left", "right", ""), generator)
    for side in ("left", "right"):
        weight = 0.6 + 0.5 * _uniform(generator)
        arm = _turns(_choice(_ARMS, generator), (side,))
        pose = pose + weight * (arm - _turns(_STAND, (side,)))
    if _uniform(generator) < 0.4:
        side = "left" if _uniform(generator) < 0.5 else "right"
        pose = pose + _uniform(generator) * _turns(_choice(_LEGS, generator), (side,))
    return pose


def _gait(frames: int, generator: torch.Generator) -> Tensor:
    """Walking to running: legs and arms swing against each other."""
    pace = 0.7 + 0.9 * _uniform(generator)
    stride, bend = 15 + 30 * _uniform(generator), 10 + 80 * _uniform(generator)
    phase = 2 * math.pi * (pace * torch.arange(frames) / FPS + _uniform(generator))
    swing = phase.sin()
    poses = _turns(_STAND, ("left", "right", "")).repeat(frames, 1, 1)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        leg = sign * swing
        lifted = (sign * phase.cos()).relu()
        poses[:, _joint("hip", side), 0] -= math.radians(stride) * (leg + 0.4 * lifted)
        poses[:, _joint("knee", side), 0] += math.radians(bend) * lifted + 0.1
        poses[:, _joint("ankle", side), 0] += math.radians(12) * leg
        poses[:, _joint("shoulder", side), 1] += sign * math.radians(stride) * leg
        poses[:, _joint("elbow", side), 1] -= sign * math.radians(bend) * 0.7
    poses[:, _joint("spine3", ""), 1] += math.radians(6) * swing
    poses[:, _joint("spine1", ""), 0] += math.radians(10) * _uniform(generator)
    return poses


def _waves(frames: int, generator: torch.Generator) -> Tensor:
    """One or both arms held somewhere and shaken from the elbow."""
    poses = _eased(frames, 2.5, lambda: _posture(generator), generator)
    phase = 2 * math.pi * (1.0 + _uniform(generator)) * torch.arange(frames) / FPS
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if _uniform(generator) < 0.6:
            reach = math.radians(10 + 30 * _uniform(generator))
            poses[:, _joint("shoulder", side), 0] += 0.6 * reach * phase.sin()
            poses[:, _joint("elbow", side), 1] -= sign * reach * (1 + phase.sin())
            poses[:, _joint("wrist", side), 2] += 0.5 * reach * phase.cos()
    return poses


def _limit_walk(frames: int, generator: torch.Generator) -> Tensor:
    """Smooth random walk between what joints like and their limits."""
    limits = body_limits()
    reach = 0.3 + 0.6 * _uniform(generator)
    return _eased(frames, 0.9, lambda: _within(limits, reach, generator), generator)


def _within(limits: Limits, reach: float, generator: torch.Generator) -> Tensor:
    free = limits.low + (limits.high - limits.low) * torch.rand(21, 3, generator=generator)
    return limits.liked + reach * (free - limits.liked)


def _eased(
    frames: int, period: float, draw: Callable[[], Tensor], generator: torch.Generator
) -> Tensor:
    """[frames, 21, 3]: moves between drawn poses that start and end at rest."""
    keys = max(2, math.ceil(frames / FPS / period) + 1)
    poses = torch.stack([draw() for _ in range(keys)])
    spans = 0.5 + torch.rand(keys - 1, generator=generator)
    times = torch.cat((torch.zeros(1), spans.cumsum(0) / spans.sum())) * (frames - 1)
    at = torch.arange(frames, dtype=torch.float32)
    low = (torch.searchsorted(times, at, right=True) - 1).clamp(0, keys - 2)
    s = ((at - times[low]) / (times[low + 1] - times[low])).clamp(0, 1)
    s = (s * s * (3 - 2 * s))[:, None, None]
    return torch.lerp(poses[low], poses[low + 1], s)


def _wander(frames: int, shape: torch.Size, period: float, generator: torch.Generator) -> Tensor:
    """[frames, *shape] smooth noise of about unit size."""
    at = torch.arange(frames).view(-1, *[1] * len(shape)) / FPS
    total = torch.zeros(frames, *shape)
    for octave in (1.0, 1.7):
        phase = torch.rand(shape, generator=generator)
        total += (2 * math.pi * (octave / period * at + phase)).sin()
    return total / 2


def _turns(pose: Pose, sides: tuple[str, ...], generator: torch.Generator | None = None) -> Tensor:
    """[21, 3] radians of a pose on the sides named; ``""`` is the spine.

    Args:
        pose: Turns by joint.
        sides: Where it applies.
        generator: Mirrors the spine's turns in half of the draws.
    """
    out = torch.zeros(len(BODY_JOINTS), 3)
    turned = generator is not None and _uniform(generator) < 0.5
    for part, (x, y, z) in pose.items():
        for side in sides:
            name = f"{side}_{part}" if side else part
            if name in BODY_JOINTS:
                flip = -1 if side == "right" or (not side and turned) else 1
                out[BODY_JOINTS.index(name)] = torch.tensor((x, flip * y, flip * z))
    return out.deg2rad()


def _joint(part: str, side: str) -> int:
    return BODY_JOINTS.index(f"{side}_{part}" if side else part)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _choice(poses: tuple[Pose, ...], generator: torch.Generator) -> Pose:
    return poses[int(torch.randint(len(poses), (), generator=generator))]
