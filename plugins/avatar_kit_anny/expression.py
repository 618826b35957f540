"""Expression channels, jaw and eyes of a motion, each counted once.

A motion may open the mouth by the channel ``jawOpen`` or by rotating the jaw, and turn the eyes by
the ``eyeLook*`` channels or by rotating the eyes; a source that gives both says the same thing
twice. The larger of the two counts:

* Anny has no jaw bone: ``jawOpen`` becomes the larger of itself and the jaw's rotation about x.
* Anny's eyes are bones and turn as the motion says; what an ``eyeLook*`` channel adds is only what
  it exceeds the bone's rotation by.

All other channels pass unchanged.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS

#: Rotation of the jaw about x that ``jawOpen`` = 1 shows, radians.
JAW_OPEN = math.radians(25.4)

#: ``eyeLook*`` channel -> eye, axis and signed rotation that it shows at 1, radians.
EYE_LOOK = {
    "eyeLookDownLeft": ("leye_pose", 0, math.radians(11.4)),
    "eyeLookUpLeft": ("leye_pose", 0, math.radians(-9.8)),
    "eyeLookInLeft": ("leye_pose", 1, math.radians(-15.2)),
    "eyeLookOutLeft": ("leye_pose", 1, math.radians(15.2)),
    "eyeLookDownRight": ("reye_pose", 0, math.radians(11.4)),
    "eyeLookUpRight": ("reye_pose", 0, math.radians(-9.8)),
    "eyeLookInRight": ("reye_pose", 1, math.radians(15.2)),
    "eyeLookOutRight": ("reye_pose", 1, math.radians(-15.2)),
}


def facial_actions(motion: Motion) -> Tensor:
    """[T, 52] facial actions in [0, 1] of a motion, by the rules above. Differentiable."""
    channels = list(motion.expression.unbind(1))
    jaw = ARKIT_CHANNELS.index("jawOpen")
    channels[jaw] = torch.maximum(channels[jaw], motion.jaw_pose[:, 0] / JAW_OPEN)
    for name, shown in _shown_by_bones(motion).items():
        i = ARKIT_CHANNELS.index(name)
        channels[i] = channels[i] - torch.minimum(channels[i], shown)
    return torch.stack(channels, 1).clamp(0, 1)


def whole_expression(motion: Motion) -> Motion:
    """The inverse of :func:`facial_actions`: a motion whose channels are facial actions.

    Returns:
        The motion with what its eye bones show added to the channels again.
    """
    channels = list(motion.expression.unbind(1))
    for name, shown in _shown_by_bones(motion).items():
        i = ARKIT_CHANNELS.index(name)
        channels[i] = channels[i] + shown
    return replace(motion, expression=torch.stack(channels, 1).clamp(0, 1))


def _shown_by_bones(motion: Motion) -> dict[str, Tensor]:
    """``eyeLook*`` channel -> [T] what the rotation of the eye's bone shows of it."""
    return {
        name: (getattr(motion, field)[:, axis] / full).clamp(min=0)
        for name, (field, axis, full) in EYE_LOOK.items()
    }
