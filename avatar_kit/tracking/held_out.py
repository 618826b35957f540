"""Which frames are kept for the test: those that ask most of an avatar, and take least from it."""

from __future__ import annotations

import numpy as np

#: Clips shorter than this give no frames to the test.
MIN_TEST_CLIP_FRAMES = 40
#: Length of a stretch in seconds.
_STRETCH_SECONDS = 0.8
#: Seconds around a stretch that are not compared with it: neighbours are alike.
_APART_SECONDS = 0.25
#: Mean distance of the joints from which on a pose is far from another, in metres.
FAR_METRES = 0.1
#: Width of what counts as a side of the person, in degrees of yaw, and how much of the frames that
#: show one must stay for training.
_SIDE_DEGREES, _LEFT_SHARE = 30, 0.5
#: Poses of a clip that are compared with each other, at most.
_COMPARED = 600


def split_frames(
    clips: list[tuple[int, int]],
    share: float,
    joints: np.ndarray,
    yaw: np.ndarray,
    good: np.ndarray,
    fps: float,
) -> dict[str, list[int]]:
    """Some stretches of every long clip for the test, the rest for training.

    They are those whose poses lie furthest from all others, up to ``FAR_METRES``: where a person
    stands still, any avatar is as good as the nearest recorded frame. Of every side of the person
    half of the frames stay, if there are such stretches: a test that takes the only look at her
    back away would measure what was never filmed, and spoil the avatar.

    Args:
        clips: Half-open ranges of frames.
        share: The part of a clip for the test.
        joints: [T, J, 3] of the body in the world, metres.
        yaw: [T] of the pelvis in radians.
        good: [T] bool, frames that may be used.
        fps: Frames per second.

    Returns:
        "train" and, if any clip is long enough, "test" -> frame numbers, rising.
    """
    sides = np.floor(np.degrees(yaw) % 360 / _SIDE_DEGREES).astype(int)
    free = good.copy()
    for a, b in clips:
        count = round(share * (b - a)) if b - a >= MIN_TEST_CLIP_FRAMES else 0
        pieces = max(1, round(count / (_STRETCH_SECONDS * fps)))
        apart = _distances(joints[a:b])
        for length in (len(part) for part in np.array_split(np.arange(count), pieces)):
            if length:
                start = a + _furthest(apart, sides, good, free, (a, b), length, fps)
                free[start : start + length] = False
    train, test = (np.flatnonzero(good & kept).tolist() for kept in (free, ~free))
    return {"train": train, "test": test} if test else {"train": train}


def _distances(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N] numbers of frames and [N, N] mean distance of their joints [T, J, 3] about the middle."""
    some = np.arange(0, len(joints), -(-len(joints) // _COMPARED))
    poses = joints[some] - joints[some].mean(1, keepdims=True)
    return some, np.stack([np.linalg.norm(poses - pose, axis=-1).mean(-1) for pose in poses])


def _furthest(
    distances: tuple[np.ndarray, np.ndarray],
    sides: np.ndarray,
    good: np.ndarray,
    free: np.ndarray,
    clip: tuple[int, int],
    count: int,
    fps: float,
) -> int:
    """Where in a clip the stretch of ``count`` free frames begins that lies furthest away."""
    some, apart = distances
    a, b = clip
    margin = _APART_SECONDS * fps
    whole = np.bincount(sides[good], minlength=sides.max() + 1)
    best, begin = (-np.inf, -np.inf), b - a - count
    for start in range(0, b - a - count + 1, max(1, count // 4)):
        inside = (some >= start) & (some < start + count)
        others = ((some < start - margin) | (some >= start + count + margin)) & free[a:b][some]
        there = slice(a + start, a + start + count)
        if not inside.any() or not others.any() or (good[there] & ~free[there]).any():
            continue
        left = free.copy()
        left[there] = False
        kept = np.bincount(sides[left], minlength=len(whole))
        lost = int((kept < _LEFT_SHARE * whole).sum())
        nearest = apart[np.ix_(inside, others)].min(1).clip(max=FAR_METRES)
        found = (-lost, float(nearest.mean() * good[there].mean()))
        if found > best:
            best, begin = found, start
    return begin
