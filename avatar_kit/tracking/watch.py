"""Running a tracker over a video, and what its answer says about the video."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.interfaces import FrameTrack, PersonBox, Tracker
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.clips import thumbnail
from avatar_kit.tracking.packed import PackedMasks
from avatar_kit.tracking.spool import Spool
from avatar_kit.tracking.tracks import MASK_EDGE_PIXELS, Tracks, main_joints

#: A frame shows the person if so many main joints are seen with more than this confidence.
MIN_SEEN_JOINTS, MIN_JOINT_CONFIDENCE = 2, 0.5
#: Part of the frames in which something must happen to be worth a word.
NOTABLE_SHARE = 0.1

#: Takes the place of full-size masks, so that a video's do not fill the memory.
_EMPTY_MASK = np.zeros((0, 0), dtype=np.uint8)


def watch(
    tracker: Tracker,
    frames: Iterable[np.ndarray],
    step: Callable[[int], None],
    choose: Callable[[list[PersonBox]], int] | None = None,
) -> dict[str, Any]:
    """Track a video.

    Args:
        tracker: Is reset first.
        frames: [H, W, 3] uint8 RGB pictures in time order.
        step: Told how many frames are done.
        choose: Says who of the people in the first picture is followed; None: the largest.

    Returns:
        The fields of :class:`Tracks`, and "thumbnails" [T, h, w, 3] uint8.
    """
    tracker.reset()
    found: list[FrameTrack] = []
    masks = PackedMasks()
    with Spool() as thumbnails:
        for frame in frames:
            if choose is not None and not found:
                people = tracker.people(frame)
                tracker.follow(people[choose(people)])
            track = tracker.stream(frame)
            masks.append(shrink(track.mask))
            thumbnails.append(thumbnail(frame).round().astype(np.uint8))
            found.append(replace(track, mask=_EMPTY_MASK))
            step(len(found))
        large = {"masks": masks, "thumbnails": thumbnails.stacked()}
    names = [n for n in Tracks.__dataclass_fields__ if n not in ("masks", "expression")]
    stacked = {n: np.stack([np.asarray(getattr(t, n)) for t in found]) for n in names}
    return stacked | large | {"expression": tracker.expressions(found).astype(np.float32)}


def shrink(mask: np.ndarray) -> np.ndarray:
    """A mask [H, W] uint8 at ``MASK_EDGE_PIXELS`` at most, by area averaging."""
    step = -(-max(mask.shape) // MASK_EDGE_PIXELS)
    pad = [(0, -side % step) for side in mask.shape]
    padded = np.pad(mask, pad, mode="edge")
    height, width = (side // step for side in padded.shape)
    blocks = padded.reshape(height, step, width, step)
    return blocks.mean((1, 3)).round().astype(np.uint8)


def seen(tracks: Tracks) -> np.ndarray:
    """[T] bool: frames that show the person."""
    sure = tracks.body_confidence[:, main_joints()] > MIN_JOINT_CONFIDENCE
    return sure.sum(1) >= MIN_SEEN_JOINTS


def check_person(tracks: Tracks, video: Path) -> None:
    """Refuse a video without a person.

    Raises:
        UserError: Too few frames show one.
    """
    share = float(seen(tracks).mean()) if len(tracks) else 0.0
    if share < NOTABLE_SHARE:
        raise UserError(
            f"{video}: no person found in {100 * (1 - share):.0f}% of the frames; film one "
            "person from head to toe, in even light"
        )


def crowd_note(tracks: Tracks, taken: str = "the larger one") -> str:
    """What to say about further people in the picture and who is taken; empty if there are none."""
    several = np.flatnonzero(tracks.people > 1)
    if len(several) < 0.02 * len(tracks):
        return ""
    share = 100 * len(several) / len(tracks)
    return (
        f"{int(tracks.people.max())} people in {share:.0f}% of the frames (first in frame "
        f"{several[0]}): {taken} is used"
    )


def lying_note(tracks: Tracks) -> str:
    """What to say of a picture that lies on its side or stands on its head; empty if it stands."""
    joints = {n: k for k, n in enumerate(BODY_KEYPOINTS)}
    low, high = ([joints[f"{s}_{p}"] for s in ("left", "right")] for p in ("hip", "shoulder"))
    hips, shoulders = tracks.body[:, low].mean(1), tracks.body[:, high].mean(1)
    sure = tracks.body_confidence[:, [*low, *high]].min(1) > MIN_JOINT_CONFIDENCE
    if not sure.any():
        return ""
    across, down = np.median((shoulders - hips)[sure], axis=0)
    if -down >= abs(across):
        return ""
    degrees = 180 if down > abs(across) else 90 if across < 0 else 270
    how = "to be upside down" if degrees == 180 else "to be rotated by 90 degrees"
    return f"the picture seems {how}: if this is so, add --rotate {degrees}"


#: Part of the body -> key points that show that it is in the picture.
_PART_KEYPOINTS = {
    "feet": ("left_ankle", "right_ankle"),
    "head": ("nose", "left_ear", "right_ear"),
    "hands": ("left_wrist", "right_wrist"),
}


def cut_parts(tracks: Tracks, width: int, height: int) -> dict[str, float]:
    """Parts of the body that are outside the picture -> part of the frames in which they are."""
    margin = 0.005 * max(width, height)
    found = {}
    for part, names in _PART_KEYPOINTS.items():
        points = tracks.body[:, [BODY_KEYPOINTS.index(n) for n in names]]
        off = (points < margin).any(-1) | (points > np.array([width, height]) - margin).any(-1)
        share = float(off.any(1).mean())
        if share > NOTABLE_SHARE:
            found[part] = share
    return found


def check_whole(cut: dict[str, float], video: Path) -> None:
    """Refuse a person whose head or feet are mostly outside the picture.

    Args:
        cut: From :func:`cut_parts`.
        video: For the message.

    Raises:
        UserError: Says which part, how often, and what to do.
    """
    for part in ("feet", "head"):
        if cut.get(part, 0.0) > 0.5:
            raise UserError(
                f"{video}: the person is cut by the frame (the {part} in {cut[part]:.0%} of the "
                "frames); step back until head, hands and feet are always in the picture, or "
                "add --allow-cut to prepare it anyway"
            )
