"""From a posed mesh to the triangle, barycentrics and depth of every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.graphics import nvdiffrast, warp_device, warp_zbuffer, zbuffer
from avatar_kit.graphics.fragments import Fragments, pixels_to_visit
from avatar_kit.graphics.indices import check_indices, indices_on_device

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera

Backend = Literal["auto", "numba", "warp", "nvdiffrast"]

#: Surfaces nearer to the camera than this many metres are cut away, pixel by pixel.
NEAR = 0.01


def rasterize(
    vertices: Tensor, faces: Tensor, camera: Camera, *, backend: Backend = "auto"
) -> Fragments:
    """Find what each pixel centre sees. Both sides of a triangle are visible.

    Visibility has no gradient. Barycentrics and depth have one with respect to the vertices and the
    camera if any of these requires it.

    Args:
        vertices: [B, V, 3] world metres.
        faces: [F, 3] vertex indices.
        camera: One camera, or one for each of the B meshes; its size is the picture's.
        backend: "numba" draws on the CPU, "warp" on CUDA or the CPU, both the same triangles;
            "nvdiffrast" on CUDA, corners rounded to 1/16 pixel. "auto": "warp" on CUDA, "numba"
            elsewhere.

    Returns:
        The fragments, on the device and in the precision of ``vertices``. Surface within
        ``NEAR`` of the camera plane or behind it is cut away; a triangle with a vertex that is
        not finite is not drawn.

    Raises:
        ValueError: A shape or an index does not fit, or the backend does not fit the device.
        MissingExtra: ``backend="nvdiffrast"`` and it is not installed.
        UserError: The backend was selected by name and does not run on this machine.
    """
    _check(vertices, faces, 3)
    camera = camera.expand(vertices.shape[0])
    size = (camera.height, camera.width)
    differentiable = _needs_gradient(vertices, camera)
    drawer = _chosen(backend, vertices.device)
    with torch.no_grad():  # in double: float32 would move edges by 1e-4 pixels
        if drawer == "nvdiffrast":
            points = to_screen(vertices.double(), camera)
            triangle = nvdiffrast.visible_triangles(points, faces, *size, near=NEAR)
        else:
            matrix = torch.cat([camera.R, camera.t[..., None]], dim=-1)
            matrix = camera.K.double() @ matrix.double()
            rows = _project(vertices, matrix, drawer)
            found = _draw(rows, faces, size, near=NEAR, like=vertices, backend=drawer)
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
    """Rasterise triangles that are already projected. No gradient.

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
    drawer, plane = _chosen("auto", pixels.device), near if perspective else None
    return _draw(points, faces, (height, width), near=plane, like=pixels, backend=drawer)


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
    flat, pixel = triangle.reshape(-1), pixels_to_visit(triangle)
    frame = torch.div(pixel, height * width, rounding_mode="floor")
    seen = flat[pixel]
    corner = faces[seen.clamp(min=0)] + (frame * points.shape[1])[:, None]
    corners = points.reshape(-1, 3).index_select(0, corner.reshape(-1)).view(-1, 3, 3)
    background = (seen < 0)[:, None] if len(pixel) == len(flat) else None
    if background is not None:  # some triangle that is none, so that no gradient becomes NaN
        proper = torch.eye(3, dtype=points.dtype, device=points.device)
        corners = torch.where(background[..., None], proper, corners)
    column, row = pixel % width, torch.div(pixel, width, rounding_mode="floor") % height
    centres = torch.stack([column, row], dim=1).to(points.dtype) + 0.5
    weights = barycentrics_at(corners, centres)
    if background is not None:
        weights = weights.masked_fill(background, 0)
    z = (weights * corners[..., 2]).sum(1)
    barycentrics = torch.zeros(flat.shape[0], 3, dtype=dtype, device=points.device)
    barycentrics = barycentrics.index_copy(0, pixel, weights.to(dtype))
    depth = torch.zeros(flat.shape[0], dtype=dtype, device=points.device)
    depth = depth.index_copy(0, pixel, z.to(dtype))
    return Fragments(triangle, barycentrics.view(batch, height, width, 3), depth.view_as(triangle))


def _project(vertices: Tensor, matrix: Tensor, backend: str) -> Tensor:
    if backend == "warp":
        return warp_zbuffer.project(vertices, matrix)
    rows = zbuffer.project(vertices.cpu().contiguous().numpy(), matrix.cpu().numpy())
    return torch.from_numpy(rows)


def _draw(
    rows: Tensor,
    faces: Tensor,
    size: tuple[int, int],
    *,
    near: float | None,
    like: Tensor,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    double = like.dtype == torch.float64
    if backend == "warp":
        corners = indices_on_device(faces, rows.shape[1])
        dtype = torch.float64 if double else torch.float32
        return warp_zbuffer.draw(rows, corners, *size, near=near, dtype=dtype)
    arrays = zbuffer.draw(
        rows.cpu().contiguous().numpy(),
        check_indices(faces, rows.shape[1]),
        *size,
        near=near,
        dtype=np.float64 if double else np.float32,
    )
    triangle, barycentrics, depth = (torch.from_numpy(a).to(like.device) for a in arrays)
    return triangle, barycentrics, depth


def _check(points: Tensor, faces: Tensor, width: int) -> None:
    if points.ndim != 3 or points.shape[2] != width:
        raise ValueError(f"points must be [B, V, {width}], got {tuple(points.shape)}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be [F, 3], got {tuple(faces.shape)}")


def _needs_gradient(vertices: Tensor, camera: Camera) -> bool:
    tensors = (vertices, camera.K, camera.R, camera.t)
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def _chosen(backend: Backend, device: torch.device) -> str:
    """The backend that draws for a device."""
    if backend == "auto":
        on_cuda = device.type == "cuda" and warp_device.usable(device)
        return "warp" if on_cuda else "numba"
    if backend == "warp" and warp_device.missing(device):
        raise UserError(f"rasterising with Warp: it is {warp_device.missing(device)}")
    if backend == "nvdiffrast":
        if not nvdiffrast.installed():
            raise MissingExtra("rasterising with nvdiffrast", "nvdiffrast", "nvdiffrast")
        if device.type != "cuda":
            raise ValueError(f"nvdiffrast draws on CUDA only, the vertices are on {device}")
    return backend
