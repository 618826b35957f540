"""The contract of the splat renderer as plain torch: every Gaussian at every pixel."""

import torch
from torch import Tensor

from avatar_kit.scene import Camera

FAINTEST = 1 / 255


def rotation(quaternions: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of quaternions wxyz of any length, through the exponential map.

    Not the usual nine entries: the axis and the angle of each, and a matrix exponential.
    """
    unit = quaternions / quaternions.norm(dim=-1, keepdim=True)
    w, axis = unit[..., 0], unit[..., 1:]
    length = axis.norm(dim=-1)
    turn = axis * (2 * torch.atan2(length, w) / length)[..., None]
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    return torch.linalg.matrix_exp(cross)


def covariances_of(quaternions: Tensor, scales: Tensor) -> Tensor:
    """[B, N, 3, 3]."""
    turn = rotation(quaternions)
    return turn @ torch.diag_embed(scales.square()) @ turn.mT


def project(means: Tensor, covariances: Tensor, camera: Camera, eps2d: float = 0.3):
    """Centres [B, N, 2], covariances [B, N, 2, 2] on the picture, depth [B, N]."""
    points = means @ camera.R.mT + camera.t[:, None]
    z = points[..., 2]
    K, size = camera.K, means.new_tensor([camera.width, camera.height])
    focal, centre = K[:, None, (0, 1), (0, 1)], K[:, None, :2, 2]
    slope = points[..., :2] / z[..., None]
    margin = 0.15 * size / focal
    least, largest = -centre / focal - margin, (size - centre) / focal + margin
    bounded = torch.minimum(torch.maximum(slope, least), largest)
    J = torch.zeros(*means.shape[:2], 2, 3, dtype=means.dtype)
    J[..., 0, 0], J[..., 1, 1] = focal[..., 0] / z, focal[..., 1] / z
    J[..., :, 2] = -focal * bounded / z[..., None]
    T = J @ camera.R[:, None]
    spread = T @ covariances @ T.mT + eps2d * torch.eye(2, dtype=means.dtype)
    return slope * focal + centre, spread, z


def dense(
    means: Tensor,
    covariances: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera: Camera,
    *,
    eps2d: float = 0.3,
    near: float = 0.01,
    far: float = 1e10,
):
    """Features [B, C, H, W], alpha and depth [B, 1, H, W], and how near a threshold is [B, H, W].

    The last is the least relative distance of any alpha or light to where the contract branches:
    where it is tiny, rounding decides and pictures may differ.
    """
    camera = camera.expand(len(means))
    centre, spread, z = project(means, covariances, camera, eps2d)
    drawn = (z >= near) & (z <= far) & (opacities >= FAINTEST) & (torch.linalg.det(spread) > 0)
    key = torch.where(drawn, z, torch.inf).float().detach()
    order = torch.stack([torch.argsort(k, stable=True) for k in key])
    row = torch.arange(len(means))[:, None]
    centre, spread, z, drawn = (
        centre[row, order],
        spread[row, order],
        z[row, order],
        drawn[row, order],
    )
    opacities, features = opacities[row, order], features[row, order]
    y, x = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    pixels = torch.stack([x, y], -1).to(means.dtype)
    offset = pixels - centre[:, :, None, None]
    spread = torch.where(drawn[..., None, None], spread, torch.eye(2, dtype=means.dtype))
    conic = torch.linalg.inv(spread)[:, :, None, None]
    sigma = 0.5 * (offset[..., None, :] @ conic @ offset[..., None])[..., 0, 0]
    raw = opacities[..., None, None] * torch.exp(-sigma)
    alpha = raw.clamp(max=0.999)  # clamp has no gradient beyond its limit
    counts = drawn[..., None, None] & (raw >= FAINTEST) & (sigma >= 0)
    left = torch.ones_like(alpha[:, 0])
    open_ = torch.ones_like(left, dtype=torch.bool)
    near_threshold = torch.full_like(left, torch.inf)
    shape = (len(means), features.shape[2] + 1, camera.height, camera.width)
    total = means.new_zeros(shape)
    values = torch.cat([features, z[..., None]], -1)
    for i in range(means.shape[1]):
        a = torch.where(counts[:, i], alpha[:, i], torch.zeros_like(left))
        after = left * (1 - a)
        edge = torch.where(drawn[:, i, None, None], (raw[:, i] / FAINTEST - 1).abs(), torch.inf)
        shut = torch.where(counts[:, i], (after / 1e-4 - 1).abs(), torch.inf)
        near_threshold = torch.minimum(
            near_threshold, torch.where(open_, edge.minimum(shut), torch.inf)
        )
        added = open_ & (after > 1e-4)
        open_ = open_ & (after > 1e-4)
        weight = torch.where(added, a * left, torch.zeros_like(left))
        total = total + weight[:, None] * values[:, i, :, None, None]
        left = torch.where(added, after, left)
    return total[:, :-1], 1 - left[:, None], total[:, -1:], near_threshold.detach()
