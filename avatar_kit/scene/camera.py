"""Pinhole cameras, OpenCV axes (x right, y down, z forward), pixels and metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.graphics.precision import in_full_precision
from avatar_kit.scene.selecting import Index, rows

#: Metres; a camera that stands farther from the origin films no person there.
_FARTHEST = 10_000.0


@dataclass(frozen=True)
class Camera:
    """A batch of pinhole cameras without lens distortion.

    Pixel centres are at +0.5: the image covers [0, width] x [0, height], and the centre of the
    top-left pixel is (0.5, 0.5).

    Attributes:
        K: [B, 3, 3] intrinsics in pixels.
        R: [B, 3, 3] world-to-camera rotation.
        t: [B, 3] world-to-camera translation in metres; ``x_camera = R x_world + t``.
        width: Image width in pixels.
        height: Image height in pixels.
    """

    K: Tensor
    R: Tensor
    t: Tensor
    width: int
    height: int

    def __post_init__(self):
        for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
            value = getattr(self, name)
            if value.ndim == len(shape):
                value = value[None]
                object.__setattr__(self, name, value)
            if tuple(value.shape[1:]) != shape:
                raise ValueError(f"Camera.{name} must be [B, {shape}], got {tuple(value.shape)}")

    def fault(self) -> str:
        """Why this cannot be the camera of a recording: key, problem, expected value.

        Empty if there is no problem.
        """
        K, R = self.K, self.R
        off = (R @ R.mT - torch.eye(3, device=R.device)).abs().amax()
        if not (off <= 1e-3 and (torch.linalg.det(R) > 0).all()):
            return (
                "R is no rotation (it must be orthonormal, with determinant 1); give "
                "world-to-camera rotations in OpenCV axes"
            )
        focal = K[:, [0, 1], [0, 1]]
        if not (focal > 0).all():
            return "K: the focal lengths on its diagonal must be positive pixels"
        side = max(self.width, self.height)
        if not (0.02 * side <= focal.amin() and focal.amax() <= 1000 * side):
            least, most = focal.aminmax()
            return (
                f"K: focal lengths of {float(least):.4g} to {float(most):.4g} pixels "
                f"for pictures of {self.width}x{self.height}; expected pixels of the full picture"
            )
        centre = K[:, :2, 2].abs().amax()
        if not (centre <= 10 * side and (K[:, 2] == K.new_tensor([0, 0, 1])).all()):
            return "K must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels of the full picture"
        if not self.t.abs().amax() <= _FARTHEST:
            return f"t: more than {_FARTHEST:g} m from the world's origin; expected metres"
        return ""

    @classmethod
    def look_at(
        cls,
        eye: tuple[float, float, float],
        target: tuple[float, float, float],
        *,
        width: int,
        height: int,
        fov_y: float,
        up: tuple[float, float, float] = (0.0, 1.0, 0.0),
    ) -> Camera:
        """One camera at ``eye`` that looks at ``target``.

        Args:
            eye: Position in world metres.
            target: The point in the middle of the image, world metres.
            width: Image width in pixels.
            height: Image height in pixels.
            fov_y: Vertical field of view in degrees.
            up: The world direction that points up in the image.
        """
        position = torch.tensor(eye, dtype=torch.float32)
        forward = torch.nn.functional.normalize(torch.tensor(target).float() - position, dim=0)
        right = torch.nn.functional.normalize(
            torch.linalg.cross(forward, torch.tensor(up).float()), dim=0
        )
        R = torch.stack([right, torch.linalg.cross(forward, right), forward])
        return cls(intrinsics(width, height, fov_y), R, -R @ position, width, height)

    def __len__(self) -> int:
        return self.K.shape[0]

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.K.device

    @property
    @in_full_precision
    def position(self) -> Tensor:
        """[B, 3] camera centre in world metres."""
        return -(self.R.mT @ self.t[..., None])[..., 0]

    def to(self, device: torch.device | str) -> Camera:
        """The same cameras on another device."""
        return Camera(
            self.K.to(device), self.R.to(device), self.t.to(device), self.width, self.height
        )

    def __getitem__(self, index: Index) -> Camera:
        """The selected cameras of the batch."""
        i = rows(index)
        return Camera(self.K[i], self.R[i], self.t[i], self.width, self.height)

    def expand(self, batch: int) -> Camera:
        """This one camera as a batch of ``batch`` equal cameras (no copy)."""
        if len(self) == batch:
            return self
        return Camera(
            self.K.expand(batch, 3, 3),
            self.R.expand(batch, 3, 3),
            self.t.expand(batch, 3),
            self.width,
            self.height,
        )

    @in_full_precision
    def to_camera(self, points: Tensor) -> Tensor:
        """World points [B, N, 3] in metres to camera coordinates [B, N, 3]."""
        return points @ self.R.mT + self.t[:, None]

    @in_full_precision
    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Project world points.

        Args:
            points: [B, N, 3] world metres.

        Returns:
            Pixels [B, N, 2] and camera depth z [B, N] in metres. Points with z <= 0 are behind the
            camera; their pixels are finite but meaningless.
        """
        camera = self.to_camera(points)
        z = camera[..., 2]
        safe = torch.where(z.abs() < 1e-6, torch.full_like(z, 1e-6), z)
        pixels = (camera / safe[..., None]) @ self.K.mT
        return pixels[..., :2], z

    def crop_resize(
        self,
        left: float,
        top: float,
        scale: float | tuple[float, float],
        width: int,
        height: int,
    ) -> Camera:
        """The camera of the image that is cropped at (left, top) and then scaled.

        Args:
            left: Left edge of the crop in pixels of this camera; may be outside the image.
            top: Top edge of the crop in the same pixels; may be outside the image.
            scale: New pixels per old pixel; two numbers if x and y differ.
            width: Width of the new image.
            height: Height of the new image.
        """
        x, y = scale if isinstance(scale, tuple) else (scale, scale)
        across, down, last = self.K.unbind(1)
        rows = [x * across - (left * x) * last, y * down - (top * y) * last, last]
        return Camera(torch.stack(rows, dim=1), self.R, self.t, width, height)

    def resized(self, width: int, height: int) -> Camera:
        """The camera of the whole image scaled to ``width``.

        Args:
            width: Width of the new image.
            height: Height of the new image, up to rounding that of the old one scaled alike.
        """
        return self.crop_resize(0.0, 0.0, width / self.width, width, height)


def stack_cameras(cameras: Sequence[Camera]) -> Camera:
    """Cameras of one size as one batch.

    Raises:
        ValueError: Their sizes differ.
    """
    first = cameras[0]
    if any((c.width, c.height) != (first.width, first.height) for c in cameras):
        raise ValueError("cameras of different sizes do not make a batch")
    K, R, t = (torch.cat([getattr(c, name) for c in cameras]) for name in ("K", "R", "t"))
    return Camera(K, R, t, first.width, first.height)


def intrinsics(width: int, height: int, fov_y: float) -> Tensor:
    """[3, 3] intrinsics of a centred pinhole with square pixels; ``fov_y`` in degrees."""
    focal = 0.5 * height / math.tan(math.radians(fov_y) / 2)
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
