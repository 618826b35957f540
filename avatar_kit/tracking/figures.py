"""The figures that say whether a capture is fit for training, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

Verdict = Literal["fit for training", "usable", "not fit"]


@dataclass(frozen=True)
class Figures:
    """What was measured of a prepared video.

    Attributes:
        frames: Frames in the capture.
        dropped: Frames of the video that are not in it.
        clips: Number of clips.
        person_pixels: Height of the person in pixels.
        error: Mean reprojection error of the main joints, percent of the height.
        error_95: Its 95th percentile.
        hand_error: Mean reprojection error of hand points relative to the wrist, percent.
        iou: Mean silhouette intersection over union.
        iou_least: Of the worst frame looked at.
        yaw_low: Least yaw in degrees.
        yaw_high: Largest yaw in degrees.
        views: Part of all directions the person was seen from, in steps of 30 degrees.
        face: Part of the frames in which a face is seen.
        hands: Part of the frames in which hands are seen, left and right averaged.
    """

    frames: int
    dropped: int
    clips: int
    person_pixels: float
    error: float
    error_95: float
    hand_error: float
    iou: float
    iou_least: float
    yaw_low: float
    yaw_high: float
    views: float
    face: float
    hands: float

    def rounded(self) -> dict[str, float | None]:
        """As plain numbers for a record; None for what could not be measured."""
        values = {k: round(float(v), 4) for k, v in asdict(self).items()}
        return {k: v if np.isfinite(v) else None for k, v in values.items()}


def views(yaw: np.ndarray) -> float:
    """Part of the 12 directions of 30 degrees that ``yaw`` [T] (radians) visits."""
    bins = np.floor(np.degrees(yaw) % 360 / 30).astype(int)
    return len(np.unique(bins)) / 12


def percent(value: float) -> str:
    """A percentage as text; "n/a" for NaN."""
    return "n/a" if value != value else f"{value:.2f} %"


#: Figure -> (above or below, limit for "fit", limit for "usable", what to say with advice).
_RULES = (
    ("error", "<", 0.8, 1.6, "the body misses the joints by {error:.2f} % of the height",
     "film in even light, in front of a plain wall"),
    ("iou", ">", 0.7, 0.55, "the body covers the person badly (overlap {iou:.2f})",
     "wear closer clothes, or state --fov and --shape"),
    ("person_pixels", ">", 300, 150, "the person is {person_pixels:.0f} pixels high",
     "go closer, or film in portrait"),
    ("frames", ">", 90, 24, "only {frames} frames", "film 10 seconds or more"),
    ("face", ">", 0.15, -1, "a face is seen in {face:.0%} of the frames only",
     "look at the camera for a while"),
)  # fmt: skip


def judge(figures: Figures, cut: dict[str, float]) -> tuple[Verdict, list[str]]:
    """The verdict and its reasons, each with what to do.

    Args:
        figures: Of the capture.
        cut: Part of the body outside the picture -> part of the frames.
    """
    reasons, worst = [], 0
    for name, side, good, bearable, text, advice in _RULES:
        value = getattr(figures, name)
        level = _level(value, good, bearable) if side == ">" else _level(-value, -good, -bearable)
        if level:
            reasons.append(f"{text.format(**asdict(figures))}: {advice}")
            worst = max(worst, level)
    for part, share in cut.items():
        reasons.append(
            f"the {part} are outside the picture in {share:.0%} of the frames: "
            "step back until head, hands and feet are always in it"
            if part != "head"
            else f"the head is outside the picture in {share:.0%} of the frames: step back"
        )
        worst = max(worst, 1 if part == "hands" and share < 0.5 else 2)
    verdicts: tuple[Verdict, ...] = ("fit for training", "usable", "not fit")
    return verdicts[worst], reasons


def _level(value: float, good: float, bearable: float) -> int:
    return 0 if value >= good else 1 if value >= bearable else 2
