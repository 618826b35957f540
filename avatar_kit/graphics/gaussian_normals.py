"""Normals of flat Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera


def gaussian_normals(means: Tensor, quaternions: Tensor, scales: Tensor, camera: Camera) -> Tensor:
    """The shortest axis of each Gaussian, on the side that faces the camera.

    Composite them like colours, as further features, to get the normals of the picture.

    Args:
        means: [B, N, 3] world metres.
        quaternions: [B, N, 4] wxyz, of any length but 0.
        scales: [B, N, 3] standard deviations in metres.
        camera: One, or one for each of the B clouds.

    Returns:
        [B, N, 3] unit vectors in the world. Differentiable with respect to the quaternions.
    """
    w, x, y, z = F.normalize(quaternions, dim=-1).unbind(-1)
    axes = torch.stack(
        [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], -1),
            torch.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], -1),
            torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        -2,
    )
    shortest = scales.argmin(-1)[..., None, None].expand(*scales.shape[:2], 1, 3)
    normals = axes.gather(2, shortest)[:, :, 0]
    with torch.no_grad():
        to_camera = camera.position.to(means.dtype)[:, None] - means
        facing = (normals * to_camera).sum(-1, keepdim=True) >= 0
    return torch.where(facing, normals, -normals)
