"""Training samples of the default body, drawn by the tests."""

from dataclasses import replace

import torch

from avatar_kit.interfaces import Batch, Samples
from avatar_kit.scene import Camera
from avatar_kit.testing.poses import swaying_motion
from tests.contexts import context_of


class Filmed(Samples):
    """The default body in one colour, with a mask of the test's choice.

    It turns about once in all frames; with ``yaw`` it is turned by these angles in radians.
    """

    def __init__(self, body, frames, mask=None, yaw=None):
        motion = swaying_motion(frames)
        turn = torch.zeros(frames, 3)
        turn[:, 1] = torch.arange(frames) * (6.28 / frames) if yaw is None else torch.tensor(yaw)
        motion = replace(motion, global_orient=turn)
        with torch.no_grad():
            self.posed = body(body.from_motion(motion, body.default_shape()))
        self.camera = Camera.look_at((0, 1, 3.6), (0, 0.95, 0), width=96, height=96, fov_y=33)
        self.mask = mask

    def __len__(self):
        return len(self.posed)

    def context(self, position):
        return context_of(self.posed[position], camera=self.camera)

    def __getitem__(self, position):
        context = self.context(position)
        drawn = context.fragments.mask
        mask = drawn if self.mask is None else self.mask(drawn)
        return Batch(context, 0.2 + 0.6 * drawn.expand(-1, 3, -1, -1), mask)
