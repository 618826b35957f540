"""Visibility on CUDA through Warp: the same triangles as the z-buffer of the CPU.

Nothing here waits for the device, and nothing is uploaded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.graphics.warp_device import launch, load, vectors

#: Threads that share the large triangles on CUDA; one is enough where they run one by one.
_SHARED = 1 << 16


def project(vertices: Tensor, matrix: Tensor) -> Tensor:
    """Perspective vertex rows [B, V, 4] float64 of world points.

    Args:
        vertices: [B, V, 3] world positions, float32 or float64.
        matrix: [B, 3, 4] float64, world to homogeneous pixels: ``K [R | t]``.
    """
    kernels = load("warp_kernels", vertices.device)
    points = vertices.new_empty(*vertices.shape[:2], 4, dtype=torch.float64)
    given = [vectors(vertices), matrix.contiguous(), vectors(points)]
    launch(kernels.project, vertices.shape[:2], given, vertices)
    return points


def draw(
    points: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    near: float | None,
    dtype: torch.dtype = torch.float32,
    threads: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw B meshes of one topology.

    Args:
        points: [B, V, 4] float64 vertices ``(X, Y, W, q)``, see zbuffer.py.
        faces: [F, 3] int32 vertex indices, contiguous, all in range.
        height: Image height in pixels.
        width: Image width in pixels.
        near: Near plane for perspective, in the unit of depth; None for orthographic.
        dtype: Type of the two float results, float32 or float64.
        threads: How many threads share the large triangles; None: what suits the device.

    Returns:
        triangle [B, H, W] int64 (-1: none), barycentrics [B, H, W, 3], depth [B, H, W]; the
        last two are 0 where there is no triangle.
    """
    import warp

    kernels, batch, triangles = load("warp_kernels", points.device), len(points), len(faces)
    size = (batch, height, width)
    triangle = points.new_empty(size, dtype=torch.int64)
    barycentrics = points.new_empty(*size, 3, dtype=dtype)
    depth = points.new_empty(size, dtype=dtype)
    seen = warp.from_torch(points.new_zeros(size, dtype=torch.int64), dtype=warp.uint64)
    count = points.new_zeros(1, dtype=torch.int32)
    waiting = vectors(points.new_empty(batch * triangles, 2, dtype=torch.int32))
    if threads is None:
        threads = _SHARED if points.device.type == "cuda" else 1
    scene = [vectors(points), vectors(faces)]
    how = [near or 0.0, near is not None]
    if batch * triangles:
        given = [*scene, *how, waiting, count, seen]
        launch(kernels.draw_small, (batch, triangles), given, points)
        launch(kernels.draw_large, (threads,), [*given, threads], points)
    launch(kernels.resolve, size, [*scene, how[1], seen, triangle, barycentrics, depth], points)
    return triangle, barycentrics, depth
