"""Writing the capture of a fitted video, with its figures and its quality sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.io.image import write_image
from avatar_kit.tracking.figures import Figures, Verdict, judge, measure
from avatar_kit.tracking.fitted import FittedVideo
from avatar_kit.tracking.measures import Agreement, iou, joint_error
from avatar_kit.tracking.plate import Plates, refine
from avatar_kit.tracking.sheet import Look, Sheet, draw_sheet, shaded_body
from avatar_kit.tracking.stages import Progress
from avatar_kit.tracking.tracks import Tracks

#: Frames whose silhouette is compared.
COMPARED_FRAMES = 60
#: Frames that the sheet shows; compared, too.
SHOWN_FRAMES = 12
#: Clips shorter than this give no frames to the test.
MIN_TEST_CLIP_FRAMES = 40


@dataclass(frozen=True)
class CaptureContent:
    """What a capture is written from.

    Attributes:
        name: Of the capture.
        body_name: Registered name of the body.
        fitted: The video and the body fitted to it.
        plates: Of the clips.
        held_out: Part of each long clip kept for the test.
        cut: Part of the body outside the picture -> part of the frames.
        provenance: Facts for the record, anything JSON can hold.
    """

    name: str
    body_name: str
    fitted: FittedVideo
    plates: Plates
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
        sheet: The quality sheet.
    """

    capture: Capture
    figures: Figures
    verdict: Verdict
    reasons: list[str]
    notes: list[str]
    sheet: Path


def write_capture(out: Path, content: CaptureContent, progress: Progress) -> Prepared:
    """Write a capture, measure it and draw its quality sheet.

    Args:
        out: Folder of the capture; must not exist or be empty.
        content: What to write.
        progress: Told of the frames.
    """
    fitted, plates = content.fitted, content.plates
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
    compared, shown = _spread(frames, COMPARED_FRAMES), _spread(frames, SHOWN_FRAMES)
    overlap = np.full(frames, np.nan)
    looks = []
    with writer:
        for frame, (image, mask) in enumerate(_pictures(fitted, plates)):
            writer.add(image, mask)
            if frame in compared | shown:
                shade = shaded_body(fitted, frame)
                overlap[frame] = iou(shade >= 0, mask > 127)
                if frame in shown:
                    looks.append(Look(frame, image, mask, shade))
            progress.step(frame + 1)
        joints = joint_error(fitted.pixels(), observed.tracks, fit.height)
        agreement = Agreement(joints, overlap)
        figures = measure(fitted, agreement)
        verdict, reasons = judge(figures, content.cut)
        sheet = Sheet(content.name, fitted, looks, agreement, figures, verdict, reasons)
        write_image(writer.folder / "quality.png", draw_sheet(sheet))
        capture = writer.finish(
            motion=fit.motion,
            splits=splits(observed.clips, content.held_out),
            clips=observed.clips,
            landmarks=_landmarks(observed.tracks),
            plates=plates.mean(observed.clips) if plates.still else None,
            provenance=content.provenance
            | {"figures": figures.rounded(), "verdict": verdict, "reasons": reasons},
        )
    progress.finish(f"{frames} frames in {out}")
    quality = capture.root / "quality.png"
    return Prepared(capture, figures, verdict, reasons, observed.notes, quality)


def splits(clips: list[tuple[int, int]], held_out: float) -> dict[str, list[int]]:
    """The last part of every long clip for the test, the rest for training.

    Args:
        clips: Half-open ranges of frames.
        held_out: The part for the test.

    Returns:
        "train" and, if any clip is long enough, "test" -> frame numbers.
    """
    train: list[int] = []
    test: list[int] = []
    for a, b in clips:
        end = b - round(held_out * (b - a)) if b - a >= MIN_TEST_CLIP_FRAMES else b
        train += range(a, end)
        test += range(end, b)
    return {"train": train, "test": test} if test else {"train": train}


def _spread(frames: int, count: int) -> set[int]:
    """Numbers of ``count`` frames, or of all, spread over a video."""
    return set(np.linspace(0, frames - 1, min(count, frames)).astype(int).tolist())


def _pictures(fitted: FittedVideo, plates: Plates) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Picture [H, W, 3] and full mask [H, W] of every kept frame: the video's own, or refined."""
    observed = fitted.observed
    place = {int(source): k for k, source in enumerate(observed.frames)}
    clip_of = np.concatenate([np.full(b - a, k) for k, (a, b) in enumerate(observed.clips)])
    for number, (image, mask) in enumerate(observed.reader.with_masks()):
        if number in place:
            frame = place[number]
            if mask is None:
                plate = plates.images[clip_of[frame]] if plates.still else None
                mask = refine(image, observed.tracks.masks[frame], plate)
            yield image, mask


def _landmarks(tracks: Tracks) -> dict[str, np.ndarray]:
    keys = ("body", "body_confidence", "hands", "hands_confidence", "face", "face_confidence")
    return {key: getattr(tracks, key) for key in keys}
