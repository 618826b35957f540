"""Rigged Gaussians in a pose: linear blend skinning, and the light."""

from __future__ import annotations

import roma
import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.light import lit_points, surface_shade
from avatar_kit.scene import Camera, GaussianCloud, RiggedGaussians

#: Cosine between the direction of view and the normal from which on a one-sided Gaussian is not
#: drawn: a little beyond the rim, where it still reaches around.
TURNED_AWAY = 0.35


def pose_gaussians(
    rigged: RiggedGaussians,
    bone_transforms: Tensor,
    *,
    lit: Tensor | None = None,
    camera: Camera | None = None,
) -> GaussianCloud:
    """Pose Gaussians by linear blend skinning and light them. Differentiable.

    Args:
        rigged: N Gaussians in the rest pose, with J bones.
        bone_transforms: [B, J, 4, 4] bone-to-world, in the order of ``rigged.joint_names``, such as
            ``PosedBody.bone_transforms``.
        lit: [B, N] in [0, 1], how much of the distant light arrives; None: what
            :func:`avatar_kit.light.lit_points` finds where one-sided Gaussians cast shadows.
        camera: Marks in ``visible`` which Gaussians face it, one camera or one a frame; None: all
            are drawn.

    Returns:
        B clouds with covariances and colours.
    """
    blended = _blended(rigged, bone_transforms)
    turn, shift = blended[..., :3, :3], blended[..., :3, 3]
    means = (turn @ rigged.means[..., None])[..., 0] + shift
    normals = F.normalize((turn @ rigged.normals[..., None])[..., 0], dim=-1)
    shape = roma.unitquat_to_rotmat(F.normalize(rigged.quaternions, dim=1).roll(-1, 1))
    axes = turn @ (shape * rigged.scales[:, None])
    colours = rigged.colours.expand_as(means)
    if rigged.light is not None:
        if lit is None:
            surface = means - (turn @ rigged.offsets[..., None])[..., 0]
            alone = ~rigged.two_sided  # what stands off the skin casts no shadow on it
            lit = lit_points(surface, normals, rigged.light.direction, casters=alone)
        colours = colours * surface_shade(rigged.light, normals, lit)
    visible = None
    if camera is not None:
        visible = faces_camera(means, normals, camera) | rigged.two_sided
    return GaussianCloud(
        means=means,
        quaternions=None,
        scales=None,
        opacities=rigged.opacities.expand(len(means), -1),
        features=colours,
        covariances=axes @ axes.mT,
        visible=visible,
    )


@torch.no_grad()
def faces_camera(means: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Which points of a surface are not turned away from a camera, the rim included.

    Args:
        means: [B, N, 3] world metres.
        normals: [B, N, 3] unit normals.
        camera: One, or one for each of the B frames.

    Returns:
        [B, N] bool.
    """
    away = means - camera.position[:, None]
    return (away * normals).sum(-1) < TURNED_AWAY * away.norm(dim=-1)


def _blended(rigged: RiggedGaussians, bone_transforms: Tensor) -> Tensor:
    """[B, N, 4, 4] what carries each Gaussian from the rest pose."""
    carry = bone_transforms @ torch.linalg.inv(rigged.transforms)
    return (rigged.skinning_weights @ carry.flatten(2)).unflatten(2, (4, 4))
