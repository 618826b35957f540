"""The true scene behind the person, kept with an avatar that paints the person alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.nn.part import Part
from avatar_kit.scene import Camera, Plate

#: Metres that a plate's camera may be further away per radian that it is turned less, where the
#: plate for a camera is chosen.
_METRES_PER_RADIAN = 1.0


class PlateBackground(Part):
    """Plates as any camera sees them, taken to be infinitely far away.

    Each camera gets the plate that was taken from nearest to it. That is exact for a camera that is
    cropped, zoomed or turned. One that moves to another place sees the right directions without
    parallax; what the plate does not show is filled with its mean colour. Without any plate the
    background is black.

    Args:
        plates: The plates, all of one size; none where an avatar is read back and its weights
            bring them.
    """

    sized_by_training: ClassVar[tuple[str, ...]] = (
        "pictures",
        "intrinsics",
        "rotations",
        "positions",
    )

    pictures: Tensor
    intrinsics: Tensor
    rotations: Tensor
    positions: Tensor

    def __init__(self, plates: Sequence[Plate]):
        super().__init__()
        cameras = [plate.camera for plate in plates]
        buffers = {
            "pictures": [plate.picture.float() for plate in plates],
            "intrinsics": [camera.K[0].float() for camera in cameras],
            "rotations": [camera.R[0].float() for camera in cameras],
            "positions": [camera.position[0].float() for camera in cameras],
        }
        shapes = {
            "pictures": (0, 3, 1, 1),
            "intrinsics": (0, 3, 3),
            "rotations": (0, 3, 3),
            "positions": (0, 3),
        }
        for name, values in buffers.items():
            empty = torch.zeros(shapes[name])
            self.register_buffer(name, torch.stack(values) if values else empty)

    def forward(self, camera: Camera) -> Tensor:
        """[B, 3, H, W] what B cameras see of the scene, in [0, 1]."""
        if not len(self.pictures):
            return self.pictures.new_zeros(1, 3, camera.height, camera.width).expand(
                len(camera), -1, -1, -1
            )
        chosen = self.nearest(camera)
        pictures = self.pictures[chosen]
        window = self._window(camera, chosen)
        if window is not None:
            left, top = window
            return pictures[..., top : top + camera.height, left : left + camera.width]
        pixels, ahead = self._pixels(camera, chosen)
        extent = pixels.new_tensor([pictures.shape[-1], pictures.shape[-2]])
        place = pixels / extent
        inside = ahead & ((place >= 0) & (place <= 1)).all(-1)
        seen = F.grid_sample(
            pictures,
            (2 * place - 1).clamp(-2, 2),
            padding_mode="border",
            align_corners=False,
        )
        return torch.where(inside[:, None], seen, pictures.mean((2, 3), keepdim=True))

    def nearest(self, camera: Camera) -> Tensor:
        """[B] number of the plate for each camera: by where it stands and how it is turned."""
        away = torch.cdist(camera.position.to(self.positions), self.positions)
        axes = camera.R[:, 2].to(self.rotations) @ self.rotations[:, 2].mT  # viewing directions
        turned = axes.clamp(-1, 1).acos()
        return (away + _METRES_PER_RADIAN * turned).argmin(1)

    def _window(self, camera: Camera, chosen: Tensor) -> tuple[int, int] | None:
        """Left and top of what the cameras see of the plates, pixel for pixel; None if they do not.

        So it is for the camera of a plate, and for one that is cropped by whole pixels.
        """
        K, own = camera.K.to(self.intrinsics), self.intrinsics[chosen]
        shift = own[:, :2, 2] - K[:, :2, 2]
        left, top = (round(v) for v in shift[0].tolist())
        moved = K.clone()
        moved[:, 0, 2] += left
        moved[:, 1, 2] += top
        height, width = self.pictures.shape[-2:]
        inside = left >= 0 and top >= 0
        inside &= left + camera.width <= width and top + camera.height <= height
        same = inside and torch.allclose(moved, own, rtol=0, atol=1e-4)
        if not same or not torch.equal(camera.R.to(self.rotations), self.rotations[chosen]):
            return None
        return left, top

    def _pixels(self, camera: Camera, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Where on the plate every pixel looks [B, H, W, 2], and whether it lies ahead of it."""
        device = self.pictures.device
        x = torch.arange(camera.width, device=device) + 0.5
        y = torch.arange(camera.height, device=device) + 0.5
        grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], dim=-1)
        rays = torch.cat([grid, torch.ones_like(grid[..., :1])], dim=-1).to(camera.K)
        own = (self.intrinsics[chosen] @ self.rotations[chosen]).to(camera.K)
        turn = own @ camera.R.mT @ torch.linalg.inv(camera.K)
        x, y, depth = torch.einsum("bij,hwj->ibhw", turn, rays)
        return torch.stack([x, y], dim=-1) / depth.clamp(min=1e-6)[..., None], depth > 0
