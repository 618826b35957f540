"""Clouds of Gaussians and cameras to draw them with."""

import torch
from torch import Tensor

from avatar_kit.scene import Camera


def random_cloud(count: int, seed: int, *, batch: int = 1, channels: int = 3) -> dict[str, Tensor]:
    """Gaussians of all shapes about the origin, float64; some are huge, some too faint."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(batch, count, *shape, generator=generator, dtype=torch.float64)

    return {
        "means": (uniform(3) - 0.5) * torch.tensor([2.2, 2.2, 1.5]),
        "quaternions": torch.randn(batch, count, 4, generator=generator, dtype=torch.float64),
        "scales": 0.01 + 0.3 * uniform(3) ** 2,
        "opacities": uniform(),
        "features": 2 * uniform(channels) - 0.5,
    }


def off_centre(width: int = 40, height: int = 28, seed: int = 0) -> Camera:
    """A camera 2 m from the origin: fx is not fy, the principal point is not the middle."""
    generator = torch.Generator().manual_seed(seed)
    eye = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0) * 2
    view = Camera.look_at(tuple(eye.tolist()), (0.1, 0, 0), width=width, height=height, fov_y=50)
    K = view.K.double().clone()
    shift = torch.rand(3, generator=generator).double() - 0.5
    K[:, 0, 0] *= 1 + 0.5 * shift[0]
    K[:, :2, 2] += shift[1:] * 16
    R = torch.linalg.qr(view.R.double().mT)[0].mT  # orthonormal in double
    R = R * (R * view.R.double()).sum(-1, keepdim=True).sign()
    return Camera(K, R, view.t.double(), width, height)


def straight(width: int = 32, height: int = 32, focal: float = 40.0) -> Camera:
    """At the origin, looking along z."""
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    eye = torch.eye(3, dtype=torch.float64)
    return Camera(K.double(), eye, torch.zeros(3, dtype=torch.float64), width, height)


def ball(
    at: tuple[float, float, float], scale: float, opacity: float, feature: tuple[float, ...]
) -> dict[str, Tensor]:
    """One round Gaussian."""
    one = {"dtype": torch.float64}
    return {
        "means": torch.tensor([[at]], **one),
        "quaternions": torch.tensor([[[1.0, 0, 0, 0]]], **one),
        "scales": torch.full((1, 1, 3), scale, **one),
        "opacities": torch.tensor([[opacity]], **one),
        "features": torch.tensor([[feature]], **one),
    }


def together(*clouds: dict[str, Tensor]) -> dict[str, Tensor]:
    """Several clouds as one."""
    return {name: torch.cat([cloud[name] for cloud in clouds], 1) for name in clouds[0]}
