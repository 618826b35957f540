"""The lines of a skeleton, to draw over a picture of the performer."""

from __future__ import annotations

from avatar_kit.scene.joints import BODY_KEYPOINTS

#: Joints of one side that a line joins.
_LIMBS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("shoulder", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("ankle", "heel"),
    ("heel", "big_toe"),
    ("ankle", "big_toe"),
)


def lines() -> list[tuple[int, int]]:
    """Which points of :class:`~avatar_kit.live.messages.Seen` a skeleton joins."""
    body = [
        (BODY_KEYPOINTS.index(f"{side}_{a}"), BODY_KEYPOINTS.index(f"{side}_{b}"))
        for side in ("left", "right")
        for a, b in _LIMBS
    ]
    across = [
        (BODY_KEYPOINTS.index(f"left_{part}"), BODY_KEYPOINTS.index(f"right_{part}"))
        for part in ("shoulder", "hip")
    ]
    count = len(BODY_KEYPOINTS)
    hands = [
        (first + (0 if k % 4 == 1 else k - 1), first + k)
        for first in (count, count + 21)
        for k in range(1, 21)
    ]
    return body + across + hands
