"""A body from one file, the face or the hands from another, aligned by time."""

from __future__ import annotations

from dataclasses import replace

import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion.found import MotionFile
from avatar_kit.scene import Motion

#: Fields that each part is made of.
FACE = ("expression", "jaw_pose", "leye_pose", "reye_pose")
HANDS = ("left_hand_pose", "right_hand_pose")

#: Seconds that two files may differ by before it is said.
_SAME_LENGTH = 0.1


def with_part(motion: Motion, other: MotionFile, part: str) -> tuple[Motion, list[str]]:
    """A motion with the face or the hands of another file; both start together.

    Args:
        motion: The body.
        other: The other file; resampled to the rate of the body.
        part: "face" or "hands".

    Returns:
        The motion, as long as the body, and lines for a person.

    Raises:
        UserError: The other file has no such part.
    """
    names = FACE if part == "face" else HANDS
    if not any(bool(getattr(other.motion, name).any()) for name in names):
        raise UserError(
            f"--{part} {other.path}: holds no {part} that moves ({other.layout}); give a file with "
            + ("expressions of ARKit, a jaw or eyes" if part == "face" else "fingers")
        )
    found = other.motion.resample(motion.fps)
    last = torch.arange(len(motion)).clamp(max=len(found) - 1).tolist()
    notes = []
    short = motion.duration - other.motion.duration
    if short > _SAME_LENGTH:
        notes.append(
            f"{other.path.name}: {other.motion.duration:.1f} s of {part} for "
            f"{motion.duration:.1f} s of motion: its last frame is held"
        )
    elif short < -_SAME_LENGTH:
        notes.append(
            f"{other.path.name}: {other.motion.duration:.1f} s of {part}, of which the first "
            f"{motion.duration:.1f} s are shown"
        )
    taken = found[last]
    return replace(motion, **{name: getattr(taken, name) for name in names}), notes
