"""Rotations that bring Anny's identity pose into the T-pose of :class:`~avatar_kit.scene.Motion`.

With all rotations zero Anny stands in an A-pose with bent elbows; a motion's zero is the T-pose:
arms along +-x with the palms down, elbows that flex forward about the vertical, legs along -y, feet
straight ahead, fingers flat. The directions of the T-pose are stated here; the rotations follow
from where the bones of an identity point, so they are computed anew for every identity.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

#: Angles of the thumb's first two bones to the hand in the plane of the palm, degrees.
THUMB_ANGLES = (55.0, 37.0)


def swing(start: Tensor, end: Tensor) -> Tensor:
    """[..., 3, 3] the smallest rotation that carries unit vector ``start`` to ``end``.

    Not defined for opposite vectors.
    """
    axis = torch.linalg.cross(start, end)
    cosine = (start * end).sum(-1)[..., None, None]
    cross = _cross_matrix(axis)
    eye = torch.eye(3, dtype=start.dtype, device=start.device)
    return eye + cross + cross @ cross / (1 + cosine)


def _cross_matrix(v: Tensor) -> Tensor:
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def _frame(first: Tensor, second: Tensor) -> Tensor:
    """[..., 3, 3] right-handed: ``first``, ``second`` made orthogonal to it, their product."""
    x = normalize(first, dim=-1)
    z = normalize(torch.linalg.cross(x, second), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], -1)


def align(first: Tensor, second: Tensor, to_first: Tensor, to_second: Tensor) -> Tensor:
    """Rotation of ``first`` to ``to_first`` that brings ``second`` nearest to its target."""
    return _frame(to_first.expand_as(first), to_second.expand_as(second)) @ _frame(first, second).mT


def t_pose(heads: Tensor, index: dict[str, int]) -> Tensor:
    """Rotations of every bone in the T-pose.

    Args:
        heads: [N, J, 3] bone heads in the identity pose.
        index: Bone name -> index.

    Returns:
        [N, J, 3, 3] rotations in the world, relative to the identity pose.
    """
    eye = torch.eye(3, dtype=heads.dtype, device=heads.device)
    found = [eye.expand(heads.shape[0], 3, 3)] * heads.shape[1]
    for side in ("L", "R"):
        at = {name[:-2]: heads[:, i] for name, i in index.items() if name.endswith("." + side)}
        sign = 1.0 if side == "L" else -1.0
        turned = {**_arm(at, sign), **_leg(at)}
        for name, rotation in turned.items():
            found[index[f"{name}.{side}"]] = rotation
    return torch.stack(found, 1)


def _arm(at: dict[str, Tensor], sign: float) -> dict[str, Tensor]:
    """Arm, hand and fingers of one side; ``sign`` is +1 for the left."""
    axis = at["wrist"].new_tensor
    out, hinge_target = axis([sign, 0.0, 0.0]), axis([0.0, -sign, 0.0])
    upper = at["lowerarm01"] - at["upperarm01"]
    lower = at["wrist"] - at["lowerarm01"]
    hinge = torch.linalg.cross(upper, lower)
    arm = align(upper, hinge, out, hinge_target)
    forearm = align(lower, hinge, out, hinge_target)
    forward = at["finger3-1"] - at["wrist"]
    across = at["finger2-1"] - at["finger5-1"]
    hand = align(forward, across, out, axis([0.0, 0.0, 1.0]))
    # the shoulder blade follows the arm from where it hangs: a quarter of the way, in two halvings
    hanging = normalize(upper, dim=-1)
    half = normalize(hanging + out, dim=-1)
    blade = swing(hanging, normalize(hanging + half, dim=-1))
    found = {
        "shoulder01": blade,
        "upperarm01": arm,
        "upperarm02": arm,
        "lowerarm01": forearm,
        "lowerarm02": forearm,
    }
    found["wrist"] = hand
    found |= {f"metacarpal{i}": hand for i in range(1, 5)}
    for finger in range(2, 6):
        found |= _finger(at, hand, finger)
    return found | _thumb(at, hand, sign)


def _finger(at: dict[str, Tensor], hand: Tensor, finger: int) -> dict[str, Tensor]:
    """One finger laid flat along the direction in which it leaves the hand."""
    names = [f"finger{finger}-{i}" for i in (1, 2, 3)]
    first, second = _phalanges(at, hand, names)
    target = normalize(first * first.new_tensor([1.0, 0.0, 1.0]), dim=-1)
    base, middle = swing(first, target) @ hand, swing(second, target) @ hand
    return dict(zip(names, (base, middle, middle), strict=True))


def _thumb(at: dict[str, Tensor], hand: Tensor, sign: float) -> dict[str, Tensor]:
    """The thumb spread in the plane of the palm."""
    names = [f"finger1-{i}" for i in (1, 2, 3)]
    turned = []
    for bone, angle in zip(_phalanges(at, hand, names), THUMB_ANGLES, strict=True):
        radians = math.radians(angle)
        target = bone.new_tensor([sign * math.cos(radians), 0.0, math.sin(radians)])
        turned.append(swing(bone, target.expand_as(bone)) @ hand)
    base, middle = turned
    return dict(zip(names, (base, middle, middle), strict=True))


def _phalanges(at: dict[str, Tensor], hand: Tensor, names: list[str]) -> list[Tensor]:
    """Directions of a finger's first two bones on the turned hand; the last has no end to aim."""
    steps = [at[end] - at[start] for start, end in itertools.pairwise(names)]
    return [normalize((hand @ step[..., None])[..., 0], dim=-1) for step in steps]


def _leg(at: dict[str, Tensor]) -> dict[str, Tensor]:
    """Thigh and shin straight down; the foot turned about the vertical to point ahead."""
    down = at["foot"].new_tensor([0.0, -1.0, 0.0]).expand_as(at["foot"])
    thigh = swing(normalize(at["lowerleg01"] - at["upperleg01"], dim=-1), down)
    shin = swing(normalize(at["foot"] - at["lowerleg01"], dim=-1), down)
    ball = torch.stack([at[f"toe{i}-1"] for i in range(1, 6)]).mean(0) - at["foot"]
    level = normalize(ball * ball.new_tensor([1.0, 0.0, 1.0]), dim=-1)
    ahead = level.new_tensor([0.0, 0.0, 1.0]).expand_as(level)
    foot = swing(level, ahead)
    found = {"upperleg01": thigh, "upperleg02": thigh, "lowerleg01": shin, "lowerleg02": shin}
    return found | {name: foot for name in at if name.startswith(("foot", "toe"))}
