"""Writing the capture of a fitted video, with its figures and its quality sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.io.image import write_image
from avatar_kit.tracking.doubts import spelled, unknown, wrong_frames
from avatar_kit.tracking.figures import Figures, Verdict, judge, measure
from avatar_kit.tracking.fitted import FittedVideo
from avatar_kit.tracking.held_out import split_frames
from avatar_kit.tracking.matte import Matte, refine
from avatar_kit.tracking.mattes import matte_figures
from avatar_kit.tracking.measures import Agreement, iou, joint_error
from avatar_kit.tracking.scene import Scene
from avatar_kit.tracking.sheet import Look, Sheet, covered_by, draw_sheet, shaded_body
from avatar_kit.tracking.stages import Progress
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import shrink

#: Frames that the sheet shows.
SHOWN_FRAMES = 12
#: Frames that what the video shows of the body is taken from.
COVERING_FRAMES = 40
#: Wrong frames are left out unless they are a larger part of the video.
LARGEST_WRONG_SHARE = 0.5
#: Leak and rim of a matte that a video brought with it.
_UNMEASURED = (float("nan"), float("nan"))


@dataclass(frozen=True)
class CaptureContent:
    """What a capture is written from.

    Attributes:
        name: Of the capture.
        body_name: Registered name of the body.
        fitted: The video and the body fitted to it.
        scene: Behind the person.
        held_out: Part of each long clip kept for the test.
        cut: Part of the body outside the picture -> part of the frames.
        provenance: Facts for the record, anything JSON can hold.
    """

    name: str
    body_name: str
    fitted: FittedVideo
    scene: Scene
    held_out: float
    cut: dict[str, float]
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """What came out of a preparation.

    Attributes:
        capture: The capture on disk.
        figures: What was measured.
        verdict: "fit for training", "usable" or "not fit".
        reasons: For the verdict, each with what to do.
        notes: What else a person should know.
        unknown: What the video does not show, each with what to film.
        sheet: The quality sheet.
    """

    capture: Capture
    figures: Figures
    verdict: Verdict
    reasons: list[str]
    notes: list[str]
    unknown: list[str]
    sheet: Path


def write_capture(out: Path, content: CaptureContent, progress: Progress) -> Prepared:
    """Write a capture, measure it and draw its quality sheet.

    Args:
        out: Folder of the capture; must not exist or be empty.
        content: What to write.
        progress: Told of the frames.
    """
    fitted, scene = content.fitted, content.scene
    observed, fit, camera = fitted.observed, fitted.fit, fitted.camera
    frames = len(observed.frames)
    progress.start("capture", frames)
    writer = CaptureWriter(
        out,
        name=content.name,
        fps=observed.reader.fps,
        body=content.body_name,
        shape=dict(zip(fitted.body.shape_names, fit.shape.tolist(), strict=True)),
        cameras=camera,
    )
    shown = _spread(frames, SHOWN_FRAMES)
    size = observed.tracks.masks.shape[:0:-1]
    covering_frames = _spread(frames, COVERING_FRAMES)
    coverage = torch.zeros(len(fitted.body.topology.parts))
    overlap, mattes, looks = np.zeros(frames), [], []
    with writer:
        for frame, (image, matte) in enumerate(_pictures(fitted, scene)):
            writer.add(image, matte.mask)
            mattes.append(matte_figures(matte, observed.tracks.masks[frame]))
            overlap[frame] = iou(fitted.silhouette(frame, *size), shrink(matte.mask) > 127)
            if frame in shown:
                looks.append(Look(frame, image, matte.mask, shaded_body(fitted, frame)))
            if frame in covering_frames:
                coverage += covered_by(fitted, frame, shrink(matte.mask))
            progress.step(frame + 1)
        joints = joint_error(fitted.pixels(), observed.tracks, fit.height)
        agreement = Agreement(joints, overlap)
        wrong = wrong_frames(fitted, agreement)
        figures = measure(fitted, agreement, wrong, mattes)
        verdict, reasons = judge(figures, content.cut)
        good = ~wrong if wrong.mean() <= LARGEST_WRONG_SHARE else np.ones(frames, dtype=bool)
        notes = observed.notes + _wrong_notes(observed.frames, wrong, bool(good.all()))
        unseen = unknown(fitted)
        sheet = Sheet(
            content.name,
            fitted,
            looks,
            agreement,
            figures,
            verdict,
            reasons,
            notes,
            unseen,
            coverage,
        )
        write_image(writer.folder / "quality.png", draw_sheet(sheet))
        yaw, points = fit.yaw.numpy(), fit.keypoints[:, :23].numpy()
        capture = writer.finish(
            motion=fit.motion,
            splits=split_frames(
                observed.clips, content.held_out, points, yaw, good, observed.reader.fps
            ),
            clips=observed.clips,
            landmarks=_landmarks(observed.tracks),
            plates=scene.mean(observed.clips) if scene.believed else None,
            provenance=content.provenance
            | {
                "notes": notes,
                "figures": figures.rounded(),
                "verdict": verdict,
                "reasons": reasons,
                "unknown": unseen,
            },
        )
    progress.finish(f"{frames} frames in {out}")
    quality = capture.root / "quality.png"
    return Prepared(capture, figures, verdict, reasons, notes, unseen, quality)


def _spread(frames: int, count: int) -> set[int]:
    """Numbers of ``count`` frames, or of all, spread over a video."""
    return set(np.linspace(0, frames - 1, min(count, frames)).astype(int).tolist())


def _pictures(fitted: FittedVideo, scene: Scene) -> Iterator[tuple[np.ndarray, Matte]]:
    """Picture [H, W, 3], as a camera on a stand would have taken it, and matte of every frame.

    The matte is the video's own, or refined.
    """
    observed = fitted.observed
    place = {int(source): k for k, source in enumerate(observed.frames)}
    clip_of = np.concatenate([np.full(b - a, k) for k, (a, b) in enumerate(observed.clips)])
    for number, (picture, mask) in enumerate(observed.reader.with_masks()):
        if number in place:
            frame = place[number]
            image = scene.picture(picture, frame)
            if mask is not None:
                yield image, Matte(scene.picture(mask, frame), True, *_UNMEASURED)
            else:
                plate = scene.plate(int(clip_of[frame]))
                yield image, refine(image, observed.tracks.masks[frame], plate)


def _wrong_notes(numbers: np.ndarray, wrong: np.ndarray, kept: bool) -> list[str]:
    """What to say of frames, by their numbers in the video, in which the body is wrong."""
    if not wrong.any():
        return []
    count = int(wrong.sum())
    frames = "1 frame" if count == 1 else f"{count} frames"
    what = "too many to leave them out" if kept else "left out of training and test"
    return [f"the body is wrong in {frames} of the video, {what}: {spelled(numbers[wrong])}"]


def _landmarks(tracks: Tracks) -> dict[str, np.ndarray]:
    keys = ("body", "body_confidence", "hands", "hands_confidence", "face", "face_confidence")
    return {key: getattr(tracks, key) for key in keys}
