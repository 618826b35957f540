"""Visibility on CUDA through nvdiffrast (Laine et al., 2020), for who asks for it by name."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from avatar_kit.errors import UserError


def installed() -> bool:
    """Whether the package is there."""
    return find_spec("nvdiffrast") is not None


@cache
def context(device: torch.device) -> Any:
    """The buffers of nvdiffrast on a device, made once.

    Raises:
        UserError: It compiles itself at first use, and cannot here.
    """
    import nvdiffrast.torch as dr

    try:
        return dr.RasterizeCudaContext(device=device)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"rasterising with nvdiffrast: it cannot be used here: {reason}") from error


def visible_triangles(
    points: Tensor, faces: Tensor, height: int, width: int, *, near: float
) -> Tensor:
    """The triangle seen through every pixel.

    Args:
        points: [B, V, 3] homogeneous pixel positions ``(x z, y z, z)`` on CUDA, all finite.
        faces: [F, 3] vertex indices.
        height: Image height in pixels.
        width: Image width in pixels.
        near: Near plane, in the unit of z.

    Returns:
        [B, H, W] int64; -1 where there is none.
    """
    import nvdiffrast.torch as dr

    clip = to_clip(points, height, width, near).float().contiguous()
    triangles = faces.int().contiguous()
    drawn, _ = dr.rasterize(context(points.device), clip, triangles, (height, width), grad_db=False)
    return drawn[..., 3].long() - 1


def to_clip(points: Tensor, height: int, width: int, near: float) -> Tensor:
    """Homogeneous pixel positions [B, V, 3] to nvdiffrast's clip space [B, V, 4].

    After division by w, x and y span [-1, 1] over the picture's edges, so that pixel centres lie
    at +0.5. Row 0 of nvdiffrast's result is at y = -1, which is the top row here: y is not
    flipped. z is -1 at the near plane and 1 just behind the farthest vertex.
    """
    x, y, z = points.unbind(-1)
    # Planes as tight as the scene allows keep the depth buffer exact: about 1e-7 of its range.
    first = z.amin().clamp(min=near) * 0.999
    first = first.clamp(min=near)
    last = torch.maximum(z.amax(), first * 1.001) * 1.001
    depth = ((last + first) * z - 2 * last * first) / (last - first)
    return torch.stack([2 * x / width - z, 2 * y / height - z, depth, z], dim=-1)
