"""Which frames are kept for the test: those that ask most of an avatar."""

from __future__ import annotations

import numpy as np

#: Clips shorter than this give no frames to the test.
MIN_TEST_CLIP_FRAMES = 40
#: Seconds around a stretch that are not compared with it: neighbours are alike.
_APART_SECONDS = 0.5
#: Mean distance of the joints from which on a pose is far from another, in metres.
FAR_METRES = 0.1
#: Width of what counts as a side of the person, in degrees of yaw.
_SIDE_DEGREES = 30
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
    """One stretch of every long clip for the test, the rest for training.

    The stretch is the one whose poses lie furthest from all others, up to ``FAR_METRES``: where a
    person stands still, any avatar is as good as the nearest recorded frame. It takes no side of
    the person away that the rest does not show, if there is such a stretch.

    Args:
        clips: Half-open ranges of frames.
        share: The part of a clip for the test.
        joints: [T, J, 3] of the body in the world, metres.
        yaw: [T] of the pelvis in radians.
        good: [T] bool, frames that may be used.
        fps: Frames per second.

    Returns:
        "train" and, if any clip is long enough, "test" -> frame numbers.
    """
    train: list[int] = []
    test: list[int] = []
    sides = np.floor(np.degrees(yaw) % 360 / _SIDE_DEGREES).astype(int)
    for a, b in clips:
        count = round(share * (b - a)) if b - a >= MIN_TEST_CLIP_FRAMES else 0
        start = b
        if count:
            elsewhere = set(np.delete(sides, np.arange(a, b)).tolist())
            start = a + _furthest(joints[a:b], sides[a:b], elsewhere, good[a:b], count, fps)
        kept = range(start, start + count)
        train += [t for t in range(a, b) if t not in kept and good[t]]
        test += [t for t in kept if good[t]]
    return {"train": train, "test": test} if test else {"train": train}


def _furthest(
    joints: np.ndarray,
    sides: np.ndarray,
    elsewhere: set[int],
    good: np.ndarray,
    count: int,
    fps: float,
) -> int:
    """Where the stretch of ``count`` frames begins whose poses lie furthest from the others."""
    frames = len(joints)
    step = -(-frames // _COMPARED)
    some = np.arange(0, frames, step)
    poses = joints[some] - joints[some].mean(1, keepdims=True)
    apart = np.stack([np.linalg.norm(poses - pose, axis=-1).mean(-1) for pose in poses])
    margin = _APART_SECONDS * fps
    best, begin = (-np.inf, -np.inf), frames - count
    for start in range(0, frames - count + 1, max(1, count // 4)):
        inside = (some >= start) & (some < start + count)
        others = (some < start - margin) | (some >= start + count + margin)
        if not inside.any() or not others.any():
            continue
        rest = np.delete(sides, np.arange(start, start + count))
        lost = set(sides.tolist()) - set(rest.tolist()) - elsewhere
        nearest = apart[np.ix_(inside, others)].min(1).clip(max=FAR_METRES)
        found = (-len(lost), float(nearest.mean() * good[start : start + count].mean()))
        if found > best:
            best, begin = found, start
    return begin
