"""Gaussians in the rest pose with the skeleton that moves them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class SurfaceLight:
    """One distant light and soft ambient light, on a matt surface.

    A colour is multiplied by ``1 + H(n) ambient - (1 - lit) max(n . direction, 0) direct``, clamped
    to ``limits``: ``n`` is the unit normal, ``H`` is :func:`avatar_kit.light.harmonics`, and
    ``lit`` in [0, 1] is how much of the distant light arrives.

    Attributes:
        direction: [3] unit vector towards the light, in the world.
        ambient: [8, 3] coefficients of the harmonics, for red, green and blue.
        direct: [3] what full shadow subtracts; 0 if no shadow is cast.
        limits: The smallest and the largest factor.
    """

    direction: Tensor
    ambient: Tensor
    direct: Tensor
    limits: tuple[float, float]


@dataclass(frozen=True)
class RiggedGaussians:
    """N Gaussians in the rest pose of a body with J bones, with their rig and light.

    :func:`avatar_kit.gaussians.pose_gaussians` poses them by linear blend skinning. Axes and units
    are those of :class:`RestBody`: y up, metres, the person faces +z.

    Attributes:
        means: [N, 3] metres.
        quaternions: [N, 4] wxyz, unit length.
        scales: [N, 3] standard deviations in metres, positive.
        opacities: [N] in [0, 1].
        colours: [N, 3] before lighting; nominally in [0, 1].
        normals: [N, 3] unit normals of the surface.
        two_sided: [N] bool; the others are drawn only from in front of their normal.
        skinning_weights: [N, J] rows sum to one.
        transforms: [J, 4, 4] bone-to-world in the rest pose.
        joint_parents: [J] parent of each joint, -1 for the root.
        joint_names: Names of the joints.
        faces: [N] long, the triangle of the body's surface that each is attached to.
        barycentrics: [N, 3] position in the triangle.
        offsets: [N, 3] metres from there to the mean.
        light: The light; None: colours are not changed.

    Raises:
        ValueError: A tensor has another shape.
    """

    means: Tensor
    quaternions: Tensor
    scales: Tensor
    opacities: Tensor
    colours: Tensor
    normals: Tensor
    two_sided: Tensor
    skinning_weights: Tensor
    transforms: Tensor
    joint_parents: tuple[int, ...]
    joint_names: tuple[str, ...]
    faces: Tensor
    barycentrics: Tensor
    offsets: Tensor
    light: SurfaceLight | None = None

    def __post_init__(self):
        for name, shape in rigged_shapes(len(self.means), len(self.joint_names)).items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"RiggedGaussians.{name} must be {shape}, got {found}")
        if len(self.joint_parents) != len(self.joint_names):
            raise ValueError("RiggedGaussians has a parent for each joint")

    def __len__(self) -> int:
        return len(self.means)

    def to(self, device: torch.device | str) -> RiggedGaussians:
        """The same Gaussians on another device."""
        names = rigged_shapes(0, 0)
        moved = {name: getattr(self, name).to(device) for name in names}
        light = self.light
        if light is not None:
            light = replace(
                light,
                direction=light.direction.to(device),
                ambient=light.ambient.to(device),
                direct=light.direct.to(device),
            )
        return replace(self, **moved, light=light)


def rigged_shapes(count: int, joints: int) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of N Gaussians with J joints, those of the light left out."""
    return {
        "means": (count, 3),
        "quaternions": (count, 4),
        "scales": (count, 3),
        "opacities": (count,),
        "colours": (count, 3),
        "normals": (count, 3),
        "two_sided": (count,),
        "skinning_weights": (count, joints),
        "transforms": (joints, 4, 4),
        "faces": (count,),
        "barycentrics": (count, 3),
        "offsets": (count, 3),
    }
