"""A performer's motion at the avatar's place and size, frame by frame, without the future."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.engine.floor import lowest_points, standing_place
from avatar_kit.interfaces import Body
from avatar_kit.live.calibration import pelvis_height
from avatar_kit.live.performer import Performer
from avatar_kit.scene import Motion

#: Feet less than this above the floor stand on it, metres: noise of the depth, not a jump.
_STANDING_METRES = 0.03
#: Seconds in which the floor follows feet that are below it, and above it.
_DOWN_SECONDS, _UP_SECONDS = 0.15, 4.0


class Placer:
    """Brings poses of a performer to where the avatar was seen.

    The first pose stands over the avatar's place; steps are as long as the avatar's legs make them,
    and its feet stand on its floor. The performer's own floor is followed, so that an error of the
    camera's tilt does not lift who walks towards it.

    Args:
        body: The avatar's.
        shape: [S] the avatar's.
        training_motion: Where the avatar was seen.
        performer: Whose poses come.
        in_place: Keep the avatar over its place, so that it cannot walk out of view.
    """

    def __init__(
        self,
        body: Body,
        shape: Tensor,
        training_motion: Motion,
        performer: Performer,
        *,
        in_place: bool = False,
    ):
        self.body, self.shape, self.in_place = body, shape, in_place
        self.scale = pelvis_height(body, shape) / performer.pelvis
        self._here = torch.tensor(standing_place(body, shape, training_motion))
        self._calibrated = performer.floor
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next pose stands over the avatar's place again."""
        self._start: Tensor | None = None
        self._floor = self._calibrated

    def place(self, motion: Motion) -> Motion:
        """The pose in the avatar's world.

        Args:
            motion: One frame, in the world of the performer's camera.

        Raises:
            ValueError: It is not one frame.
        """
        if len(motion) != 1:
            raise ValueError(f"poses are placed one by one, got {len(motion)} frames")
        at = motion.transl[0]
        sure = float(motion.confidence[0]) > 0
        if self._start is None and sure:
            self._start = at.clone()
        below = -float(
            lowest_points(self.body, self.shape, replace(motion, transl=torch.zeros(1, 3)))[0]
        )
        rise = self._rise(float(at[1]) - below / self.scale, 1 / motion.fps, sure)
        moved = torch.zeros(3) if self._start is None else self.scale * (at - self._start)
        if self.in_place:
            moved = torch.zeros(3)
        placed = self._here + moved
        placed[1] = self._here[1] + below + self.scale * rise
        return replace(motion, transl=placed[None])

    def _rise(self, sole: float, seconds: float, sure: bool) -> float:
        """How far feet are above the performer's floor, metres; the floor follows them."""
        if self._floor is None or not sure:
            self._floor = sole if sure else self._floor
            return 0.0
        settle = _DOWN_SECONDS if sole < self._floor else _UP_SECONDS
        self._floor += (1 - math.exp(-seconds / settle)) * (sole - self._floor)
        return max(0.0, sole - self._floor - _STANDING_METRES)
