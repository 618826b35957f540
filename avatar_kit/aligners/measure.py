"""How an aligner changes a motion: figures without pictures. Pure functions."""

from __future__ import annotations

import roma
import torch
from torch import Tensor

from avatar_kit.aligners.principal import PrincipalAxes
from avatar_kit.aligners.rotations import pose_distances, quaternions, six_from_rotvec
from avatar_kit.interfaces import Body
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.scene.skeleton import joint_positions, rest_offsets

#: Frames posed at once.
_CHUNK = 256


def geodesic_error(a: Tensor, b: Tensor) -> Tensor:
    """Angle between the rotations of two poses.

    Args:
        a: [..., 3 J] axis-angle in radians.
        b: The same.

    Returns:
        [..., J] radians in [0, pi].
    """
    first, second = (roma.rotvec_to_rotmat(x.unflatten(-1, (-1, 3)).double()) for x in (a, b))
    return roma.rotmat_geodesic_distance(first, second)


def joint_points(motion: Motion) -> Tensor:
    """[T, 21, 3] metres: body joints on the skeleton of round figures, its pelvis still.

    The joints of the usual MPJPE. How toes, hands and head are turned does not move them; it does
    move the key points of :func:`body_points`.
    """
    matrices = roma.rotvec_to_rotmat(motion.body_pose.unflatten(-1, (-1, 3)))
    return joint_positions(matrices, rest_offsets().to(matrices))


@torch.no_grad()
def body_points(body: Body, motion: Motion, shape: Tensor) -> Tensor:
    """[T, 23, 3] metres: ``BODY_KEYPOINTS`` of a motion whose pelvis neither moves nor turns.

    Only the body pose counts, so that what passes through an aligner does not dilute the figures.

    Args:
        body: The body model.
        motion: T frames.
        shape: [S] identity.
    """
    points = []
    for poses in motion.body_pose.split(_CHUNK):
        still = Motion.rest(len(poses), motion.fps, body_pose=poses.cpu()).to(shape.device)
        points.append(body.keypoints(body.from_motion(still, shape))[:, : len(BODY_KEYPOINTS)])
    return torch.cat(points)


def position_error(a: Tensor, b: Tensor) -> Tensor:
    """[T] mean distance of joints (MPJPE) between positions [T, J, 3], in their unit."""
    return (a - b).norm(dim=-1).mean(-1)


def knn_distance(poses: Tensor, training: Tensor, k: int = 5) -> Tensor:
    """How far poses are from the nearest training poses.

    Args:
        poses: [T, 3 J] axis-angle in radians.
        training: [N, 3 J] likewise.
        k: Neighbours; all there are if fewer.

    Returns:
        [T] radians: mean angle of joints, averaged over the k nearest training poses.
    """
    distances = pose_distances(quaternions(poses), quaternions(training))
    return distances.topk(min(k, len(training)), dim=1, largest=False).values.mean(1)


def mahalanobis_distance(poses: Tensor, training: Tensor, variance: float = 0.95) -> Tensor:
    """How far poses are from the mean training pose, in standard deviations.

    Measured along the principal axes of the training poses, in six numbers a joint.

    Args:
        poses: [T, 3 J] axis-angle in radians.
        training: [N, 3 J] likewise.
        variance: Share of the variance that the axes explain.

    Returns:
        [T].
    """
    principal = PrincipalAxes.of(six_from_rotvec(training.double()), variance)
    return principal.coordinates(six_from_rotvec(poses.double())).norm(dim=-1)


def share_under(values: Tensor, reference: Tensor, percentile: float = 95.0) -> float:
    """Share in [0, 1] of values at or under a percentile of the reference."""
    return float((values <= reference.quantile(percentile / 100)).double().mean())


def velocity_correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of the velocities of positions [T, J, 3], over all entries at once.

    1 where nothing but the speed was scaled; 0 where one of them does not move.
    """
    first, second = (x.double().diff(dim=0).flatten() for x in (a, b))
    first, second = first - first.mean(), second - second.mean()
    scale = float(first.norm() * second.norm())
    return float(first @ second) / scale if scale > 0 else 0.0


def mean_acceleration(points: Tensor) -> float:
    """Mean length of the second differences of positions [T, J, 3], per frame squared."""
    return float(points.double().diff(n=2, dim=0).norm(dim=-1).mean())


def acceleration_ratio(a: Tensor, source: Tensor) -> float:
    """Mean acceleration of positions [T, J, 3] over that of the source: above 1 it jitters."""
    return mean_acceleration(a) / max(mean_acceleration(source), 1e-12)


def drift(errors: Tensor, period: int) -> float:
    """How much worse the end of a free run over a repeated motion is than its start.

    Args:
        errors: [T] of each frame, T at least twice the period.
        period: Frames after which the motion repeats.

    Returns:
        Mean of the last whole period minus mean of the first one, in the unit of the errors.
    """
    if len(errors) < 2 * period:
        raise ValueError(f"{len(errors)} frames do not hold two periods of {period}")
    last = len(errors) // period * period
    return float(errors[last - period : last].mean() - errors[:period].mean())
