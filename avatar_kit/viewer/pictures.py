"""What an avatar makes of a pose before a camera, and pictures of it all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.viewpoint import before_own_camera
from avatar_kit.scene import (
    Camera,
    Condition,
    FeatureMap,
    FrameContext,
    GaussianCloud,
    Motion,
    PosedBody,
    RenderOutput,
)


@dataclass(frozen=True)
class Drawn:
    """A pose of an avatar.

    Attributes:
        body: Posed.
        conditions: What the encoders yield, by the name of the encoder.
        output: What the renderer makes of it; None where no picture was asked for.
    """

    body: PosedBody
    conditions: dict[str, Condition]
    output: RenderOutput | None

    @property
    def cloud(self) -> GaussianCloud | None:
        """Its Gaussians; None where it has none."""
        return next((c for c in self.conditions.values() if isinstance(c, GaussianCloud)), None)


@torch.no_grad()
def draw(loaded: LoadedAvatar, motion: Motion, camera: Camera, *, picture: bool = True) -> Drawn:
    """Pose an avatar and draw it.

    Args:
        loaded: The avatar.
        motion: One frame, in its world.
        camera: That looks on. Before an avatar that paints its background the person moves instead.
        picture: Whether to render; else conditions alone.
    """
    avatar, device = loaded.avatar, loaded.device
    pose = motion.to(device)
    body = avatar.body(avatar.body.from_motion(pose, avatar.shape))
    context = FrameContext.driven(body, camera.to(device), pose)
    seen = context
    if not avatar.renderer.camera_moves:
        own = loaded.subject.camera.to(device)
        seen = before_own_camera(context, context.camera, own)
    conditions, _ = avatar.encode(seen, None)
    output = avatar.renderer(conditions, seen.camera) if picture else None
    return Drawn(body, conditions, output)


def pictured(output: RenderOutput) -> np.ndarray:
    """[H, W, 3] uint8 RGB."""
    return to_uint8(output.rgb[0].float().clamp(0, 1))


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8: where two pictures of one size differ, four times enlarged, on black."""
    away = np.abs(one.astype(np.int16) - other).mean(2) * 4
    return _heat(np.clip(away / 255, 0, 1))


def sheet(values: Tensor) -> np.ndarray:
    """[H, W, 3] uint8 of a feature map [C, H, W].

    One channel is grey; two or three are red, green and blue; of more, a grid of at most nine. Each
    channel is stretched between its 1st and 99th percentile.
    """
    channels = values.float().cpu().numpy()
    grey = [_stretched(channel) for channel in channels[:9]]
    if len(grey) == 1:
        return np.repeat(grey[0][..., None], 3, axis=2)
    if len(grey) <= 3:
        return np.stack([*grey, *[np.zeros_like(grey[0])] * (3 - len(grey))], axis=2)
    side = 2 if len(grey) == 4 else 3
    grey += [np.zeros_like(grey[0])] * (side * -(-len(grey) // side) - len(grey))
    rows = [np.concatenate(grey[i : i + side], axis=1) for i in range(0, len(grey), side)]
    return np.repeat(np.concatenate(rows)[..., None], 3, axis=2)


def maps(drawn: Drawn) -> dict[str, np.ndarray]:
    """The feature maps of a drawing, by the name of the encoder."""
    return {
        name: sheet(condition.values[0])
        for name, condition in drawn.conditions.items()
        if isinstance(condition, FeatureMap)
    }


def _stretched(channel: np.ndarray) -> np.ndarray:
    low, high = np.quantile(channel, [0.01, 0.99])
    if high - low < 1e-6:
        low, high = float(channel.min()), float(channel.max())
    scaled = (channel - low) / max(high - low, 1e-6)
    return (255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def _heat(value: np.ndarray) -> np.ndarray:
    """Black, red, yellow, white."""
    colour = np.stack([3 * value, 3 * value - 1, 3 * value - 2], axis=-1)
    return (255 * np.clip(colour, 0, 1)).astype(np.uint8)
