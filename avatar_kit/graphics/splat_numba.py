"""Splatting on the CPU: the kernels in their order, as one differentiable function."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import blank, in_turns
from avatar_kit.graphics.splat_compositing import composite, composite_backward, padded
from avatar_kit.graphics.splat_order import BAND, bands_of, front_to_back
from avatar_kit.graphics.splat_projection import SHAPE, camera_rows, project, project_backward
from avatar_kit.graphics.splat_settings import Settings

#: Gaussians that are projected in one call. Fixed, because the camera's gradient is summed by call
#: and must not depend on the number of threads.
_CHUNK = 4096


class _Frame(NamedTuple):
    """One picture between its kernels; see :mod:`splat_order` and :mod:`splat_compositing`."""

    splats: np.ndarray
    boxes: np.ndarray
    entries: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    first: np.ndarray
    left: np.ndarray
    last: np.ndarray


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
    """Features [B, C, H, W], alpha and accumulated depth [B, 1, H, W]; see :func:`splat.splat`.

    Args:
        means: [B, N, 3] float32 or float64, as all the others; on any device.
        quaternions: [B, N, 4], or None.
        scales: [B, N, 3], or None.
        covariances: [B, N, 3, 3], or None.
        opacities: [B, N].
        features: [B, N, C].
        K: [B, 3, 3].
        R: [B, 3, 3].
        t: [B, 3].
        visible: [B, N] bool, or None.
        settings: Everything else.
    """
    tensors = (means, quaternions, scales, covariances, opacities, features, K, R, t, visible)
    here = (None if tensor is None else tensor.cpu() for tensor in tensors)
    found: tuple[Tensor, Tensor, Tensor] = _Splat.apply(*here, settings)
    drawn, alpha, depth = (picture.to(means.device) for picture in found)
    return drawn, alpha, depth


class _Splat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        *tensors, settings = inputs
        cloud, visible = _arrays(tensors[:6]), tensors[9]
        batch, _, channels = cloud[-1].shape
        seen = np.empty((batch, 0), bool) if visible is None else _array(visible)
        frames = _frames(cloud, seen, _cameras(tensors, settings), settings)
        size, kind = (settings.height, settings.width), cloud[0].dtype
        drawn = np.empty((batch, channels, *size), kind)
        alpha, depth = (np.empty((batch, 1, *size), kind) for _ in range(2))
        calls = [(*band, *pictures) for _, band, pictures in _bands(frames, drawn, depth, alpha)]
        in_turns(composite, calls)
        ctx.save_for_backward(*(tensor for tensor in tensors if tensor is not None))
        ctx.given = [tensor is not None for tensor in tensors]
        ctx.settings, ctx.frames = settings, frames
        # torch would fill zeros with its own threads, which wait for each other on a busy machine
        ctx.set_materialize_grads(False)
        return torch.from_numpy(drawn), torch.from_numpy(alpha), torch.from_numpy(depth)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        tensors = [next(saved) if given else None for given in ctx.given]
        cloud, cameras = _arrays(tensors[:6]), _cameras(tensors, ctx.settings)
        batch, _, channels = cloud[-1].shape
        kind, size = cloud[0].dtype, (ctx.settings.height, ctx.settings.width)
        drawn, alpha, depth = (
            blank((batch, planes, *size), kind) if gradient is None else _array(gradient)
            for gradient, planes in zip(gradients, (channels, 1, 1), strict=True)
        )
        parts = [np.empty((f.first[-1], f.splats.shape[1]), kind) for f in ctx.frames]
        calls = [
            (*band, *pictures, ctx.frames[b].rows, parts[b])
            for b, band, pictures in _bands(ctx.frames, drawn, depth, alpha)
        ]
        in_turns(composite_backward, calls)

        to_cloud = [blank(array.shape, kind) for array in cloud]
        pieces = _pieces(cloud[0].shape[1], _CHUNK)
        to_camera = np.zeros((len(cameras), len(pieces), 12))
        calls = [
            (
                *(array[b] for array in cloud[:-1]),
                *(cameras[b], ctx.settings.numbers, parts[b], frame.first, *piece),
                *(array[b] for array in to_cloud),
                to_camera[b, i],
            )
            for b, frame in enumerate(ctx.frames)
            for i, piece in enumerate(pieces)
        ]
        in_turns(project_backward, calls)
        pose = torch.from_numpy(to_camera.sum(1))
        found = [
            torch.from_numpy(gradient) if given else None
            for gradient, given in zip(to_cloud, ctx.given[:6], strict=True)
        ]
        # autograd takes gradients to the precision of their inputs
        return (*found, None, pose[:, :9].view(-1, 3, 3), pose[:, 9:], None, None)


def _frames(
    cloud: list[np.ndarray], seen: np.ndarray, cameras: np.ndarray, settings: Settings
) -> list[_Frame]:
    """Project and sort."""
    batch, count, channels = cloud[-1].shape
    kind = cloud[0].dtype
    splats = np.empty((batch, count, SHAPE + channels + 1), kind)
    boxes, depths = np.empty((batch, count, 4), np.int32), np.empty((batch, count), np.float32)
    calls = [
        (
            *(array[b] for array in cloud),
            *(seen[b], cameras[b], settings.numbers, *piece),
            *(splats[b], boxes[b], depths[b]),
        )
        for b in range(batch)
        for piece in _pieces(count, _CHUNK)
    ]
    in_turns(project, calls)
    light = np.empty((batch, 2, settings.height, padded(settings.width)), kind)
    frames: list[Any] = [None] * batch

    def sort(b: int) -> None:
        order = front_to_back(depths[b].view(np.uint32), boxes[b])
        held = bands_of(order, boxes[b], settings.height)
        frames[b] = _Frame(splats[b], boxes[b], *held, *light[b])

    in_turns(sort, [(b,) for b in range(batch)])
    return frames


def _bands(
    frames: list[_Frame], drawn: np.ndarray, depth: np.ndarray, alpha: np.ndarray
) -> list[tuple[int, tuple[Any, ...], tuple[np.ndarray, ...]]]:
    """Of every band the frame, what the kernels take, and the pictures: the fullest bands first."""
    bands = []
    for b, f in enumerate(frames):
        pictures = (drawn[b], depth[b], alpha[b, 0])
        for i, rows in enumerate(_pieces(alpha.shape[2], BAND)):
            begin, end = f.starts[i : i + 2]
            band = (f.splats, f.boxes, f.entries, begin, end, *rows, f.left, f.last)
            bands.append((end - begin, b, band, pictures))
    bands.sort(key=lambda band: -band[0])
    return [band[1:] for band in bands]


def _pieces(length: int, most: int) -> list[tuple[int, int]]:
    return [(start, min(start + most, length)) for start in range(0, length, most)]


def _cameras(tensors: Any, settings: Settings) -> np.ndarray:
    K, R, t = (_array(tensor) for tensor in tensors[6:9])
    return camera_rows(K, R, t, settings.width, settings.height)


def _arrays(cloud: Any) -> list[np.ndarray]:
    """Means, quaternions, scales, covariances, opacities, features; without rows where absent."""
    means = cloud[0]
    empty = ((0, 4), (0, 3), (0, 3, 3))
    absent = [None, *(means.new_empty(len(means), *shape) for shape in empty)]
    return [_array(absent[i] if given is None else given) for i, given in enumerate(cloud)]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()
