"""What a tracker would have made of the truth: smooth and white errors of a stated size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from avatar_kit.scene import Motion


@dataclass(frozen=True)
class NoiseSizes:
    """Standard deviations of the tracked motion's error.

    Together they put the template's joints about 0.4 % of the person's height beside the landmarks,
    which is what our tracker reaches on real clips.

    Attributes:
        body: Of every body joint's axis-angle component, degrees.
        hands: Of every finger joint's component, degrees.
        root: Of the root position, metres.
        expression: Of every active expression channel.
        shape: Of every shape value.
        pixels: Of landmarks, as a share of the picture's side.
    """

    body: float = 0.25
    hands: float = 0.8
    root: float = 0.0015
    expression: float = 0.03
    shape: float = 0.004
    pixels: float = 0.0015


def _wobble(frames: int, width: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """[frames, width] noise of standard deviation ``size``: nine tenths slow, the rest white."""
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 5.0) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    slow = rng.normal(size=(frames + 24, width))
    slow = np.stack([np.convolve(slow[:, k], kernel, "valid") for k in range(width)], 1)
    return size * (0.954 * slow + 0.3 * rng.normal(size=(frames, width)))


def track(motion: Motion, rng: np.random.Generator, sizes: NoiseSizes = NoiseSizes()) -> Motion:
    """The motion as it would be tracked. Clips are independent: call it once for each."""
    n = len(motion)
    rotvec = motion.rotvec().double().numpy()
    joints = np.radians(_wobble(n, 165, 1.0, rng)).reshape(n, 55, 3)
    joints[:, :22] *= sizes.body
    joints[:, 22] = 0
    joints[:, 23:25] *= sizes.hands
    joints[:, 25:] *= sizes.hands
    face = motion.expression.double().numpy()
    # A channel that rests is seen to rest; one that acts is seen a little wrong.
    face = face + _wobble(n, 52, sizes.expression, rng) * np.minimum(1, 4 * face)
    place = motion.transl.double().numpy() + _wobble(n, 3, sizes.root, rng)
    return Motion.from_rotvec(
        motion.fps,
        torch.tensor(place, dtype=torch.float32),
        torch.tensor(rotvec + joints, dtype=torch.float32),
        torch.tensor(np.clip(face, 0, 1), dtype=torch.float32),
        motion.confidence,
    )


def estimate_shape(
    shape: Mapping[str, float], rng: np.random.Generator, sizes: NoiseSizes = NoiseSizes()
) -> dict[str, float]:
    """The shape a tracker would settle on."""
    return {
        name: float(np.clip(value + sizes.shape * rng.normal(), 0, 1))
        for name, value in shape.items()
    }
