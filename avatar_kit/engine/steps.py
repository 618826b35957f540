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

#: How much longer or shorter steps can be, and how much less feet must slide for it: what needs
#: more is no walk of a person of another size.
_SCALES, _WORTH = (0.7, 1.4), 0.9

#: Share of the steps that the scale is found from: in others the foot does not really stand.
_KEPT = 0.7

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
            f"steps scaled by {self.scale:.2f} to the legs of the avatar: planted feet slide by "
            f"{100 * self.after:.0f} cm/s instead of {100 * self.before:.0f}"
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
    moved, pelvis = _standing_steps(own, motion, way)
    scale = _least_sliding(moved, pelvis)
    before, after = (_sliding(moved, pelvis, s) * motion.fps for s in (1.0, scale))
    if after > _WORTH * before or not _SCALES[0] < scale < _SCALES[1]:
        return FittedSteps(motion, 1.0, before, before)
    start = motion.transl[:1]
    scaled = replace(motion, transl=start + scale * (motion.transl - start))
    return FittedSteps(scaled, scale, before, after)


def _standing_steps(own: Tensor, motion: Motion, way: Tensor) -> tuple[Tensor, Tensor]:
    """[N, 2] how the lower foot moves against the pelvis while it stands, and the pelvis then."""
    contacts = contacts_of(own + motion.transl[:, None], motion.fps)
    lower = contacts.heights == contacts.heights.amin(1, keepdim=True)
    stands = contacts.standing & lower
    stands = stands[1:] & stands[:-1]
    moved = own.diff(dim=0)[..., [0, 2]]
    return moved[stands], way[:, None].expand_as(moved)[stands]


def _least_sliding(moved: Tensor, pelvis: Tensor) -> float:
    """The scale by least squares, twice again over the part of the steps that it fits best."""
    scale, kept = 1.0, torch.ones(len(moved), dtype=torch.bool)
    for _ in range(3):
        total = float(pelvis[kept].square().sum())
        if not total > 0:
            return 1.0
        scale = -float((pelvis[kept] * moved[kept]).sum()) / total
        off = (scale * pelvis + moved).norm(dim=1)
        kept = off <= off.quantile(_KEPT)
    return scale


def _sliding(moved: Tensor, pelvis: Tensor, scale: float) -> float:
    """Mean way of feet that stand from frame to frame, metres."""
    return float((scale * pelvis + moved).norm(dim=-1).mean()) if len(moved) else 0.0


@torch.no_grad()
def _feet(loaded: LoadedAvatar, motion: Motion) -> Tensor:
    """[T, 2, 3] metres from the pelvis to the toes of the avatar."""
    body, shape, found = loaded.avatar.body, loaded.avatar.shape, []
    for first in range(0, len(motion), _AT_ONCE):
        part = motion[first : first + _AT_ONCE].to(shape.device)
        points = body.keypoints(body.from_motion(part, shape))[:, _TOES]
        found.append((points - part.transl[:, None]).cpu())
    return torch.cat(found)
