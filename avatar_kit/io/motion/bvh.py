"""Parsing BVH files and posing their own skeleton."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class BvhJoint:
    """One joint of a BVH file.

    Attributes:
        name: As written; end sites are called after their joint, with ``_end``.
        parent: Index of the parent; -1 for the root.
        offset: Position in the parent's frame where no channel says otherwise, file units.
        channels: Channel names in the order of the numbers, e.g. ("Zrotation", ...).
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bvh:
    """A parsed file.

    Attributes:
        joints: Parents before children.
        values: [T, C] all channels, in the order of the joints.
        fps: Frames per second.
    """

    joints: tuple[BvhJoint, ...]
    values: Tensor
    fps: float

    @property
    def names(self) -> list[str]:
        """Names of the joints."""
        return [joint.name for joint in self.joints]

    def index(self, name: str) -> int:
        """Index of a joint by its name."""
        return self.names.index(name)

    def pose(self) -> tuple[Tensor, Tensor]:
        """World rotations [T, J, 3, 3] and positions [T, J, 3] of all joints, file units."""
        frames = len(self.values)
        rotations: list[Tensor] = []
        positions: list[Tensor] = []
        column = 0
        for joint in self.joints:
            columns = self.values[:, column : column + len(joint.channels)]
            column += len(joint.channels)
            rotation, offset = _local(joint, columns)
            if joint.parent >= 0:
                above = rotations[joint.parent]
                offset = positions[joint.parent] + (above @ offset[..., None])[..., 0]
                rotation = above @ rotation
            rotations.append(rotation.expand(frames, 3, 3))
            positions.append(offset.expand(frames, 3))
        return torch.stack(rotations, 1), torch.stack(positions, 1)


def _local(joint: BvhJoint, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation [T, 3, 3] and offset [T, 3] of a joint relative to its parent."""
    offset = columns.new_tensor(joint.offset).expand(len(columns), 3).clone()
    order, angles = "", []
    for channel, value in zip(joint.channels, columns.unbind(1), strict=True):
        if channel.endswith("position"):
            offset[:, "XYZ".index(channel[0])] = value
        else:
            order += channel[0]
            angles.append(value)
    rotation = torch.eye(3, dtype=columns.dtype).expand(len(columns), 3, 3)
    if order:
        for axis, angle in zip(order, angles, strict=True):
            turn = columns.new_zeros(len(columns), 3)
            turn[:, "XYZ".index(axis)] = torch.deg2rad(angle)
            rotation = rotation @ roma.rotvec_to_rotmat(turn)
    return rotation, offset


def read_bvh(path: Path) -> Bvh:
    """Parse a BVH file.

    Raises:
        UserError: The file is missing, has no hierarchy or motion, an unknown channel, or a number
            of values that does not fit its channels.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    head, found, tail = text.partition("MOTION")
    if "HIERARCHY" not in head or not found:
        raise UserError(f"{path}: not a BVH file (HIERARCHY or MOTION is missing)")
    joints = _hierarchy(head, path)
    facts = re.match(rf"\s*Frames:\s*(\d+)\s+Frame Time:\s*({_NUMBER})\s", tail)
    if facts is None or float(facts[2]) <= 0:
        raise UserError(f"{path}: MOTION must start with 'Frames: N' and 'Frame Time: seconds'")
    frames, width = int(facts[1]), sum(len(joint.channels) for joint in joints)
    try:
        values = torch.tensor([float(v) for v in tail[facts.end() - 1 :].split()]).double()
    except ValueError as error:
        raise UserError(f"{path}: MOTION holds something that is no number ({error})") from None
    if len(values) != frames * width:
        raise UserError(
            f"{path}: {len(values)} values, expected {frames} frames x {width} channels = "
            f"{frames * width}; the file is cut short or damaged"
        )
    rate = 1 / float(facts[2])
    fps = float(round(rate)) if abs(rate - round(rate)) < 0.01 else rate
    return Bvh(joints, values.view(frames, width), fps)


def _hierarchy(text: str, path: Path) -> tuple[BvhJoint, ...]:
    tokens = iter(text.split())
    joints: list[dict] = []
    stack: list[int] = []
    for token in tokens:
        if token in ("ROOT", "JOINT", "End"):
            name = next(tokens, "")
            parent = stack[-1] if stack else -1
            name = f"{joints[parent]['name']}_end" if token == "End" else name
            joints.append({"name": name, "parent": parent, "offset": (0.0, 0.0, 0.0)})
        elif token == "{":
            stack.append(len(joints) - 1)
        elif token == "}":
            stack.pop()
        elif token == "OFFSET":
            joints[-1]["offset"] = tuple(float(next(tokens, "nan")) for _ in range(3))
        elif token == "CHANNELS":
            names = tuple(next(tokens, "") for _ in range(int(next(tokens, "0"))))
            if any(not re.fullmatch(r"[XYZ](position|rotation)", name) for name in names):
                raise UserError(f"{path}: unknown channels {names} of {joints[-1]['name']}")
            joints[-1]["channels"] = names
    if not joints:
        raise UserError(f"{path}: HIERARCHY holds no joint")
    return tuple(BvhJoint(**joint) for joint in joints)
