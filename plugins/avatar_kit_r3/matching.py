"""Which training frames a pose is like, part by part, and how one choice follows another.

Pure functions. A time is a number of a training frame; between frames it is a fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import roma
import torch
from torch import Tensor

#: Frames that the time of a part may move by from one picture to the next: fewer than these.
REACH = 3


class Choice(NamedTuple):
    """The times of P parts.

    Attributes:
        times: [P] float.
        jumped_from: [P] float, the time before where the part jumped, NaN elsewhere.
    """

    times: Tensor
    jumped_from: Tensor


def embedding(poses: Tensor) -> Tensor:
    """Poses with how they came about: axis-angle now, then relative rotations, newest first.

    Args:
        poses: [..., 1 + S, J, 3] axis-angle, oldest first.

    Returns:
        [..., J, 3 (1 + S)]: the last pose, then the matrix logarithms of R_t R_{t-1}^-1, of
        R_{t-1} R_{t-2}^-1, and so on, radians.
    """
    turns = roma.rotvec_to_unitquat(poses)
    later, earlier = turns[..., 1:, :, :], turns[..., :-1, :, :]
    moves = roma.unitquat_to_rotvec(
        roma.quat_product(later, roma.quat_conjugation(earlier)), shortest_arc=True
    )
    newest_first = [moves[..., i, :, :] for i in reversed(range(moves.shape[-3]))]
    return torch.cat([poses[..., -1, :, :], *newest_first], dim=-1)


def with_past(poses: Tensor, steps: int, starts: Tensor) -> Tensor:
    """Each pose with those before it in its clip; before its start the first one repeats.

    Args:
        poses: [T, J, 3] in time order.
        steps: How many before.
        starts: [T] bool, where clips start; the first frame always does.

    Returns:
        [T, 1 + steps, J, 3], oldest first.
    """
    number = torch.arange(len(poses), device=poses.device)
    first = torch.where(starts, number, 0).cummax(0).values
    back = torch.arange(steps, -1, -1, device=poses.device)
    return poses[torch.maximum(number[:, None] - back, first[:, None])]


def shares(joints: Sequence[Sequence[int]], count: int) -> Tensor:
    """[J, P] what each of ``count`` joints counts in the mean over each part's joints."""
    found = torch.zeros(count, len(joints))
    for part, members in enumerate(joints):
        found[list(members), part] = 1 / len(members)
    return found


def joint_distances(query: Tensor, known: Tensor) -> Tensor:
    """[T, J] lengths of the differences of embeddings, of a query [J, E] to those known [E, T, J].

    What is known lies value by value, so that long rows are added and not many short ones.
    """
    return (known - query.T[:, None]).square_().sum(0).sqrt_()


def nearest(distances: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` least of distances [P, T], in order: values and frames [P, count]."""
    values, frames = distances.topk(min(count, distances.shape[1]), dim=1, largest=False)
    return values, frames


def chosen(
    values: Tensor, frames: Tensor, clips: Tensor, before: Tensor | None, reach: float = REACH
) -> Choice:
    """The time of each part, near the one before where a candidate is.

    Two or more candidates near: between the best two, ``t = a t1 + (1 - a) t2`` with
    ``a = d2 / (d1 + d2)``. One: its time. None: the nearest of all, as a jump.

    Args:
        values: [P, K] distances of the candidates, ascending.
        frames: [P, K] long, their frames.
        clips: [T] long, the clip of each training frame: frames of two clips are never near.
        before: [P] the times before; None at the start, where the nearest are taken.
        reach: Times are near when strictly less than this apart.
    """
    none = values.new_full((len(values),), torch.nan)
    nearest_time = frames[:, 0].to(values.dtype)
    if before is None:
        return Choice(nearest_time, none)
    times = frames.to(values.dtype)
    near = (times - before[:, None]).abs() < reach
    near &= clips[frames] == clips[before.long()][:, None]
    count = near.sum(1)
    # the order of the candidates is kept: the first two near ones come first
    order = (~near).to(torch.uint8).argsort(dim=1, stable=True)[:, :2]
    best, apart = times.gather(1, order), values.gather(1, order)
    two = count >= 2 if best.shape[1] == 2 else torch.zeros_like(count, dtype=torch.bool)
    share = apart[:, -1] / apart.sum(1).clamp(min=1e-12)
    between = share * best[:, 0] + (1 - share) * best[:, -1]
    # two candidates of distance zero are equally good
    between = torch.where(apart.sum(1) > 0, between, best.mean(1))
    found = torch.where(two, between, torch.where(count == 1, best[:, 0], nearest_time))
    return Choice(found, torch.where(count == 0, before, none))


def clip_numbers(starts: Tensor) -> Tensor:
    """[T] long, the clip of each frame, from where clips start [T] bool."""
    marked = starts.clone()
    marked[:1] = True
    return marked.long().cumsum(0) - 1


def record_times(clips: Tensor, nodes: int) -> Tensor:
    """Where frames stand on the time axis of the record, so that clips share no value of a plane.

    The axis has ``nodes`` values. Each clip has whole ones of its own, as many as its length asks
    for; a clip of one frame may have one.

    Args:
        clips: [T] long, clip of each frame, ascending from 0.
        nodes: Values along the axis, at least as many as clips.

    Returns:
        [T] in [-1, 1], float32.
    """
    lengths = torch.bincount(clips).double()
    ideal = lengths / lengths.sum() * nodes
    given = ideal.floor().clamp(min=1)
    while given.sum() > nodes:
        given[(given - ideal).masked_fill(given <= 1, -torch.inf).argmax()] -= 1
    while given.sum() < nodes:
        given[(ideal - given).argmax()] += 1
    first = given.cumsum(0) - given
    within = torch.arange(len(clips)) - (lengths.cumsum(0) - lengths).long()[clips]
    share = within / (lengths - 1).clamp(min=1)[clips]
    at = first[clips] + share * (given - 1)[clips]
    return (2 * at / max(nodes - 1, 1) - 1).float()


def at_times(values: Tensor, times: Tensor) -> Tensor:
    """Values [T] of frames at times [...] between them, linearly."""
    low = times.floor().long().clamp(0, len(values) - 1)
    high = times.ceil().long().clamp(0, len(values) - 1)
    return torch.lerp(values[low], values[high], (times - low).to(values.dtype))
