"""Training steps that turn the person to sides which no training picture shows.

A network that was never shown a back paints noise there. In some steps the person is turned, and
what is seen of unknown surface is taught to be plain: in the colours of the other side of the
person, or of the surface around. Everywhere else what the avatar paints is taken for right.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.config import MethodConfig
from avatar_kit.engine.coverage import Shown
from avatar_kit.engine.frames import TrainingFrames
from avatar_kit.graphics import interpolate
from avatar_kit.interfaces import Avatar, Batch
from avatar_kit.scene import FrameContext
from avatar_kit.surface import is_covered

#: One step of so many is turned, once the first quarter is done: before, what the avatar paints is
#: right nowhere.
EVERY = 8

#: Share of the surface that must not have been shown for such steps to be taken: of a person who
#: turned around it is less, soles and armpits.
LEAST_UNKNOWN = 0.1

#: Share of the visible person that must be unknown in such a step, and angles that are tried.
_WORTH, _TRIES = 0.1, 4


class TurnedSteps:
    """Batches of the person turned; a function of (seed, step), as all batches are.

    Args:
        avatar: The person's avatar.
        frames: The person's training frames.
        shown: What they show.
        config: Of the training.
    """

    def __init__(self, avatar: Avatar, frames: TrainingFrames, shown: Shown, config: MethodConfig):
        self.avatar, self.frames, self.seed = avatar, frames, config.seed
        self.first = config.steps // 4
        unknown = (~is_covered(shown.coverage)).float()
        textured = bool(avatar.charts()) and frames.sequence == 1
        self.wanted = textured and shown.unknown > LEAST_UNKNOWN
        self.painted = torch.cat([shown.colours, unknown[:, None]], 1)[None].to(frames.device)

    @torch.no_grad()
    def batch(self, step: int) -> Batch | None:
        """The batch of a step; None where it is an ordinary one."""
        if not self.wanted or step < self.first or step % EVERY != EVERY - 1:
            return None
        for k in range(_TRIES):
            generator = np.random.default_rng([self.seed, step, k])
            position = int(generator.integers(len(self.frames)))
            context = self._turned(position, float(generator.uniform(0, 2 * math.pi)))
            drawn = interpolate(self.painted, context.body.topology.faces, context.fragments)
            unknown = drawn[:, 3:] > 0.5
            if float(unknown.sum()) > _WORTH * float(context.fragments.mask.sum()):
                return self._taught(context, drawn[:, :3], unknown)
        return None

    def _turned(self, position: int, angle: float) -> FrameContext:
        """A training pose, turned about the vertical through its pelvis."""
        seen, posed = self.frames.context([position]), self.frames.posed
        turn = roma.rotvec_to_rotmat(seen.motion.transl.new_tensor([[0.0, angle, 0.0]]))
        orient = roma.rotmat_to_rotvec(turn @ roma.rotvec_to_rotmat(seen.motion.global_orient))
        motion = replace(seen.motion, global_orient=orient)
        body = posed.body(posed.body.from_motion(motion, posed.shape))
        driven = FrameContext.driven(body, seen.camera, motion)
        return replace(driven, person=self.frames.person)

    def _taught(self, context: FrameContext, colours: Tensor, unknown: Tensor) -> Batch:
        was_training = self.avatar.training
        self.avatar.eval()
        own = self.avatar(replace(context, person=0))
        self.avatar.train(was_training)
        image = torch.where(unknown, colours, own.rgb.float().clamp(0, 1))
        inside = context.fragments.mask if own.alpha is None else own.alpha.float()
        mask = torch.maximum(inside, unknown.to(inside))
        near = (image, image) if self.frames.with_neighbours else (None, None)
        return Batch(context, image, mask, *near)
