"""Parsing BVH files and posing their own skeleton."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.documents import read_bytes
from avatar_kit.io.motion.animated import Animated, Joint
from avatar_kit.io.motion.options import RATES

_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"

#: Bytes that a file may have.
_LARGEST = 1 << 30

#: Channels that a joint may have: the format knows three of places and three of angles.
_MOST_CHANNELS = 6


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
        notes: What was mended.
    """

    joints: tuple[BvhJoint, ...]
    values: Tensor
    fps: float
    notes: tuple[str, ...] = ()

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

    def animated(self) -> Animated:
        """The skeleton in motion; it was built in the pose of zero angles."""
        rotations, positions = self.pose()
        places: list[Tensor] = []
        for joint in self.joints:
            offset = torch.tensor(joint.offset, dtype=torch.float64)
            places.append(offset + places[joint.parent] if joint.parent >= 0 else offset)
        return Animated(
            tuple(Joint(j.name, j.parent, bool(j.channels)) for j in self.joints),
            self.fps,
            rotations,
            positions,
            torch.eye(3, dtype=torch.float64).expand(len(self.joints), 3, 3),
            torch.stack(places),
        )


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


def read_bvh(path: Path, rate: float | None = None) -> Bvh:
    """Parse a BVH file.

    What programs write beside the letter of the format is read, too: names with spaces, channels in
    any case, decimal commas, UTF-16, a number of frames that the rows do not keep.

    Args:
        path: The file.
        rate: Frames per second, if a person said them; else those of the file.

    Raises:
        UserError: The file is missing, has no hierarchy or motion, an unknown channel, a number of
            values that does not fit its channels, a value that is no number or not finite, or a
            rate that no recording has.
    """
    head, found, tail = _text(path).partition("MOTION")
    if "HIERARCHY" not in head or not found:
        raise UserError(f"{path}: not a BVH file (HIERARCHY or MOTION is missing)")
    joints = _hierarchy(head, path)
    facts = re.match(
        rf"\s*Frames\s*:\s*(\d+)\s+Frame\s*Time\s*:\s*({_NUMBER})\s", tail, re.IGNORECASE
    )
    if facts is None:
        raise UserError(f"{path}: MOTION must start with 'Frames: N' and 'Frame Time: seconds'")
    fps = rate or _rate(float(facts[2].replace(",", ".")), path)
    width = sum(len(joint.channels) for joint in joints)
    values = _values(tail[facts.end() - 1 :], width, path)
    frames = int(facts[1])
    notes: tuple[str, ...] = ()
    if len(values) != frames * width:
        rows, rest = divmod(len(values), max(width, 1))
        if rest or not rows:
            raise UserError(
                f"{path}: {len(values)} values, expected {frames} frames x {width} channels = "
                f"{frames * width}; the file is cut short or damaged"
            )
        notes = (f"says {frames} frames and holds {rows}: these are read",)
        frames = rows
    return Bvh(joints, values.view(frames, width), fps, notes)


def _text(path: Path) -> str:
    content = read_bytes(path, what="motion file", limit=_LARGEST)
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _rate(seconds: float, path: Path) -> float:
    """Frames per second from the time of a frame."""
    rate = 1 / seconds if seconds > 0 else 0.0
    if not RATES[0] <= rate <= RATES[1]:
        hint = ""
        if RATES[0] <= 1000 * rate <= RATES[1]:
            hint = f"; are these milliseconds? then write {seconds / 1000:.6g}"
        elif RATES[0] <= seconds <= RATES[1]:
            hint = f"; is this the rate? then write {1 / seconds:.6g}"
        raise UserError(
            f"{path}: Frame Time {seconds:g} s is {rate:.3g} frames/s, expected {RATES[0]:g} to "
            f"{RATES[1]:g}{hint}, or say the rate with --motion-fps"
        )
    return float(round(rate)) if abs(rate - round(rate)) < 0.01 else rate


def _values(text: str, width: int, path: Path) -> Tensor:
    """[N] all numbers of the motion; finite."""
    words = (text if "." in text else text.replace(",", ".")).replace(",", " ").split()
    try:
        values = torch.tensor([float(word) for word in words], dtype=torch.float64)
    except ValueError:
        wrong = next(i for i, word in enumerate(words) if not _is_number(word))
    else:
        finite = values.isfinite()
        if bool(finite.all()):
            return values
        wrong = int((~finite).nonzero()[0, 0])
    raise UserError(
        f"{path}: MOTION, frame {wrong // max(width, 1)}: {words[wrong]!r} is no finite number; "
        "mend or cut this frame"
    )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _hierarchy(text: str, path: Path) -> tuple[BvhJoint, ...]:
    joints: list[dict] = []
    stack: list[int] = []
    lines = re.sub(r"([{}])", r"\n\1\n", text)
    # some write all of a joint into one line
    lines = re.sub(r"(?<=[\s\d])(OFFSET|CHANNELS)\s", r"\n\1 ", lines)
    for line in filter(None, map(str.strip, lines.splitlines())):
        word, _, rest = line.partition(" ")
        if word in ("ROOT", "JOINT", "End"):
            parent = stack[-1] if stack else -1
            name = f"{joints[parent]['name']}_end" if word == "End" else " ".join(rest.split())
            joints.append({"name": name, "parent": parent, "offset": (0.0, 0.0, 0.0)})
        elif line == "{":
            stack.append(len(joints) - 1)
        elif line == "}":
            if not stack:
                raise UserError(f"{path}: HIERARCHY closes a brace that was not opened")
            stack.pop()
        elif word in ("OFFSET", "CHANNELS"):
            if not joints:
                raise UserError(f"{path}: HIERARCHY has {word} before the first joint")
            read = _offset if word == "OFFSET" else _channels
            joints[-1][word.lower()] = read(rest.split(), joints[-1]["name"], path)
    if not joints:
        raise UserError(f"{path}: HIERARCHY holds no joint")
    return tuple(BvhJoint(**joint) for joint in joints)


def _offset(words: list[str], joint: str, path: Path) -> tuple[float, ...]:
    plain = [word.rstrip(",").replace(",", ".") for word in words[:3]]
    if len(plain) < 3 or not all(_is_number(word) for word in plain):
        raise UserError(f"{path}: OFFSET of '{joint}' is {' '.join(words)!r}, expected 3 numbers")
    offset = tuple(float(word) for word in plain)
    if not all(map(math.isfinite, offset)):
        raise UserError(f"{path}: OFFSET of '{joint}' is not finite: {' '.join(words)!r}")
    return offset


def _channels(words: list[str], joint: str, path: Path) -> tuple[str, ...]:
    count = int(words[0]) if words and words[0].isdecimal() else -1
    names = tuple(name[:1].upper() + name[1:].lower() for name in words[1 : 1 + max(count, 0)])
    known = all(re.fullmatch(r"[XYZ](position|rotation)", name) for name in names)
    if not known or not 0 <= count <= _MOST_CHANNELS or len(names) != count:
        raise UserError(
            f"{path}: CHANNELS of '{joint}' is {' '.join(words[:8])!r}, expected a number up to "
            f"{_MOST_CHANNELS} and so many of Xposition ... Zrotation"
        )
    return names
