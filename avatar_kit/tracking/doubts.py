"""What a capture gets wrong, and what an avatar made of it will not know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.fitted import FittedVideo, over_all
from avatar_kit.tracking.heading import FASTEST_TURN
from avatar_kit.tracking.measures import Agreement

#: Mean error of the joints, percent of the height, from which on the body is wrong.
WRONG_ERROR_PERCENT = 2.5
#: Overlap of silhouette and mask over the usual one of the video, below which the body is wrong.
WRONG_OVERLAP_SHARE = 0.75
#: Metres a second of a wrist or an ankle that nobody reaches.
FASTEST_LIMB = 15.0
#: A side is known if so large a part of the frames shows it.
KNOWN_SHARE = 0.02
#: Sides, by the yaw in degrees that shows their middle, and what to film for them.
_SIDES = {
    "front": (0, "face the camera for a while"),
    "left side": (-90, "turn around once, slowly"),
    "back": (180, "turn around once, slowly"),
    "right side": (90, "turn around once, slowly"),
}


def wrong_frames(fitted: FittedVideo, agreement: Agreement) -> np.ndarray:
    """[T] bool: frames in which the fitted body is plainly not where the person is.

    It misses the joints, leaves the mask, or moves as nobody does.
    """
    error, overlap = agreement.error(), agreement.overlap
    wrong = np.nan_to_num(error) > WRONG_ERROR_PERCENT
    wrong |= np.nan_to_num(overlap, nan=1.0) < WRONG_OVERLAP_SHARE * np.nanmedian(overlap)
    fps, yaw = fitted.observed.reader.fps, fitted.fit.yaw.numpy()
    ends = [BODY_KEYPOINTS.index(f"{s}_{j}") for s in ("left", "right") for j in ("wrist", "ankle")]
    limbs = fitted.fit.keypoints.numpy()[:, ends]
    for a, b in fitted.observed.clips:
        fast = np.abs(np.diff(yaw[a:b])) * fps > FASTEST_TURN
        fast |= (np.linalg.norm(np.diff(limbs[a:b], axis=0), axis=-1) * fps > FASTEST_LIMB).any(1)
        wrong[a : b - 1] |= fast
        wrong[a + 1 : b] |= fast
    return np.asarray(wrong)


def unknown(videos: Sequence[FittedVideo]) -> list[str]:
    """What the videos of a person do not show, and what to film for it; a line each."""
    yaw = np.degrees(over_all(videos, lambda video: video.fit.yaw.numpy()))
    hands = over_all(videos, lambda video: video.observed.tracks.hands_confidence)
    face = over_all(videos, lambda video: video.observed.tracks.face_confidence)
    found: dict[str, list[str]] = {}
    for side, (middle, advice) in _SIDES.items():
        off = np.abs((yaw - middle + 180) % 360 - 180)
        if (off < 50).mean() < KNOWN_SHARE:
            found.setdefault(advice, []).append(f"the {side}")
    points = over_all(videos, lambda video: video.fit.keypoints.numpy()[..., 1])
    at = {name: k for k, name in enumerate(BODY_KEYPOINTS)}
    raised = [points[:, at[f"{s}_wrist"]] > points[:, at[f"{s}_shoulder"]] for s in _BOTH]
    if min(r.mean() for r in raised) < KNOWN_SHARE:
        found["raise both arms above your head"] = ["raised arms"]
    for side, sure in zip(_BOTH, hands.T, strict=True):
        if (sure > 0).mean() < 2 * KNOWN_SHARE:
            advice = "hold both hands open towards the camera, closer to it"
            found.setdefault(advice, []).append(f"the {side} hand")
    if (face > 0).mean() < 2 * KNOWN_SHARE:
        found.setdefault("look at the camera for a while", []).append("the face")
    return [f"{_listed(parts)}: {advice}" for advice, parts in found.items()]


_BOTH = ("left", "right")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def spelled(frames: np.ndarray) -> str:
    """Frame numbers as ranges: "3-7, 12, 20-31", the first five of them."""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    texts = [f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs]
    return ", ".join(texts[:5]) + (" ..." if len(texts) > 5 else "")
