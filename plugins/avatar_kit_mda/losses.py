"""What the autoencoder and the decoder are held to."""

from __future__ import annotations

from torch import Tensor

from avatar_kit.scene.skeleton import joint_positions
from avatar_kit_mda.rotations import geodesic, matrices_from_six


def divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """[B] Kullback-Leibler divergence of N(mean, spread^2) from N(0, 1), summed over the code."""
    return 0.5 * (mean.square() + spread.square() - 1 - 2 * spread.log()).sum(-1)


def reconstruction(pose: Tensor, target: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """How far decoded poses are from their targets.

    Args:
        pose: [B, 126] decoded, not orthonormal.
        target: [B, 126].
        offsets: [21, 3] of the skeleton, metres.

    Returns:
        [B] mean angle over joints in radians, and [B] mean distance of joints in metres.
    """
    ours, theirs = matrices_from_six(pose), matrices_from_six(target)
    places = joint_positions(ours, offsets) - joint_positions(theirs, offsets)
    return geodesic(ours, theirs).mean(-1), places.norm(dim=-1).mean(-1)


def angles_first(step: int, steps: int) -> float:
    """Factor of the distance of joints: 0 in the first tenth of the updates, then 1.

    Places alone do not tell how joints share a turn. Held to both from a random start, the joints
    of the spine can settle half a turn from where they belong, one undoing the other; angles alone
    have no such minimum, and lead near enough.
    """
    return float(10 * step >= steps)
