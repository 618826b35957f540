"""From a posed mesh to the triangle, barycentrics and depth of every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import MissingExtra
from avatar_kit.graphics import cuda, zbuffer
from avatar_kit.graphics.fragments import Fragments

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera

Backend = Literal["auto", "numba", "nvdiffrast"]

#: Surfaces nearer to the camera than this many metres are cut away, pixel by pixel.
NEAR = 0.01


def rasterize(
    vertices: Tensor, faces: Tensor, camera: Camera, *, backend: Backend = "auto"
) -> Fragments:
    """Find what every pixel centre sees. Both sides of a triangle are seen.

    Visibility carries no gradient. Barycentrics and depth carry one with respect to the vertices
    and the camera if any of these requires it.

    Args:
        vertices: [B, V, 3] world metres.
        faces: [F, 3] vertex indices.
        camera: One camera, or one for each of the B meshes; its size is the picture's.
        backend: "numba" (CPU), "nvdiffrast" (CUDA), or "auto": by the device of ``vertices``.

    Returns:
        The fragments, on the device and in the precision of ``vertices``. Surface within
        ``NEAR`` of the camera plane or behind it is cut away; a triangle with a vertex that is
        not finite is not drawn.

    Raises:
        ValueError: A shape or an index does not fit, or the backend does not fit the device.
        MissingExtra: ``backend="nvdiffrast"`` and it is not installed.
    """
    _check(vertices, faces, 3)
    camera = camera.expand(vertices.shape[0])
    size = (camera.height, camera.width)
    differentiable = _needs_gradient(vertices, camera)
    with torch.no_grad():  # in double: float32 would move edges by 1e-4 pixels
        if _use_nvdiffrast(backend, vertices.device):
            points = to_screen(vertices.double(), camera)
            triangle = cuda.visible_triangles(points, faces, *size, near=NEAR)
        else:
            matrix = torch.cat([camera.R, camera.t[..., None]], dim=-1)
            matrix = camera.K.double() @ matrix.double()
            rows = zbuffer.project(vertices.cpu().contiguous().numpy(), matrix.cpu().numpy())
            found = _draw(rows, faces, size, near=NEAR, like=vertices)
            if not differentiable:
                return Fragments(*found)
            triangle = found[0]
    return _with_gradient(to_screen(vertices.double(), camera), faces, triangle, vertices.dtype)


def visibility(
    pixels: Tensor,
    depth: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    perspective: bool = True,
    near: float = NEAR,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw triangles that somebody else has projected. No gradient.

    Args:
        pixels: [B, V, 2] pixel positions; the centre of the top-left pixel is (0.5, 0.5).
        depth: [B, V] distance along the view direction; smaller is nearer.
        faces: [F, 3] vertex indices.
        height: Image height in pixels.
        width: Image width in pixels.
        perspective: True: barycentrics are perspective-correct, 1 / depth is linear on the
            screen, and what is nearer than ``near`` is cut away. False, an orthographic
            projection: barycentrics and depth are linear, and depth may be negative.
        near: Near plane, in the unit of ``depth``.

    Returns:
        triangle [B, H, W] int64 (-1: none), barycentrics [B, H, W, 3] and depth [B, H, W] (0
        where there is none).

    Raises:
        ValueError: A shape or an index does not fit, or ``near`` is not positive.
    """
    _check(pixels, faces, 2)
    if near <= 0:
        raise ValueError(f"the near plane must lie before the camera, got {near}")
    xy, z = pixels.detach().double(), depth.detach().double()[..., None]
    ones = torch.ones_like(z)
    points = torch.cat([xy * z, z, ones] if perspective else [xy, ones, -z], dim=-1)
    rows = points.cpu().contiguous().numpy()
    return _draw(rows, faces, (height, width), near=near if perspective else None, like=pixels)


def to_screen(vertices: Tensor, camera: Camera) -> Tensor:
    """Homogeneous pixel positions [B, V, 3]: ``(x z, y z, z)`` for pixel (x, y) and depth z."""
    K, R, t = (value.to(vertices.dtype) for value in (camera.K, camera.R, camera.t))
    return vertices @ (K @ R).mT + (K @ t[..., None]).mT


