"""Splatting on CUDA through gsplat (Ye et al., 2024), which is optional."""

from __future__ import annotations

import logging
import os
import shutil
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.graphics.splat_settings import Settings

logger = logging.getLogger(__name__)


def installed() -> bool:
    """Whether the package is there."""
    return find_spec("gsplat") is not None


def missing() -> str:
    """What gsplat lacks on this machine to run, without importing it; empty if nothing.

    Unless its wheel was built with its kernels, it compiles them at first use.
    """
    spec = find_spec("gsplat")
    if spec is None:
        return 'not installed: pip install "avatar-kit[cuda]"'
    if any(found for folder in spec.submodule_search_locations or [] for found in _built(folder)):
        return ""
    lacking = [name for name, there in (("nvcc", _compiler()), ("ninja", _ninja())) if not there]
    if not lacking:
        return ""
    return f"not usable: it is compiled at first use, and {' and '.join(lacking)} cannot be found"


def require() -> None:
    """Raise if gsplat cannot run.

    Raises:
        MissingExtra: It is not installed.
        UserError: It cannot be compiled here.
    """
    if not installed():
        raise MissingExtra("splatting on CUDA", "cuda", "gsplat")
    if missing():
        raise UserError(f"splatting on CUDA: gsplat is {missing()}")


@cache
def usable() -> bool:
    """Whether gsplat runs; says once why not."""
    reason = missing()
    if not reason:
        try:
            _library()
        except (ImportError, OSError, RuntimeError) as error:
            reason = f"not usable: {str(error).strip().splitlines()[0]}"
        else:
            return True
    logger.warning("splatting on the CPU, which is slower: gsplat is %s", reason)
    return False


def draw(
    means: Tensor,
    quaternions: Tensor | None,
    scales: Tensor | None,
    covariances: Tensor | None,
    opacities: Tensor,
    features: Tensor,
    K: Tensor,
    R: Tensor,
    t: Tensor,
    visible: Tensor | None,
    settings: Settings,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features [B, C, H, W], alpha and accumulated depth [B, 1, H, W], of the type of ``means``.

    The arguments are those of :func:`splat_numba.draw`. gsplat computes in float32.
    """
    batch, count, channels = features.shape
    if not count:
        shape = (batch, channels + 2, settings.height, settings.width)
        drawn, alpha, depth = means.new_zeros(shape).split((channels, 1, 1), 1)
        return drawn, alpha, depth
    given = (means, quaternions, scales, covariances, opacities[..., None], features)
    keep = torch.ones_like(opacities, dtype=torch.bool) if visible is None else visible
    for value in given:
        if value is not None:
            keep = keep & value.detach().flatten(2).isfinite().all(-1)
    mean, quaternion, scale, covariance, opacity, feature = (
        None if value is None else _masked(value, keep).float() for value in given
    )
    if covariance is not None:
        covariance = (covariance + covariance.mT) / 2
    pose = torch.cat([R, t[..., None]], -1).float()
    last = pose.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(batch, 1, 4)
    assert opacity is not None
    drawn, alpha, _ = _library().rasterization(
        means=mean,
        quats=quaternion,
        scales=scale,
        opacities=opacity[..., 0],
        colors=feature,
        viewmats=torch.cat([pose, last], 1)[:, None],
        Ks=K.float()[:, None],
        width=settings.width,
        height=settings.height,
        near_plane=settings.near,
        far_plane=settings.far,
        eps2d=settings.eps2d,
        packed=False,
        render_mode="RGB+D",
        covars=covariance,
    )
    # [B, cameras, H, W, channels], one camera each
    drawn, alpha = (v[:, 0].permute(0, 3, 1, 2).to(means.dtype) for v in (drawn, alpha))
    return drawn[:, :channels], alpha, drawn[:, channels:]


def _masked(value: Tensor, keep: Tensor) -> Tensor:
    """0 for Gaussians that are not kept; an opacity of 0 is not drawn and has no gradient."""
    rows = keep.view(*keep.shape, *[1] * (value.ndim - 2))
    return torch.where(rows, value, torch.zeros_like(value))


@cache
def _library() -> Any:
    logger.info("loading gsplat; the first time on a machine it is compiled, for some minutes")
    return import_module("gsplat")


def _built(folder: str) -> list[Path]:
    return [*Path(folder).glob("csrc*.so"), *Path(folder).glob("csrc*.pyd")]


def _compiler() -> bool:
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")] + ["/usr/local/cuda"]
    places = [str(Path(home) / "bin") for home in homes if home]
    return any(shutil.which("nvcc", path=path) for path in (None, *places))


def _ninja() -> bool:
    return shutil.which("ninja") is not None
