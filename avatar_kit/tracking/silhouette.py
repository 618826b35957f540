"""The body against the mask: what landmarks get wrong from the side, the outline still shows.

Limbs are capsules around the lines between key points. Points of the mask near lower legs and feet
shall be covered by them, which centres the legs in their outline; points along all limbs, hands and
head shall lie inside the mask. All lengths are over the person's height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar_kit.tracking.initial import index
from avatar_kit.tracking.packed import Masks

#: Frames whose masks are held as floats at one time.
_PART_FRAMES = 64
#: Points of the mask per frame.
MASK_POINTS = 256
#: Distance from the capsules, over the height, at which a point of the mask is half believed:
#: cloth and hair are not flesh.
HALF_BELIEVED_DISTANCE = 0.05
#: How far a landmark outside the mask is believed.
TRUST_OUTSIDE_MASK = 0.15

#: Line of a capsule and its radius: that of the bone, so that the flesh on either side centres it.
_CAPSULES = (
    *((f"{s}_knee", f"{s}_ankle", 0.012) for s in ("left", "right")),
    *((f"{s}_heel", f"{s}_big_toe", 0.008) for s in ("left", "right")),
    *((f"{s}_hip", f"{s}_knee", 0.03) for s in ("left", "right")),
    *((f"{s}_shoulder", f"{s}_elbow", 0.015) for s in ("left", "right")),
    *((f"{s}_elbow", f"{s}_wrist", 0.012) for s in ("left", "right")),
    ("left_shoulder", "right_hip", 0.06),
    ("right_shoulder", "left_hip", 0.06),
    ("left_ear", "right_ear", 0.06),
)
#: The first so many capsules shall cover the mask: lower legs and feet.
_COVERING_CAPSULES = 4
#: The first so many capsules shall lie inside it: legs and arms, at these places along them.
_LIMB_CAPSULES, _PLACES_ALONG = 10, (0.15, 0.4, 0.65, 0.9)
#: Further key points that shall lie inside: nose, eyes, ears; knuckles and tips of both hands.
_HAND_POINTS = (5, 9, 17, 4, 8, 12, 20)
_FURTHER_KEYPOINTS = [*range(5), *(23 + k for k in _HAND_POINTS), *(44 + k for k in _HAND_POINTS)]


@dataclass(frozen=True)
class Outline:
    """Points of T masks.

    Attributes:
        points: [T, P, 2] pixels over the height.
        spacing: [T] typical distance of neighbouring points.
        weight: [T] how much covering it counts; 0 where there is no outline.
        size: [2] width and height of the picture over the person's height.
    """

    points: Tensor
    spacing: Tensor
    weight: Tensor
    size: Tensor

    @classmethod
    def of(cls, masks: Masks, scale: float, height: float, weight: np.ndarray) -> Outline:
        """Draw points from masks, the same ones every time.

        Args:
            masks: [T, h, w] uint8, coarse.
            scale: Pixels of the video per pixel of the coarse mask.
            height: Of the person in pixels of the video.
            weight: [T].
        """
        rng = np.random.default_rng(0)
        points = np.zeros((len(masks), MASK_POINTS, 2), dtype=np.float32)
        spacing = np.ones(len(masks), dtype=np.float32)
        sure = np.zeros(len(masks), dtype=np.float32)
        for t, mask in enumerate(masks):
            rows, columns = np.nonzero(mask > 127)
            if len(rows) < MASK_POINTS:
                continue
            chosen = np.sort(rng.choice(len(rows), MASK_POINTS, replace=False))
            at = np.stack([columns[chosen], rows[chosen]], 1) + 0.5
            points[t] = at * (scale / height)
            spacing[t] = np.sqrt(len(rows) / MASK_POINTS) * scale / height
            sure[t] = weight[t]
        size = np.array(masks.shape[:0:-1], dtype=np.float32) * (scale / height)
        return cls(*(torch.from_numpy(x) for x in (points, spacing, sure, size)))


def trust_in_mask(points: np.ndarray, masks: Masks, scale: float, height: float) -> np.ndarray:
    """[T, N] 1 for points inside the mask or within 1.5 % of the height of it, less for others.

    Args:
        points: [T, N, 2] pixels of the video.
        masks: [T, h, w] uint8, coarse.
        scale: Pixels of the video per pixel of the coarse mask.
        height: Of the person in pixels of the video.
    """
    radius = max(1, round(0.015 * height / scale))
    rows = (points[..., 1] / scale).astype(int).clip(0, masks.shape[1] - 1)
    columns = (points[..., 0] / scale).astype(int).clip(0, masks.shape[2] - 1)
    inside = np.zeros(points.shape[:-1], bool)
    for first in range(0, len(masks), _PART_FRAMES):
        part = slice(first, first + _PART_FRAMES)
        near = torch.nn.functional.max_pool2d(
            torch.from_numpy(masks[part])[:, None].float(), 2 * radius + 1, 1, radius
        )[:, 0].numpy()
        inside[part] = near[np.arange(len(near))[:, None], rows[part], columns[part]] > 76
    return np.where(inside, 1.0, TRUST_OUTSIDE_MASK)


def mask_terms(pixels: Tensor, outline: Outline) -> dict[str, Tensor]:
    """Disagreement of body and mask.

    Args:
        pixels: [T, 65, 2] key points of body and hands, pixels over the height.
        outline: Points of the masks.
    """
    a = pixels[:, [index(c[0]) for c in _CAPSULES]]
    b = pixels[:, [index(c[1]) for c in _CAPSULES]]
    radius = pixels.new_tensor([c[2] for c in _CAPSULES])
    with torch.no_grad():  # which line is nearest; the distance to it alone carries a gradient
        which = (_to_lines(outline.points, a, b) - radius).argmin(-1)
    ends = [torch.gather(x, 1, which[..., None].expand(-1, -1, 2))[:, :, None] for x in (a, b)]
    distance = _to_lines(outline.points.flatten(0, 1)[:, None], *(e.flatten(0, 1) for e in ends))
    off = (distance.view_as(which) - radius[which]).relu().square()
    half = HALF_BELIEVED_DISTANCE**2
    cover = ((which < _COVERING_CAPSULES) * off * half / (off + half)).mean(1)
    along = pixels.new_tensor(_PLACES_ALONG)[:, None]
    limbs = a[:, :_LIMB_CAPSULES, None] + along * (b - a)[:, :_LIMB_CAPSULES, None]
    points = torch.cat([limbs.flatten(1, 2), pixels[:, _FURTHER_KEYPOINTS]], 1)
    with torch.no_grad():
        nearest = torch.cdist(points, outline.points).argmin(-1)
    target = torch.gather(outline.points, 1, nearest[..., None].expand(-1, -1, 2))
    gap = ((points - target).square().sum(-1) + 1e-9).sqrt()
    seen = ((points > 0) & (points < outline.size)).all(-1)  # beyond the picture is no mask
    inside = (seen * (gap - outline.spacing[:, None]).relu().square()).mean(1)
    known = (outline.weight > 0).float()
    return {"cover": (outline.weight * cover).mean(), "inside": (known * inside).mean()}


def _to_lines(points: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """[T, P, L] distance of points [T, P, 2] from line segments [T, L, 2]."""
    line = b - a
    relative = points[:, :, None] - a[:, None]
    along = (relative * line[:, None]).sum(-1) / line.square().sum(-1).clamp(min=1e-9)[:, None]
    off = relative - along.clamp(0, 1)[..., None] * line[:, None]
    return (off.square().sum(-1) + 1e-9).sqrt()
