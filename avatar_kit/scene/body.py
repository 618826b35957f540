"""What goes into a body model and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, overload

import torch
from torch import Tensor

from avatar_kit.graphics import vertex_normals
from avatar_kit.scene.selecting import Index, rows


@dataclass(frozen=True)
class ParameterSpec:
    """One named input of a body model.

    Attributes:
        name: Key in :class:`BodyParameters`.
        dims: Shape of one frame's value.
        role: What it controls.
        rotation: How the value encodes a rotation; None if it is none.
        description: One line with the unit and the range; any range is allowed.
    """

    name: str
    dims: tuple[int, ...]
    role: Literal["root", "pose", "expression", "shape"]
    rotation: Literal["matrix", "axis_angle", "transform"] | None
    description: str


class BodyParameters(Mapping[str, Tensor]):
    """Values of a body's parameters for B frames: name -> [B, *dims].

    A name gives the values of a parameter, anything else chooses frames:
    ``parameters["pose"]``, ``parameters[3:5]``.
    """

    def __init__(self, values: Mapping[str, Tensor]):
        self._values = dict(values)
        if len({v.shape[0] for v in self._values.values()}) > 1:
            shapes = {k: tuple(v.shape) for k, v in self._values.items()}
            raise ValueError(f"body parameters disagree on the number of frames: {shapes}")

    @overload
    def __getitem__(self, key: str) -> Tensor: ...

    @overload
    def __getitem__(self, key: Index) -> BodyParameters: ...

    def __getitem__(self, key: str | Index) -> Tensor | BodyParameters:
        if isinstance(key, str):
            return self._values[key]
        chosen = rows(key)
        return BodyParameters({name: value[chosen] for name, value in self._values.items()})

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def frames(self) -> int:
        """Number of frames B."""
        return next(iter(self._values.values())).shape[0]

    def to(self, device: torch.device | str) -> BodyParameters:
        """The same parameters on another device."""
        return BodyParameters({k: v.to(device) for k, v in self.items()})


@dataclass(frozen=True)
class Topology:
    """What of a body's surface does not move.

    Attributes:
        faces: [F, 3] vertex index, counter-clockwise seen from outside.
        uvs: [U, 2] texture coordinates in [0, 1], origin at the top-left corner of the texture.
        uv_faces: [F, 3] index into ``uvs``.
        face_region: [F] bool, the triangles of the face (no scalp, no neck).
        parts: [V] part index of every vertex.
        part_names: Name of every part, e.g. "torso", "left_hand", "head".
    """

    faces: Tensor
    uvs: Tensor
    uv_faces: Tensor
    face_region: Tensor
    parts: Tensor
    part_names: tuple[str, ...]

    def to(self, device: torch.device | str) -> Topology:
        """The same topology on another device."""
        return Topology(
            self.faces.to(device),
            self.uvs.to(device),
            self.uv_faces.to(device),
            self.face_region.to(device),
            self.parts.to(device),
            self.part_names,
        )


@dataclass(frozen=True)
class RestBody:
    """One person's body in the rest pose that its skinning refers to, without expression.

    Attributes:
        vertices: [V, 3] metres.
        transforms: [J, 4, 4] bone-to-world. ``bone_transforms @ inverse(transforms)`` carries a
            point of the rest surface along with a bone.
        skinning_weights: [V, J] linear blend skinning weights, rows sum to one.
        joint_parents: [J] parent of each joint, -1 for the root.
        joint_names: Names of the joints.
        topology: The surface.
    """

    vertices: Tensor
    transforms: Tensor
    skinning_weights: Tensor
    joint_parents: tuple[int, ...]
    joint_names: tuple[str, ...]
    topology: Topology

    @property
    def joints(self) -> Tensor:
        """[J, 3] heads of the bones in metres."""
        return self.transforms[:, :3, 3]

    @cached_property
    def normals(self) -> Tensor:
        """[V, 3] unit vertex normals, area weighted."""
        return vertex_normals(self.vertices[None], self.topology.faces)[0]

    def to(self, device: torch.device | str) -> RestBody:
        """The same body on another device."""
        return RestBody(
            self.vertices.to(device),
            self.transforms.to(device),
            self.skinning_weights.to(device),
            self.joint_parents,
            self.joint_names,
            self.topology.to(device),
        )


@dataclass(frozen=True)
class PosedBody:
    """B posed bodies.

    Attributes:
        vertices: [B, V, 3] world metres.
        joints: [B, J, 3] world metres, in the body's own joint order.
        bone_transforms: [B, J, 4, 4] bone-to-world.
        hands: [B, 2, 21, 3] hand key points, left then right, in ``HAND_KEYPOINTS`` order.
        topology: The surface the vertices belong to.
    """

    vertices: Tensor
    joints: Tensor
    bone_transforms: Tensor
    hands: Tensor
    topology: Topology

    def __len__(self) -> int:
        return self.vertices.shape[0]

    def __getitem__(self, index: Index) -> PosedBody:
        """The chosen frames."""
        frames = rows(index)
        return PosedBody(
            self.vertices[frames],
            self.joints[frames],
            self.bone_transforms[frames],
            self.hands[frames],
            self.topology,
        )

    @cached_property
    def normals(self) -> Tensor:
        """[B, V, 3] unit vertex normals, area weighted."""
        return vertex_normals(self.vertices, self.topology.faces)

    def to(self, device: torch.device | str) -> PosedBody:
        """The same bodies on another device."""
        return PosedBody(
            self.vertices.to(device),
            self.joints.to(device),
            self.bone_transforms.to(device),
            self.hands.to(device),
            self.topology.to(device),
        )
