"""From clips of motion to poses an autoencoder can learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit_mda.rotations import matrices_from_six

_OTHER = [
    BODY_JOINTS.index(name.replace("left_", "*").replace("right_", "left_").replace("*", "right_"))
    for name in BODY_JOINTS
]
#: A reflection in x turns the sign of the matrix entries that mix x with y or z.
_SIGNS = (1.0, -1.0, -1.0, 1.0, -1.0, 1.0)


@dataclass(frozen=True)
class Poses:
    """Poses to learn from.

    Attributes:
        train: [N, 126].
        weights: [N] how often each is drawn.
        held_out: [M, 126] of clips that are not in ``train``.
    """

    train: Tensor
    weights: Tensor
    held_out: Tensor


def gather(clips: Sequence[Motion], distinct: float, seed: int) -> Poses:
    """Thin, split and weigh the poses of a corpus.

    Every tenth clip is held out; of a single clip, its last tenth.

    Args:
        clips: Continuous motions, finite, at any frame rates.
        distinct: Least turn of some joint between poses kept, degrees.
        seed: Of the split and the clusters.
    """
    poses = [thin(six_from_rotvec(clip.body_pose.float()), distinct) for clip in clips]
    if len(poses) == 1:
        cut = max(1, round(0.9 * len(poses[0])))
        train, held_out = poses[0][:cut], poses[0][cut:]
        held_out = held_out if len(held_out) else train
    else:
        order = np.random.default_rng(seed).permutation(len(poses))
        count = max(1, round(0.1 * len(poses)))
        held_out = torch.cat([poses[i] for i in sorted(order[:count])])
        train = torch.cat([poses[i] for i in sorted(order[count:])])
    return Poses(train, evened(train, seed), held_out)


def thin(poses: Tensor, distinct: float) -> Tensor:
    """Drop poses of a clip [T, 126] that hardly differ from the last one kept."""
    values = matrices_from_six(poses).flatten(-2).numpy()
    # the matrices of a joint before and after a turn by a differ by 8 sin(a/2)^2 in squares
    least = 8 * math.sin(math.radians(distinct) / 2) ** 2
    kept = [0]
    for i in range(1, len(values)):
        if np.square(values[i] - values[kept[-1]]).sum(-1).max() >= least:
            kept.append(i)
    return poses[kept]


def evened(poses: Tensor, seed: int, clusters: int = 64, rounds: int = 8) -> Tensor:
    """[N] weights by which common kinds of poses do not drown rare ones.

    The poses are clustered (k-means); one weighs the inverse root of the size of its cluster. This
    needs no names of clips.
    """
    count = min(clusters, len(poses))
    generator = torch.Generator().manual_seed(seed)
    centres = poses[torch.randperm(len(poses), generator=generator)[:count]]
    for _ in range(rounds):
        nearest = torch.cdist(poses, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, poses)
        sizes = torch.bincount(nearest, minlength=count)
        full = sizes > 0
        centres = torch.where(full[:, None], sums / sizes.clamp(min=1)[:, None], centres)
    nearest = torch.cdist(poses, centres).argmin(1)
    return torch.bincount(nearest, minlength=count)[nearest].float().rsqrt()


def mirrored(poses: Tensor) -> Tensor:
    """Poses [..., 126] with left and right exchanged."""
    joints = poses.unflatten(-1, (-1, 6))[..., _OTHER, :]
    return (joints * joints.new_tensor(_SIGNS)).flatten(-2)
