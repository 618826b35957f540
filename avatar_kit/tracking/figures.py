"""The figures that say whether a capture is fit for training, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from avatar_kit.tracking.fitted import FittedVideo, over_all
from avatar_kit.tracking.mattes import MatteFigures
from avatar_kit.tracking.measures import Agreement, hand_error, views

Verdict = Literal["fit for training", "usable", "not fit"]


@dataclass(frozen=True)
class Figures:
    """What was measured of a prepared video.

    Attributes:
        frames: Frames in the capture.
        dropped: Frames of the videos that are not in it.
        clips: Number of clips.
        person_pixels: Height of the person in pixels, where she is smallest of several videos.
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
        right: Part of the frames in which the body is not plainly wrong.
        mask_whole: Part of the mattes that hangs together, of the worst tenth of the frames.
        mask_filled: Part of the mattes without holes, likewise.
        mask_plain: Length of the tracker's outline over that of the mattes, likewise.
        mask_agreement: Intersection over union of the mattes and the tracker's masks, likewise.
        mask_clear: Part of the person's rim that differs from the empty scene, likewise.
        refined: Part of the frames whose matte could be refined against the empty scene.
        burnt_in: Edges that stay although the person comes before them, over her size in pixels.
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
    right: float
    mask_whole: float
    mask_filled: float
    mask_plain: float
    mask_agreement: float
    mask_clear: float
    refined: float
    burnt_in: float

    def rounded(self) -> dict[str, float | None]:
        """As plain numbers for a record; None for what could not be measured."""
        values = {k: round(float(v), 4) for k, v in asdict(self).items()}
        return {k: v if np.isfinite(v) else None for k, v in values.items()}


def measure(
    videos: Sequence[FittedVideo],
    agreement: Agreement,
    wrong: np.ndarray,
    mattes: list[MatteFigures],
    burnt_in: float,
) -> Figures:
    """The figures of a capture.

    Args:
        videos: The videos and the body fitted to them.
        agreement: Of the two, frame by frame.
        wrong: [T] bool, where the body is wrong.
        mattes: Of every frame.
        burnt_in: Of the worst video.
    """
    yaw = over_all(videos, lambda video: video.fit.yaw.numpy())
    face = over_all(videos, lambda video: video.observed.tracks.face_confidence)
    hands = over_all(videos, lambda video: video.observed.tracks.hands_confidence)
    return Figures(
        frames=len(yaw),
        dropped=sum(len(video.observed.reader) for video in videos) - len(yaw),
        clips=sum(len(video.observed.clips) for video in videos),
        person_pixels=min(video.fit.height for video in videos),
        error=float(np.nanmean(agreement.joints)),
        error_95=float(np.nanquantile(agreement.joints, 0.95)),
        hand_error=_hand_error(videos),
        iou=float(np.nanmean(agreement.overlap)),
        iou_least=float(np.nanmin(agreement.overlap)),
        yaw_low=float(np.degrees(yaw.min())),
        yaw_high=float(np.degrees(yaw.max())),
        views=views(yaw),
        face=float((face > 0).mean()),
        hands=float((hands > 0).mean()),
        right=1 - float(wrong.mean()),
        refined=float(np.mean([m.refined for m in mattes])),
        burnt_in=burnt_in,
        **{
            f"mask_{name}": float(np.quantile([getattr(m, name) for m in mattes], 0.1))
            for name in ("whole", "filled", "plain", "agreement", "clear")
        },
    )


def _hand_error(videos: Sequence[FittedVideo]) -> float:
    """Mean over all hands that are seen, percent of the height; NaN if none is."""
    seen = [int((video.observed.tracks.hands_confidence > 0).sum()) for video in videos]
    found = [hand_error(v.pixels(), v.observed.tracks, v.fit.height) for v in videos]
    total = sum(n * error for n, error in zip(seen, found, strict=True) if n)
    return total / sum(seen) if any(seen) else float("nan")


def percent(value: float) -> str:
    """A percentage as text; "n/a" for NaN."""
    return "n/a" if value != value else f"{value:.2f} %"


#: Figure -> (above or below, limit for "fit", limit for "usable", what to say with advice).
_RULES = (
    ("error", "<", 0.8, 1.6, "the body misses the joints by {error:.2f} % of the height",
     "film in even light, in front of a plain wall"),
    ("iou", ">", 0.7, 0.55, "the fitted body does not cover the person well (overlap {iou:.2f})",
     "wear closer clothes, or give --fov and --shape"),
    ("person_pixels", ">", 300, 150, "the person is {person_pixels:.0f} pixels high",
     "move closer, or film in portrait"),
    ("frames", ">", 90, 24, "only {frames} frames", "film 10 seconds or more"),
    ("face", ">", 0.15, -1, "a face is visible in only {face:.0%} of the frames",
     "look at the camera for a while"),
    ("hands", ">", 0.3, -1, "hands are found in only {hands:.0%} of the frames",
     "hold your hands still and open for a while, closer to the camera"),
    ("right", ">", 0.98, 0.85, "the body is wrong in {wrong:.0%} of the frames",
     "look at the sheet, and film the poses of these frames again"),
    ("mask_whole", ">", 0.97, 0.9, "the masks are in pieces ({stray:.0%} not connected)",
     "film in front of a plain wall, without shadows and mirrors"),
    ("mask_filled", ">", 0.985, 0.95, "the masks have holes ({holes:.1%} of the person)",
     "wear something that stands out from the wall"),
    ("mask_plain", ">", 0.65, 0.45, "the outline of the masks is ragged",
     "film in front of a plain wall, in even light, with the camera on a tripod"),
    ("mask_agreement", ">", 0.85, 0.7, "the masks do not agree well with the tracker's "
     "(overlap {mask_agreement:.2f})", "film in front of a plain wall, in even light"),
    ("mask_clear", ">", 0.7, -1,
     "the person has the colour of the wall along {alike:.0%} of the outline",
     "wear clothes in a colour other than the wall's"),
    ("refined", ">", 0.5, -1, "only {refined:.0%} of the masks could be refined against the scene",
     "put the camera on a tripod, in front of a wall that does not move"),
    ("burnt_in", "<", 0.002, 0.1, "text, a logo or a bar covers part of the person",
     "use the video without it, or the avatar will show it"),
)  # fmt: skip


def judge(figures: Figures, cut: dict[str, float]) -> tuple[Verdict, list[str]]:
    """The verdict and its reasons, each with what to do.

    Args:
        figures: Of the capture.
        cut: Part of the body outside the picture -> part of the frames.
    """
    reasons, worst = [], 0
    words = asdict(figures) | {
        "wrong": 1 - figures.right,
        "stray": 1 - figures.mask_whole,
        "holes": 1 - figures.mask_filled,
        "alike": 1 - figures.mask_clear,
    }
    for name, side, good, bearable, text, advice in _RULES:
        value = getattr(figures, name)
        level = _level(value, good, bearable) if side == ">" else _level(-value, -good, -bearable)
        if level:
            reasons.append(f"{text.format(**words)}: {advice}")
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
