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
        camera: If given, ``visible`` marks the Gaussians that face it: one camera, or one per
            frame. None: all are drawn.

    Returns:
        B clouds with covariances and colours.
    """
    blended = blended_transforms(rigged.skinning_weights, bone_transforms, rigged.transforms)
    turn = blended[..., :3]
    means, covariances = skin_gaussians(blended, rigged.means, rigged.quaternions, rigged.scales)
    normals = F.normalize((turn @ rigged.normals[..., None])[..., 0], dim=-1)
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
        covariances=covariances,
        visible=visible,
    )


def blended_transforms(
    skinning_weights: Tensor, bone_transforms: Tensor, rest_transforms: Tensor
) -> Tensor:
    """Transforms of linear blend skinning: ``sum_j w_j B_j B0_j^-1``. Differentiable.

    Args:
        skinning_weights: [N, J] rows sum to one.
        bone_transforms: [B, J, 4, 4] bone-to-world, such as ``PosedBody.bone_transforms``.
        rest_transforms: [J, 4, 4] bone-to-world in the rest pose.

    Returns:
        [B, N, 3, 4] affine maps from the rest pose to the world, metres. If several bones have a
        weight, the left three columns are not a rotation.
    """
    carry = (bone_transforms @ torch.linalg.inv_ex(rest_transforms).inverse)[..., :3, :]
    return (skinning_weights @ carry.flatten(2)).unflatten(2, (3, 4))


def skin_gaussians(
    blended: Tensor, means: Tensor, quaternions: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor]:
    """Gaussians carried by affine maps: ``M x + t`` and ``M C M^T``. Differentiable.

    Args:
        blended: [B, N, 3, 4] such as of :func:`blended_transforms`.
        means: [N, 3] or [B, N, 3] in the rest pose, metres.
        quaternions: [N, 4] or [B, N, 4] wxyz in the rest pose, of any length but 0.
        scales: [N, 3] or [B, N, 3] standard deviations in metres.

    Returns:
        Means [B, N, 3] and covariances [B, N, 3, 3] in the world.
    """
    shape = roma.unitquat_to_rotmat(F.normalize(quaternions, dim=-1).roll(-1, -1))
    axes = blended[..., :3] @ (shape * scales[..., None, :])
    return carried(blended, means), axes @ axes.mT


def carried(blended: Tensor, points: Tensor) -> Tensor:
    """[B, N, 3] points [N, 3] or [B, N, 3], transformed by affine maps [B, N, 3, 4]."""
    return (blended[..., :3] @ points[..., None])[..., 0] + blended[..., 3]


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
