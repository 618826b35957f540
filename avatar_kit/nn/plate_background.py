"""The true scene behind the person, kept with an avatar that paints the person alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import host_copy
from avatar_kit.nn.part import Part
from avatar_kit.scene import Camera, Plate

#: Metres that a plate's camera may be further away per radian that it is turned less, where the
#: plate for a camera is chosen.
_METRES_PER_RADIAN = 1.0

#: Metres between two cameras that stand in the same place: what rounding may make of it.
_SAME_PLACE = 1e-5

#: How far behind the person the wall is, as a share of how far before them the camera stands.
_WALL = 0.5

#: Blocks along a side of the picture that continues a plate beyond its edges.
_BLOCKS = 8

#: Shares of the plate's size beyond its edge: up to the first its colours there become those of the
#: blocks, from the second to the third these become the mean colour.
_SOFTENED, _FADES, _FADED = 0.08, 0.3, 1.0


class PlateBackground(Part):
    """Plates as any camera sees them.

    Each camera uses the plate that was taken nearest to it. The result is exact for a cropped,
    zoomed or rotated camera. For a camera at another position, the scene is modelled as a level
    floor under the person and an upright wall behind the person. The wall faces the plate's camera,
    half as far from the person as this camera is. If ``stand`` is None, the scene is infinitely far
    away. Outside the plate, its edge is continued and fades with a growing blur into its mean
    colour. Without a plate, the background is black.

    Args:
        plates: The plates, all of one size; none when an avatar is loaded, whose weights contain
            them.
        stand: ``Setup.stand``: x, y, z in world metres of the point of the floor above which the
            person mostly is.
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

    def __init__(self, plates: Sequence[Plate], stand: tuple[float, float, float] | None = None):
        super().__init__()
        self.stand = stand
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
        with torch.autocast(self.pictures.device.type, enabled=False):  # half a pixel needs float32
            chosen = self.nearest(camera)
            pictures = self.pictures[chosen]
            window = self._window(camera)
            if window is not None:
                left, top = window
                return pictures[..., top : top + camera.height, left : left + camera.width]
            pixels, ahead = self._pixels(camera, chosen)
            x, y = pixels.unbind(-1)
            place = torch.stack([x / pictures.shape[-1], y / pictures.shape[-2]], dim=-1)
            return _continued(pictures, place, ahead)

    def nearest(self, camera: Camera) -> Tensor:
        """[B] number of the plate for each camera, by position and rotation of the camera."""
        return _nearest(camera, self.rotations, self.positions)

    def _window(self, camera: Camera) -> tuple[int, int] | None:
        """Left and top of what the cameras see of the plates, pixel for pixel; None if they do not.

        So it is for the camera of a plate, and for one that is cropped by whole pixels.
        """
        # On the CPU: each question would make it wait for a GPU.
        K, R, t = (host_copy(v) for v in (camera.K, camera.R, camera.t))
        camera = Camera(K, R, t, camera.width, camera.height)
        intrinsics, rotations, positions = (
            host_copy(v) for v in (self.intrinsics, self.rotations, self.positions)
        )
        chosen = _nearest(camera, rotations, positions)
        K, own = camera.K.to(intrinsics), intrinsics[chosen]
        left, top = (round(v) for v in (own[0, :2, 2] - K[0, :2, 2]).tolist())
        moved = K.clone()
        moved[:, 0, 2] += left
        moved[:, 1, 2] += top
        height, width = self.pictures.shape[-2:]
        inside = left >= 0 and top >= 0
        inside &= left + camera.width <= width and top + camera.height <= height
        if not inside or not torch.allclose(moved, own, rtol=0, atol=1e-4):
            return None
        turned = not torch.equal(camera.R.to(rotations), rotations[chosen])
        shift = camera.position - positions[chosen].to(camera.K)
        return None if turned or _moved(shift) else (left, top)

    def _pixels(self, camera: Camera, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Where on the plate every pixel looks [B, H, W, 2], and whether it lies ahead of it."""
        device = self.pictures.device
        x = torch.arange(camera.width, device=device) + 0.5
        y = torch.arange(camera.height, device=device) + 0.5
        grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], dim=-1)
        pixels = torch.cat([grid, torch.ones_like(grid[..., :1])], dim=-1).to(camera.K)
        own = (self.intrinsics[chosen] @ self.rotations[chosen]).to(camera.K)
        towards = camera.R.mT @ torch.linalg.inv_ex(camera.K).inverse
        seen = torch.einsum("bij,hwj->ibhw", own @ towards, pixels)
        shift = camera.position - self.positions[chosen].to(camera.K)
        if self.stand is not None and (shift.device.type != "cpu" or _moved(shift)):
            rays = torch.einsum("bij,hwj->bhwi", towards, pixels)
            near = self._nearness(camera, rays, chosen, self.stand)
            seen = seen + near * (own @ shift[..., None])[..., 0].T[:, :, None, None]
        x, y, depth = seen
        return torch.stack([x, y], dim=-1) / depth.clamp(min=1e-6)[..., None], depth > 0

    def _nearness(
        self, camera: Camera, rays: Tensor, chosen: Tensor, stand: tuple[float, float, float]
    ) -> Tensor:
        """[B, H, W] one over where rays [B, H, W, 3] meet the scene, in their lengths; 0: never."""
        facing = self.rotations[chosen, 2].to(rays)
        facing = torch.stack([facing[:, 0], torch.zeros_like(facing[:, 1]), facing[:, 2]], dim=1)
        facing = F.normalize(facing, dim=1)  # zero for a camera that looks straight down
        place = torch.stack([torch.full_like(facing[:, 0], x) for x in stand], dim=1)
        before = ((place - self.positions[chosen].to(rays)) * facing).sum(1).clamp(min=0)
        to_wall = ((place - camera.position) * facing).sum(1) + _WALL * before
        floor = _one_over(camera.position[:, 1] - stand[1], -rays[..., 1])
        wall = _one_over(to_wall, torch.einsum("bhwi,bi->bhw", rays, facing))
        return torch.maximum(floor, wall)


def _nearest(camera: Camera, rotations: Tensor, positions: Tensor) -> Tensor:
    """[B] number of the plate that was taken from nearest to each camera."""
    away = torch.cdist(camera.position.to(positions), positions)
    axes = camera.R[:, 2].to(rotations) @ rotations[:, 2].mT  # viewing directions
    return (away + _METRES_PER_RADIAN * axes.clamp(-1, 1).acos()).argmin(1)


def _moved(shift: Tensor) -> bool:
    return bool((shift.abs() > _SAME_PLACE).any())


def _one_over(away: Tensor, pace: Tensor) -> Tensor:
    """[B, H, W] one over the time to planes [B] metres away; 0 where they are never met."""
    before = away[:, None, None] > 1e-3
    return pace.clamp(min=0) * before / away.clamp(min=1e-3)[:, None, None]


def _continued(pictures: Tensor, place: Tensor, ahead: Tensor) -> Tensor:
    """[B, 3, H, W] pictures at places [B, H, W, 2] in [0, 1], and something plain beyond them."""
    grid = (2 * place - 1).clamp(-2, 2)
    seen = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    beyond = (place - 0.5).abs().amax(-1) - 0.5
    beyond = torch.where(ahead, beyond, torch.full_like(beyond, torch.inf))[:, None]
    if beyond.device.type == "cpu" and not (beyond > 0).any():
        return seen
    blocks = F.adaptive_avg_pool2d(pictures, _BLOCKS)
    soft = F.grid_sample(
        blocks, grid, mode="bicubic", padding_mode="border", align_corners=False
    ).clamp(0, 1)
    seen = torch.lerp(seen, soft, (beyond / _SOFTENED).clamp(0, 1))
    share = ((beyond - _FADES) / (_FADED - _FADES)).clamp(0, 1)
    return torch.lerp(seen, pictures.mean((2, 3), keepdim=True), share)
