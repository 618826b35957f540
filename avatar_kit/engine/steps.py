"""Steps of a motion as long as an avatar's legs make them, so that feet that stand do not slide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.io.motion.contacts import contacts_of
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS

#: Points of the feet that stand still while a person steps.
_TOES = [BODY_KEYPOINTS.index(f"{side}_big_toe") for side in ("left", "right")]

#: How much longer or shorter steps can be, and how much less feet must slide for it.
_SCALES, _WORTH = (0.6, 1.6), 0.9

#: Metres that a motion goes at least, for its steps to tell.
_SHORTEST_WAY = 0.5

#: Poses that are computed at once.
_AT_ONCE = 256


@dataclass(frozen=True)
class FittedSteps:
    """A motion with its steps fitted to an avatar.

    Attributes:
        motion: The motion.
        scale: What its places were multiplied by; 1 where nothing was gained.
        before: Mean speed of feet that stand before that, metres a second.
        after: Likewise after it.
    """

    motion: Motion
    scale: float
    before: float
    after: float

    def line(self) -> str:
        """What was done, for a person; empty where nothing was."""
        if self.scale == 1.0:
            return ""
        return (
            f"steps made {self.scale:.2f} times as long, as the avatar's legs are: feet that stand "
            f"slide by {100 * self.after:.0f} cm/s instead of {100 * self.before:.0f}"
        )


def fit_steps(loaded: LoadedAvatar, motion: Motion) -> FittedSteps:
    """Scale the places of a motion so that the avatar's feet slide least.

    What a foot that stands is moved by, in a step of time, is that of the pelvis times the scale
    and its own against the pelvis; least squares over all of them give the scale.

    Args:
        loaded: The avatar.
        motion: The driving motion, anywhere.
    """
    way = motion.transl[:, [0, 2]].diff(dim=0)
    if len(motion) < 3 or float(way.norm(dim=1).sum()) < _SHORTEST_WAY:
        return FittedSteps(motion, 1.0, 0.0, 0.0)
    own = _feet(loaded, motion)
    found = contacts_of(own + motion.transl[:, None], motion.fps)
    stands = found.standing[1:] & found.standing[:-1]
    moved = own.diff(dim=0)[..., [0, 2]]
    pelvis = way[:, None].expand_as(moved)
    total = float(pelvis[stands].square().sum())
    scale = -float((pelvis[stands] * moved[stands]).sum()) / total if total > 0 else 1.0
    scale = min(max(scale, _SCALES[0]), _SCALES[1])
    start = motion.transl[:1]
    scaled = replace(motion, transl=start + scale * (motion.transl - start))
    before, after = (
        float((s * pelvis + moved)[stands].norm(dim=-1).mean()) * motion.fps if total > 0 else 0.0
        for s in (1.0, scale)
    )
    if after > _WORTH * before:
        return FittedSteps(motion, 1.0, before, before)
    return FittedSteps(scaled, scale, before, after)


@torch.no_grad()
def _feet(loaded: LoadedAvatar, motion: Motion) -> Tensor:
    """[T, 2, 3] metres from the pelvis to the toes of the avatar."""
    body, shape, found = loaded.avatar.body, loaded.avatar.shape, []
    for first in range(0, len(motion), _AT_ONCE):
        part = motion[first : first + _AT_ONCE].to(shape.device)
        points = body.keypoints(body.from_motion(part, shape))[:, _TOES]
        found.append((points - part.transl[:, None]).cpu())
    return torch.cat(found)
