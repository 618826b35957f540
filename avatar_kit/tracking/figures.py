"""The figures that say whether a capture is fit for training, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from avatar_kit.tracking.fitted import FittedVideo
from avatar_kit.tracking.measures import Agreement, hand_error, views

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


def measure(fitted: FittedVideo, agreement: Agreement) -> Figures:
    """The figures of a capture.

    Args:
        fitted: The video and the body fitted to it.
        agreement: Of the two, frame by frame.
    """
    observed, fit = fitted.observed, fitted.fit
    tracks, yaw = observed.tracks, fit.yaw.numpy()
    return Figures(
        frames=len(observed.frames),
        dropped=len(observed.reader) - len(observed.frames),
        clips=len(observed.clips),
        person_pixels=fit.height,
        error=float(np.nanmean(agreement.joints)),
        error_95=float(np.nanquantile(agreement.joints, 0.95)),
        hand_error=hand_error(fitted.pixels(), tracks, fit.height),
        iou=float(np.nanmean(agreement.overlap)),
        iou_least=float(np.nanmin(agreement.overlap)),
        yaw_low=float(np.degrees(yaw.min())),
        yaw_high=float(np.degrees(yaw.max())),
        views=views(yaw),
        face=float((tracks.face_confidence > 0).mean()),
        hands=float((tracks.hands_confidence > 0).mean()),
    )


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
