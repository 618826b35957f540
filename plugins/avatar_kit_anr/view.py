"""From where every pixel's surface is seen, and the basis that DNR multiplies features by."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import in_full_precision
from avatar_kit.scene import FrameContext


def view_basis(context: FrameContext) -> Tensor:
    """[B, 9, H, W] real spherical harmonics of the direction to the camera; 0 in the background.

    DNR takes directions in the axes of a rigid object. Here every triangle carries its own axes
    (tangent along u, normal), so that the basis turns with the limb it lies on.
    """
    batch, height, width = context.fragments.triangle.shape
    covered = context.fragments.covered
    basis = context.body.vertices.new_zeros(batch * height * width, 9)
    basis = basis.index_copy(0, covered, spherical_harmonics(view_directions(context)))
    basis = basis * context.fragments.mask.reshape(-1, 1)
    return basis.view(batch, height, width, 9).permute(0, 3, 1, 2)


@torch.no_grad()
@in_full_precision
def view_directions(context: FrameContext) -> Tensor:
    """[N, 3] unit directions to the camera at the covered pixels, in (tangent, bitangent, normal).

    Pixels are in the order of ``Fragments.covered``.
    """
    fragments, topology = context.fragments, context.body.topology
    covered = fragments.covered
    triangle = fragments.visited
    frame = torch.div(covered, fragments.triangle[0].numel(), rounding_mode="floor")
    corners = context.body.vertices[frame[:, None], topology.faces[triangle]]  # [N, 3, 3]
    weight = fragments.barycentrics.reshape(-1, 3)[covered]
    points = (weight[..., None] * corners).sum(1)
    towards = F.normalize(context.camera.position[frame] - points, dim=-1)
    axes = tangent_frames(corners, topology.uvs[topology.uv_faces[triangle]])
    return (axes @ towards[..., None])[..., 0]


def tangent_frames(corners: Tensor, uvs: Tensor) -> Tensor:
    """Orthonormal axes of triangles: rows are tangent (along u), bitangent, normal.

    Args:
        corners: [N, 3, 3] corners of each triangle.
        uvs: [N, 3, 2] their texture coordinates. Where these are degenerate, the tangent lies along
            the first edge.

    Returns:
        [N, 3, 3].
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    du, dv = (uvs[:, 1:] - uvs[:, :1]).unbind(-1)  # each [N, 2]
    area = du[:, 0] * dv[:, 1] - du[:, 1] * dv[:, 0]
    tangent = torch.sign(area)[:, None] * (first * dv[:, 1:] - second * dv[:, :1])
    tangent = torch.where(area[:, None].abs() > 1e-12, tangent, first)
    normal = F.normalize(torch.linalg.cross(first, second), dim=-1, eps=1e-20)
    tangent = tangent - (tangent * normal).sum(-1, keepdim=True) * normal
    tangent = F.normalize(tangent, dim=-1, eps=1e-20)
    return torch.stack([tangent, torch.linalg.cross(normal, tangent), normal], dim=1)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """The first three bands of real spherical harmonics, orthonormal over the sphere.

    Args:
        directions: [..., 3] unit vectors.

    Returns:
        [..., 9].
    """
    x, y, z = directions.unbind(-1)
    one, two = math.sqrt(3 / (4 * math.pi)), math.sqrt(15 / (4 * math.pi))
    return torch.stack(
        [
            torch.full_like(x, 0.5 / math.sqrt(math.pi)),
            one * y,
            one * z,
            one * x,
            two * x * y,
            two * y * z,
            math.sqrt(5 / (16 * math.pi)) * (3 * z * z - 1),
            two * x * z,
            0.5 * two * (x * x - y * y),
        ],
        dim=-1,
    )
