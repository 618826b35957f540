"""Text, logos and bars that cover part of the person: burnt into the picture, or on the lens.

Where the person comes before the scene, the picture changes. Where it does not, although it does
all around, and the scene seems to have an edge there, something lies over both.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from avatar_kit.tracking.watch import shrink

#: Least frames, and part of all, in which a pixel shows the person, and in which it does not.
LEAST_FRAMES, LEAST_SHARE = 4, 0.06
#: Grey levels per pixel from which on the scene has an edge; how far from it is near, in pixels.
EDGE_LEVELS, NEAR_EDGE = 8.0, 2
#: Grey levels by which the person must differ from the scene for a place to tell anything.
LEAST_CHANGE = 25.0
#: What stays changes less than this, and varies less than that, over how much is changed around.
MOST_CHANGE, MOST_SPREAD = 0.4, 0.5
#: Distance from the person's outline at which a pixel is believed to be inside or outside, and the
#: distance that is around, over the person's height.
MARGIN, AROUND = 0.025, 0.07


class BurntIn:
    """Collects where the picture stays as it is although the person comes there.

    Args:
        height: Of the person, in pixels of the small picture.
    """

    def __init__(self, height: float):
        self._margin, self._around = (max(1, round(part * height)) for part in (MARGIN, AROUND))
        self._frames, self._area = 0, 0.0
        self._person, self._scene = _Mean(), _Mean()

    def add(self, image: np.ndarray, inside: np.ndarray) -> None:
        """Take in a frame.

        Args:
            image: [H, W, 3] uint8.
            inside: [h, w] bool, where the person is in the small picture of :func:`shrink`.
        """
        small = np.stack([shrink(image[..., k]) for k in range(3)]).astype(np.float32)
        within = torch.from_numpy(inside)
        self._person.add(torch.from_numpy(small), ~_grown(~within, self._margin))
        self._scene.add(torch.from_numpy(small), ~_grown(within, self._margin))
        self._frames += 1
        self._area += float(inside.sum())

    def share(self) -> float:
        """Pixels that stay as they are, over those of the person; 0 where too little was seen."""
        if self._frames < 2 * LEAST_FRAMES or not self._area:
            return 0.0
        least = max(LEAST_FRAMES, LEAST_SHARE * self._frames)
        known = (self._person.count >= least) & (self._scene.count >= least)
        change = (self._person.mean() - self._scene.mean()).abs().amax(0)
        around = _mean_around(change, known, self._around)
        edge = _grown(_slope(self._scene.mean()) > EDGE_LEVELS, NEAR_EDGE)
        stays = known & edge & (around > LEAST_CHANGE) & (change < MOST_CHANGE * around)
        stays &= self._person.spread() < MOST_SPREAD * around
        return float(stays.sum()) / (self._area / self._frames)


class _Mean:
    """Mean and spread of every pixel over the frames in which it counts."""

    def __init__(self) -> None:
        self.count = torch.zeros(())
        self._sum = torch.zeros(())
        self._squares = torch.zeros(())

    def add(self, picture: Tensor, counts: Tensor) -> None:
        self.count = self.count + counts
        self._sum = self._sum + picture * counts
        self._squares = self._squares + picture.square() * counts

    def mean(self) -> Tensor:
        """[3, h, w]."""
        return self._sum / self.count.clamp(min=1)

    def spread(self) -> Tensor:
        """[h, w] standard deviation, of the channel that varies most."""
        squares = self._squares / self.count.clamp(min=1)
        return (squares - self.mean().square()).clamp(min=0).sqrt().amax(0)


def _slope(picture: Tensor) -> Tensor:
    """[h, w] largest difference of a pixel's neighbours, per pixel; zero at the border."""
    found = torch.zeros(picture.shape[1:])
    found[1:-1] = (picture[:, 2:] - picture[:, :-2]).abs().amax(0) / 2
    across = (picture[:, :, 2:] - picture[:, :, :-2]).abs().amax(0) / 2
    found[:, 1:-1] = torch.maximum(found[:, 1:-1], across)
    return found


def _mean_around(values: Tensor, known: Tensor, radius: int) -> Tensor:
    """[h, w] mean of the known values in a square around each pixel; 0 where there is none."""
    pooled = lambda x: avg_pool2d(x[None].float(), 2 * radius + 1, 1, radius)[0]  # noqa: E731
    return pooled(values * known) / pooled(known).clamp(min=1e-6)


def _grown(mask: Tensor, radius: int) -> Tensor:
    return max_pool2d(mask[None].float(), 2 * radius + 1, 1, radius)[0] > 0
