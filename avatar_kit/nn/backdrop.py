"""The true scene behind the person, kept with an avatar that paints the person alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.scene import Camera, Plate


class Backdrop(nn.Module):
    """A plate as any camera sees it, taken to be infinitely far away.

    Exact for a camera that is cropped, zoomed or turned. One that moves to another place sees the
    right directions without parallax; what the plate does not show is filled with its mean colour.

    Args:
        plate: The plate; None where an avatar is read back and its weights bring the plate.
        height: Height of the plate.
        width: Width of the plate.
    """

    picture: Tensor
    intrinsics: Tensor
    rotation: Tensor

    def __init__(self, plate: Plate | None, height: int, width: int):
        super().__init__()
        picture = torch.zeros(3, height, width) if plate is None else plate.picture.float()
        self.register_buffer("picture", picture[None].clone())
        first = torch.eye(3) if plate is None else plate.camera.K[0].float()
        second = torch.eye(3) if plate is None else plate.camera.R[0].float()
        self.register_buffer("intrinsics", first.clone())
        self.register_buffer("rotation", second.clone())

    def forward(self, camera: Camera) -> Tensor:
        """[B, 3, H, W] what B cameras see of the scene, in [0, 1]."""
        size = (camera.height, camera.width)
        still = self.picture.shape[-2:] == size and torch.equal(
            camera.K, self.intrinsics.expand_as(camera.K)
        )
        if still and torch.equal(camera.R, self.rotation.expand_as(camera.R)):
            return self.picture.expand(len(camera), -1, -1, -1)
        pixels, ahead = self._pixels(camera)
        extent = pixels.new_tensor([self.picture.shape[-1], self.picture.shape[-2]])
        place = pixels / extent
        inside = ahead & ((place >= 0) & (place <= 1)).all(-1)
        seen = F.grid_sample(
            self.picture.expand(len(camera), -1, -1, -1),
            (2 * place - 1).clamp(-2, 2),
            padding_mode="border",
            align_corners=False,
        )
        return torch.where(inside[:, None], seen, self.picture.mean((2, 3), keepdim=True))

    def _pixels(self, camera: Camera) -> tuple[Tensor, Tensor]:
        """Where on the plate every pixel looks [B, H, W, 2], and whether it lies ahead of it."""
        device = self.picture.device
        x = torch.arange(camera.width, device=device) + 0.5
        y = torch.arange(camera.height, device=device) + 0.5
        grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], dim=-1)
        rays = torch.cat([grid, torch.ones_like(grid[..., :1])], dim=-1)
        turn = self.intrinsics @ self.rotation @ camera.R.mT @ torch.linalg.inv(camera.K)
        x, y, depth = torch.einsum("bij,hwj->ibhw", turn, rays)
        return torch.stack([x, y], dim=-1) / depth.clamp(min=1e-6)[..., None], depth > 0
