"""Visibility on CUDA through Warp: the same triangles as the z-buffer of the CPU.

Warp comes with the body Anny and brings its own compiler, so it needs an NVIDIA driver and
nothing else. Nothing here waits for the device, and nothing is uploaded.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

#: Threads that share the large triangles on CUDA; one is enough where they run one by one.
_SHARED = 1 << 16


def installed() -> bool:
    """Whether the package is there."""
    return find_spec("warp") is not None


@cache
def usable(device: torch.device) -> bool:
    """Whether Warp draws on this device; says once why not."""
    reason = missing(device)
    if reason:
        logger.warning("rasterising on the CPU, which is slower: Warp is %s", reason)
    return not reason


@cache
def missing(device: torch.device) -> str:
    """What keeps Warp from drawing on a device; empty if nothing. Compiles the kernels."""
    if not installed():
        return "not installed: pip install warp-lang"
    try:
        load(device)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return f"not usable: {str(error).strip().splitlines()[0]}"
    return ""


@cache
def load(device: torch.device) -> ModuleType:
    """The kernels, compiled for a device.

    Raises:
        RuntimeError: They cannot be compiled or loaded there.
    """
    import warp

    if not warp.config.log_level > warp.LOG_INFO:
        warp.config.log_level = warp.LOG_WARNING  # no banner, no line for each module
    warp.init()
    from avatar_kit.graphics import warp_kernels

    logger.info("loading the rasteriser; the first time on a machine it is compiled, for seconds")
    warp.load_module(warp_kernels, device=warp.device_from_torch(device))
    return warp_kernels


def project(vertices: Tensor, matrix: Tensor) -> Tensor:
    """Perspective vertex rows [B, V, 4] float64 of world points.

    Args:
        vertices: [B, V, 3] world positions, float32 or float64.
        matrix: [B, 3, 4] float64, world to homogeneous pixels: ``K [R | t]``.
    """
    points = vertices.new_empty(*vertices.shape[:2], 4, dtype=torch.float64)
    given = [_rows(vertices), matrix.contiguous(), _rows(points)]
    _launch(load(vertices.device).project, vertices.shape[:2], given, vertices)
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

    kernels, batch, triangles = load(points.device), len(points), len(faces)
    size = (batch, height, width)
    triangle = points.new_empty(size, dtype=torch.int64)
    barycentrics = points.new_empty(*size, 3, dtype=dtype)
    depth = points.new_empty(size, dtype=dtype)
    seen = warp.from_torch(points.new_zeros(size, dtype=torch.int64), dtype=warp.uint64)
    count = points.new_zeros(1, dtype=torch.int32)
    waiting = _rows(points.new_empty(batch * triangles, 2, dtype=torch.int32))
    if threads is None:
        threads = _SHARED if points.device.type == "cuda" else 1
    scene = [_rows(points), _rows(faces)]
    how = [near or 0.0, near is not None]
    if batch * triangles:
        given = [*scene, *how, waiting, count, seen]
        _launch(kernels.draw_small, (batch, triangles), given, points)
        _launch(kernels.draw_large, (threads,), [*given, threads], points)
    _launch(kernels.resolve, size, [*scene, how[1], seen, triangle, barycentrics, depth], points)
    return triangle, barycentrics, depth


def _launch(kernel: Any, size: tuple[int, ...], given: list[Any], like: Tensor) -> None:
    """Run a kernel over ``size`` threads on the device, and the current stream, of ``like``."""
    import warp

    if 0 in size:
        return
    device, stream = warp.device_from_torch(like.device), None
    if like.device.type == "cuda":
        stream = warp.stream_from_torch(torch.cuda.current_stream(like.device))
    arrays = [warp.from_torch(x) if isinstance(x, Tensor) else x for x in given]
    warp.launch(kernel, dim=size, inputs=arrays, device=device, stream=stream)


def _rows(rows: Tensor) -> Any:
    """A Warp array of vectors: the last axis of the tensor is the vector."""
    import warp

    letter = {torch.float32: "f", torch.float64: "d", torch.int32: "i"}[rows.dtype]
    return warp.from_torch(rows.contiguous(), dtype=getattr(warp, f"vec{rows.shape[-1]}{letter}"))
