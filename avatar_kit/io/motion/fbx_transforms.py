"""How an FBX node stands to its parent: the transform formula of the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import FbxObject, FbxScene

#: Property -> its value in the rest pose where the file says nothing.
ANIMATED = {
    "Lcl Translation": (0.0, 0.0, 0.0),
    "Lcl Rotation": (0.0, 0.0, 0.0),
    "Lcl Scaling": (1.0, 1.0, 1.0),
}

#: Value of RotationOrder -> the axes in the order in which they turn.
_ORDERS = ("xyz", "xzy", "yzx", "yxz", "zxy", "zyx")

_ZERO = (0.0, 0.0, 0.0)

#: Values of InheritType: how the scale of the parent acts.
RRSS, RSRS, RRS = 0, 1, 2


@dataclass(frozen=True)
class Local:
    """A node relative to its parent, in T frames (or 1 that stands for all).

    Attributes:
        matrix: [T, 4, 4] all of it.
        rotation: [T, 3, 3] its rotation.
        scale: [T, 3] its scale.
        inherit: Value of InheritType.
    """

    matrix: Tensor
    rotation: Tensor
    scale: Tensor
    inherit: int


def local_transform(scene: FbxScene, model: FbxObject, moved: Mapping[str, np.ndarray]) -> Local:
    """The transform of a node.

    It is ``T Roff Rp Rpre R Rpost^-1 Rp^-1 Soff Sp S Sp^-1``, where T, R and S are animated. If
    RotationActive is off, the order of the axes, Rpre and Rpost do not count.

    Args:
        scene: The file.
        model: The node.
        moved: Name of a property in ``ANIMATED`` -> [T, 3] its values; degrees for rotations.

    Raises:
        UserError: A property that is no vector of finite numbers, or an order of axes that is not
            known.
    """

    def given(name: str, default: tuple[float, ...] = _ZERO) -> Tensor:
        return torch.from_numpy(np.atleast_2d(moved.get(name, scene.vector(model, name, default))))

    place, angles, scale = (given(name, default) for name, default in ANIMATED.items())
    order, pre, post = "xyz", given("PreRotation"), given("PostRotation")
    if scene.whole(model, "RotationActive", 0):
        number = scene.whole(model, "RotationOrder", 0)
        if not 0 <= number < len(_ORDERS):
            raise UserError(
                f"{scene.path}: Model '{model.name}': RotationOrder {number} (spheric or unknown) "
                "is not read, expected 0 to 5; export it with Euler angles"
            )
        order = _ORDERS[number]
    else:
        pre, post = torch.zeros_like(pre), torch.zeros_like(post)
    turn = _euler("xyz", pre) @ _euler(order, angles) @ _euler("xyz", post).mT
    pivot, scale_pivot = given("RotationPivot"), given("ScalingPivot")
    inner = given("ScalingOffset") + scale_pivot - scale * scale_pivot - pivot
    moved_by = place + given("RotationOffset") + pivot + (turn @ inner[..., None])[..., 0]
    frames = max(len(turn), len(scale), len(moved_by))
    matrix = torch.zeros(frames, 4, 4, dtype=torch.float64)
    matrix[:, :3, :3] = turn * scale[:, None, :]
    matrix[:, :3, 3] = moved_by
    matrix[:, 3, 3] = 1.0
    return Local(matrix, turn, scale, scene.whole(model, "InheritType", RRSS))


def world_transforms(
    locals_: Mapping[int, Local], order: Sequence[int], parents: Sequence[int]
) -> dict[int, Tensor]:
    """[T or 1, 4, 4] of nodes in the world.

    The scale of a parent acts before the rotation of the child (RSrs), after it (RrSs), or after it
    and without the parent's own scale (Rrs).

    Args:
        locals_: Node -> its transform, of all that are asked for and all above them.
        order: Nodes, parents before children.
        parents: Parent of each node; -1: none.
    """
    world: dict[int, Tensor] = {}
    turns: dict[int, Tensor] = {}
    for node in order:
        if node not in locals_:
            continue
        own, above = locals_[node], parents[node]
        if above < 0:
            world[node], turns[node] = own.matrix, own.rotation
            continue
        world[node] = world[above] @ own.matrix
        turns[node] = turns[above] @ own.rotation
        if own.inherit != RSRS:
            scale = turns[above].mT @ world[above][:, :3, :3]
            if own.inherit == RRS:
                part = locals_[above].scale
                scale = scale / torch.where(part.abs() < 1e-12, 1.0, part)[:, None, :]
            world[node][:, :3, :3] = turns[node] @ scale * own.scale[:, None, :]
    return world


def _euler(order: str, degrees: Tensor) -> Tensor:
    """[T, 3, 3] of angles [T, 3] about x, y and z, which turn in an order about fixed axes."""
    angles = [degrees[:, "xyz".index(axis)] for axis in order]
    return roma.euler_to_rotmat(order, angles, degrees=True)
