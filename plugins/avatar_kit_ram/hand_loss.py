"""A perceptual loss on the hands alone, which are too small to count in the whole picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.nn import StLpips
from avatar_kit.scene import FrameContext

#: Side of the square around a hand, in pixels of a picture 1024 high.
SIDE = 128

#: Smallest square that the deepest features of the perceptual network can be computed on.
LEAST = 32

#: A key point this much behind the surface, in metres, is hidden: it is not within a hand.
DEPTH = 0.05


@dataclass(frozen=True)
class HandCrop:
    """Where a hand is seen.

    Attributes:
        frame: Position in the batch.
        left: Left edge of the square in pixels.
        top: Top edge of the square in pixels.
        side: Side of the square in pixels.
    """

    frame: int
    left: int
    top: int
    side: int

    def of(self, pictures: Tensor) -> Tensor:
        """[C, side, side] cut out of [B, C, H, W]."""
        rows, columns = slice(self.top, self.top + self.side), slice(self.left, None)
        return pictures[self.frame, :, rows, columns][..., : self.side]


def visible_hands(context: FrameContext) -> list[HandCrop]:
    """A square around every hand of the batch that is seen.

    A hand is seen where most of its key points are: inside the picture, in front of the camera, and
    not hidden by the body.
    """
    camera = context.camera
    pixels, depth = camera.project(context.body.hands.flatten(1, 2))  # [B, 42, 2], [B, 42]
    x, y = pixels.unbind(-1)
    inside = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height) & (depth > 0)
    column, row = pixels.masked_fill(~inside[..., None], 0.0).long().unbind(-1)
    surface = context.fragments.depth.flatten(1).gather(1, row * camera.width + column)
    seen = inside & ((surface == 0) | (depth < surface + DEPTH))
    shown = seen.unflatten(1, (2, 21)).float().mean(-1) > 0.5
    points = pixels.unflatten(1, (2, 21))
    side = min(max(LEAST, round(SIDE * camera.height / 1024)), camera.width, camera.height)
    corner = (points.amin(2) + points.amax(2) - side) / 2
    left = corner[..., 0].round().clamp(0, camera.width - side).long()
    top = corner[..., 1].round().clamp(0, camera.height - side).long()
    found = torch.stack([shown.long(), left, top], dim=-1).tolist()  # one wait for the GPU
    return [
        HandCrop(b, x, y, side) for b, hands in enumerate(found) for seen, x, y in hands if seen
    ]


def hand_loss(
    distance: StLpips, painted: Tensor, recorded: Tensor, context: FrameContext
) -> Tensor | None:
    """Perceptual distance of the hands, summed over a frame's hands, averaged over the frames.

    Args:
        distance: The perceptual distance.
        painted: [B, 3, H, W] in [0, 1]; gradients flow into it.
        recorded: [B, 3, H, W] in [0, 1].
        context: The frames, whose bodies say where the hands are.

    Returns:
        A scalar; None where no hand is seen.
    """
    crops = visible_hands(context)
    if not crops:
        return None
    given = torch.stack([crop.of(painted) for crop in crops])
    with torch.no_grad():
        wanted = distance.features(torch.stack([crop.of(recorded) for crop in crops]))
    return distance.distance(distance.features(given), wanted).sum() / len(painted)
