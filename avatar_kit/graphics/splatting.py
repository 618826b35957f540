"""Differentiable Gaussian splatting: numba on the CPU, gsplat on CUDA, the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from avatar_kit.graphics import splat_cuda, splat_numba
from avatar_kit.graphics.splat_settings import Settings

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera

SplatBackend = Literal["auto", "numba", "gsplat"]


@dataclass(frozen=True)
class Splats:
    """B pictures of Gaussians.

    Attributes:
        features: [B, C, H, W] features of the Gaussians, alpha-composited over the background if
            one was given.
        alpha: [B, 1, H, W] in [0, 1], accumulated opacity of all Gaussians.
        depth: [B, 1, H, W] camera z of the means in metres, composited like a feature over a
            background of 0: if alpha is below 1, so is the sum of the weights.
    """

    features: Tensor
    alpha: Tensor
    depth: Tensor

    @property
    def expected_depth(self) -> Tensor:
        """[B, 1, H, W] mean depth in metres of the visible Gaussians; 0 where there are none."""
        return self.depth / self.alpha.clamp(min=1e-10)


def splat(
    means: Tensor,
    quaternions: Tensor | None,
    scales: Tensor | None,
    opacities: Tensor,
    features: Tensor,
    camera: Camera,
    *,
    covariances: Tensor | None = None,
    visible: Tensor | None = None,
    backgrounds: Tensor | None = None,
    eps2d: float = 0.3,
    near: float = 0.01,
    far: float = 1e10,
    backend: SplatBackend = "auto",
) -> Splats:
    """Draw clouds of anisotropic Gaussians (Kerbl et al., 2023), by the rules of gsplat 1.5.

    Gaussians are composited front to back by the camera z of their means; those of equal z by
    index. A Gaussian is not drawn where its alpha, ``min(0.999, opacity exp(-sigma))``, is below
    1/255. A pixel is complete before the Gaussian that would leave a transmittance of at most 1e-4.

    Gradients reach every tensor but ``visible``, and ``camera.R`` and ``camera.t``; ``camera.K``
    has none, and where an alpha is limited to 0.999 the opacity and the shape have none. A Gaussian
    with a value that is not finite is not drawn and has gradient 0; the same is true of one that is
    outside the picture or nearer than ``near``. On a CPU the result does not depend on the number
    of threads.

    Args:
        means: [B, N, 3] world metres.
        quaternions: [B, N, 4] wxyz, of any length but 0; None with ``covariances``.
        scales: [B, N, 3] standard deviations in metres; None with ``covariances``.
        opacities: [B, N] in [0, 1].
        features: [B, N, C] colours or other features, of any range.
        camera: One camera, or one for each of the B clouds; its size is the picture's. Skew is
            ignored.
        covariances: [B, N, 3, 3] symmetric, square metres, instead of quaternions and scales.
        visible: [B, N] bool, which Gaussians to draw. If you know which ones face away, exclude
            them here to save their cost. By default all.
        backgrounds: [B, C] features of the background. By default 0.
        eps2d: Added to the variances in the picture, in square pixels, so that no Gaussian is
            thinner than a pixel.
        near: Gaussians whose mean is nearer than this many metres are not drawn.
        far: Gaussians whose mean is farther than this many metres are not drawn.
        backend: "numba" (CPU), "gsplat" (CUDA), or "auto": by the device of ``means``.

    Returns:
        The pictures, on the device of ``means`` and in its precision, at least float32.

    Raises:
        ValueError: A shape does not fit, not exactly one of quaternions with scales and covariances
            is given, or the backend does not fit the device.
        MissingExtra: ``backend="gsplat"`` and it is not installed.
        UserError: ``backend="gsplat"`` and it cannot be compiled here.
    """
    _check(means, quaternions, scales, covariances, opacities, features, visible, backgrounds)
    camera = camera.expand(means.shape[0])
    settings = Settings(camera.width, camera.height, eps2d, near, far)
    dtype = torch.promote_types(means.dtype, torch.float32)
    given = (means, quaternions, scales, covariances, opacities, features)
    cloud: Any = (None if value is None else value.to(means.device, dtype) for value in given)
    draw: Callable = splat_cuda.draw if _use_gsplat(backend, means.device) else splat_numba.draw
    drawn, alpha, depth = draw(*cloud, camera.K, camera.R, camera.t, visible, settings)
    if backgrounds is not None:
        drawn = drawn + (1 - alpha) * backgrounds.to(drawn)[:, :, None, None]
    return Splats(drawn, alpha, depth)


def _use_gsplat(backend: SplatBackend, device: torch.device) -> bool:
    if backend == "gsplat":
        splat_cuda.require()
        if device.type != "cuda":
            raise ValueError(f"gsplat draws on CUDA only, the means are on {device}")
        return True
    return backend == "auto" and device.type == "cuda" and splat_cuda.usable()


def _check(
    means: Tensor,
    quaternions: Tensor | None,
    scales: Tensor | None,
    covariances: Tensor | None,
    opacities: Tensor,
    features: Tensor,
    visible: Tensor | None,
    backgrounds: Tensor | None,
) -> None:
    if means.ndim != 3 or features.ndim != 3:
        found = tuple(means.shape), tuple(features.shape)
        raise ValueError(f"means must be [B, N, 3] and features [B, N, C], got {found}")
    (batch, count, _), channels = means.shape, features.shape[2]
    axes = quaternions is not None and scales is not None
    if (quaternions is None) != (scales is None) or axes == (covariances is not None):
        raise ValueError("a cloud has quaternions and scales, or covariances instead")
    shapes: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "means": (means, (batch, count, 3)),
        "quaternions": (quaternions, (batch, count, 4)),
        "scales": (scales, (batch, count, 3)),
        "covariances": (covariances, (batch, count, 3, 3)),
        "opacities": (opacities, (batch, count)),
        "features": (features, (batch, count, channels)),
        "visible": (visible, (batch, count)),
        "backgrounds": (backgrounds, (batch, channels)),
    }
    for name, (value, shape) in shapes.items():
        if value is not None and tuple(value.shape) != shape:
            raise ValueError(f"{name} must be {list(shape)}, got {tuple(value.shape)}")