def barycentrics_at(corners: Tensor, centres: Tensor) -> Tensor:
    """Perspective-correct barycentrics.

    Args:
        corners: [N, 3, 3] homogeneous pixel positions of a triangle's corners (``to_screen``).
        centres: [N, 2] pixel positions.

    Returns:
        [N, 3] weights that sum to 1.
    """
    # Corners relative to the pixel first: the edge functions would cancel badly otherwise.
    relative = corners[..., :2] - centres[:, None] * corners[..., 2:]
    x, y = relative.unbind(-1)
    edges = torch.stack(
        [
            x[:, 1] * y[:, 2] - y[:, 1] * x[:, 2],
            x[:, 2] * y[:, 0] - y[:, 2] * x[:, 0],
            x[:, 0] * y[:, 1] - y[:, 0] * x[:, 1],
        ],
        dim=1,
    )
    return edges / edges.sum(1, keepdim=True)


def _with_gradient(
    points: Tensor, faces: Tensor, triangle: Tensor, dtype: torch.dtype
) -> Fragments:
    """Barycentrics and depth of known triangles, as differentiable functions of ``points``."""
    batch, height, width = triangle.shape
    flat = triangle.reshape(-1)
    covered = (flat >= 0).nonzero()[:, 0]
    frame = torch.div(covered, height * width, rounding_mode="floor")
    corner = faces[flat[covered]] + (frame * points.shape[1])[:, None]
    corners = points.reshape(-1, 3).index_select(0, corner.reshape(-1)).view(-1, 3, 3)
    column, row = covered % width, torch.div(covered, width, rounding_mode="floor") % height
    centres = torch.stack([column, row], dim=1).to(points.dtype) + 0.5
    weights = barycentrics_at(corners, centres)
    z = (weights * corners[..., 2]).sum(1)
    barycentrics = torch.zeros(flat.shape[0], 3, dtype=dtype, device=points.device)
    barycentrics = barycentrics.index_copy(0, covered, weights.to(dtype))
    depth = torch.zeros(flat.shape[0], dtype=dtype, device=points.device)
    depth = depth.index_copy(0, covered, z.to(dtype))
    return Fragments(triangle, barycentrics.view(batch, height, width, 3), depth.view_as(triangle))


def _draw(
    rows: np.ndarray, faces: Tensor, size: tuple[int, int], *, near: float | None, like: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    corners = check_indices(faces, rows.shape[1])
    dtype = np.float64 if like.dtype == torch.float64 else np.float32
    arrays = zbuffer.draw(rows, corners, *size, near=near, dtype=dtype)
    triangle, barycentrics, depth = (torch.from_numpy(a).to(like.device) for a in arrays)
    return triangle, barycentrics, depth


def check_indices(faces: Tensor, count: int) -> np.ndarray:
    """[F, 3] int64 for the compiled kernels, which do not check indices themselves.

    Raises:
        ValueError: A face names a vertex that is not there.
    """
    corners = np.ascontiguousarray(faces.cpu().numpy(), dtype=np.int64)
    if corners.size and not 0 <= corners.min() <= corners.max() < count:
        raise ValueError(f"faces name vertices {corners.min()}..{corners.max()} of {count}")
    return corners


def _check(points: Tensor, faces: Tensor, width: int) -> None:
    if points.ndim != 3 or points.shape[2] != width:
        raise ValueError(f"points must be [B, V, {width}], got {tuple(points.shape)}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be [F, 3], got {tuple(faces.shape)}")


def _needs_gradient(vertices: Tensor, camera: Camera) -> bool:
    tensors = (vertices, camera.K, camera.R, camera.t)
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def _use_nvdiffrast(backend: Backend, device: torch.device) -> bool:
    if backend == "nvdiffrast":
        if not cuda.installed():
            raise MissingExtra("rasterising on CUDA", "cuda", "nvdiffrast")
        if device.type != "cuda":
            raise ValueError(f"nvdiffrast draws on CUDA only, the vertices are on {device}")
        return True
    return backend == "auto" and device.type == "cuda" and cuda.usable(device)
