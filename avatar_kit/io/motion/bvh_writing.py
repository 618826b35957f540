"""Writing BVH files: a skeleton in the pose of zero angles, and the angles of its joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
from torch import Tensor

from avatar_kit.io.atomic import atomic_path

#: Rotations are written about z, then the turned x, then the turned y: ``R = Rz Rx Ry``.
ORDER = "ZXY"

_ROTATIONS = " ".join(f"{axis}rotation" for axis in ORDER)
_POSITIONS = "Xposition Yposition Zposition"


@dataclass(frozen=True)
class BvhSkeleton:
    """A tree of J joints; its root comes first, parents come before children.

    Attributes:
        names: Of the joints, without spaces.
        parents: [J] parent of each joint, -1 for the root.
        offsets: [J, 3] from the parent in the pose of zero angles, in the unit of the file.
        ends: Joint -> [3] where its bone ends, from the joint; for joints without children.
    """

    names: Sequence[str]
    parents: Sequence[int]
    offsets: Tensor
    ends: dict[int, Tensor]


def write_bvh(
    path: str | Path, skeleton: BvhSkeleton, rotations: Tensor, root: Tensor, fps: float
) -> None:
    """Write a file, whole or not at all.

    Angles are in degrees and go on from frame to frame, beyond 180 where they must.

    Args:
        path: Ends in .bvh.
        skeleton: The joints.
        rotations: [T, J, 3, 3] of each joint relative to its parent, the root's in the world.
        root: [T, 3] position of the root, in the unit of the offsets.
        fps: Frames a second.
    """
    below: dict[int, list[int]] = {}
    for joint, parent in enumerate(skeleton.parents):
        below.setdefault(parent, []).append(joint)
    order: list[int] = []
    lines = ["HIERARCHY", *_joint(skeleton, below, below[-1][0], 0, order)]
    angles = roma.rotmat_to_euler(ORDER, rotations.double()[:, order], degrees=True)
    angles = np.unwrap(angles.cpu().numpy(), period=360, axis=0).reshape(len(rotations), -1)
    values = np.concatenate([root.double().cpu().numpy(), angles], axis=1)
    lines += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {1 / fps:.9f}"]
    lines += [_numbers(row) for row in values]
    with atomic_path(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="ascii")


def _joint(
    skeleton: BvhSkeleton, below: dict[int, list[int]], joint: int, depth: int, order: list[int]
) -> list[str]:
    """The lines of a joint and all below it; ``order`` takes them in the order of the file."""
    order.append(joint)
    pad = "\t" * depth
    channels = f"6 {_POSITIONS} {_ROTATIONS}" if depth == 0 else f"3 {_ROTATIONS}"
    lines = [
        f"{pad}{'JOINT' if depth else 'ROOT'} {skeleton.names[joint]}",
        f"{pad}{{",
        f"{pad}\tOFFSET {_numbers(skeleton.offsets[joint])}",
        f"{pad}\tCHANNELS {channels}",
    ]
    for child in below.get(joint, []):
        lines += _joint(skeleton, below, child, depth + 1, order)
    if joint not in below:
        end = _numbers(skeleton.ends[joint])
        lines += [f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET {end}", f"{pad}\t}}"]
    return [*lines, f"{pad}}}"]


def _numbers(values: Tensor | np.ndarray) -> str:
    # rounded first: what is next to nothing is written without a sign
    return " ".join(f"{round(float(value), 6) + 0.0:.6f}" for value in values)
