"""What goes into a body model and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class ParameterSpec:
    """One named input of a body model.

    Attributes:
        name: Key in :class:`BodyParameters`.
        dims: Shape of one frame's value.
        role: What it controls.
        rotation: How the value encodes a rotation; None if it is none.
        description: One line with the unit and the range.
    """

    name: str
    dims: tuple[int, ...]
    role: Literal["root", "pose", "expression", "shape"]
    rotation: Literal["matrix", "axis_angle", "transform"] | None
    description: str


class BodyParameters(Mapping[str, Tensor]):
    """Values of a body's parameters for B frames: name -> [B, *dims]."""

    def __init__(self, values: Mapping[str, Tensor]):
        self._values = dict(values)
        if len({v.shape[0] for v in self._values.values()}) > 1:
            shapes = {k: tuple(v.shape) for k, v in self._values.items()}
            raise ValueError(f"body parameters disagree on the number of frames: {shapes}")

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def frames(self) -> int:
        """Number of frames B."""
        return next(iter(self._values.values())).shape[0]

    def at(self, frames: slice | Tensor | list[int]) -> BodyParameters:
        """The chosen frames."""
        return BodyParameters({k: v[frames] for k, v in self.items()})

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

    @cached_property
    def normals(self) -> Tensor:
        """[B, V, 3] unit vertex normals, area weighted."""
        from avatar_kit.graphics import vertex_normals

        return vertex_normals(self.vertices, self.topology.faces)

    def at(self, frames: slice | Tensor | list[int]) -> PosedBody:
        """The chosen frames."""
        return PosedBody(
            self.vertices[frames],
            self.joints[frames],
            self.bone_transforms[frames],
            self.hands[frames],
            self.topology,
        )

    def to(self, device: torch.device | str) -> PosedBody:
        """The same bodies on another device."""
        return PosedBody(
            self.vertices.to(device),
            self.joints.to(device),
            self.bone_transforms.to(device),
            self.hands.to(device),
            self.topology.to(device),
        )
