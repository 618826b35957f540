"""Writing the capture of a fitted video, with its figures and its quality sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.interfaces import Matting
from avatar_kit.io.image import write_image
from avatar_kit.scene.motion import concatenate
from avatar_kit.tracking.burnt_in import BurntIn
from avatar_kit.tracking.doubts import spelled, unknown, wrong_frames
from avatar_kit.tracking.figures import Figures, Verdict, judge, measure
from avatar_kit.tracking.fitted import FittedVideo, all_clips, over_all
from avatar_kit.tracking.held_out import split_frames
from avatar_kit.tracking.look import Look, covered_by
from avatar_kit.tracking.matte import Matte, refine
from avatar_kit.tracking.mattes import MatteFigures, matte_figures
from avatar_kit.tracking.matting import matted
from avatar_kit.tracking.measures import Agreement, iou, joint_error
from avatar_kit.tracking.scene import Scene
from avatar_kit.tracking.sheet import Sheet, draw_sheet
from avatar_kit.tracking.stages import Progress
from avatar_kit.tracking.watch import shrink

#: Frames that the sheet shows.
SHOWN_FRAMES = 12
#: Frames that what the video shows of the body is taken from.
COVERING_FRAMES = 40
#: Frames in which text and logos over the person are looked for, of each video.
BURNT_IN_FRAMES = 120
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
        videos: Name of the camera -> the video and the body fitted to it.
        scenes: Name of the camera -> what is behind the person.
        held_out: Part of each long clip kept for the test.
        matting: Finds the masks of the pictures that bring none; None: they are refined against the
            empty scene.
        cut: Part of the body outside the picture -> part of the frames.
        notes: What a person should know of the videos.
        provenance: Facts for the record, anything JSON can hold.
    """

    name: str
    body_name: str
    videos: dict[str, FittedVideo]
    scenes: dict[str, Scene]
    held_out: float
    matting: Matting | None
    cut: dict[str, float]
    notes: list[str]
    provenance: dict[str, Any]

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Name of the camera -> half-open range of its frames in the capture."""
        found, first = {}, 0
        for name, video in self.videos.items():
            found[name] = (first, first + len(video.observed.frames))
            first = found[name][1]
        return found


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
    videos, ranges = list(content.videos.values()), content.ranges()
    frames, fps = list(ranges.values())[-1][1], videos[0].observed.reader.fps
    progress.start("capture", frames)
    writer = CaptureWriter(
        out,
        name=content.name,
        fps=fps,
        body=content.body_name,
        shape=dict(zip(videos[0].body.shape_names, videos[0].fit.shape.tolist(), strict=True)),
        cameras={name: video.camera for name, video in content.videos.items()},
        frames=ranges if len(videos) > 1 else None,
    )
    with writer:
        written = _write_pictures(writer, content, progress)
        agreement = written.agreement
        wrong = np.concatenate([wrong_frames(*pair) for pair in written.by_video(videos)])
        figures = measure(videos, agreement, wrong, written.mattes, written.burnt_in)
        verdict, reasons = judge(figures, content.cut)
        good = ~wrong if wrong.mean() <= LARGEST_WRONG_SHARE else np.ones(frames, dtype=bool)
        notes = content.notes + _wrong_notes(content, wrong, bool(good.all()))
        unseen = unknown(videos)
        sheet = Sheet(
            *(content.name, videos, written.looks, agreement, figures, verdict, reasons, notes),
            unknown=unseen,
            coverage=written.coverage,
        )
        write_image(writer.folder / "quality.png", draw_sheet(sheet))
        clips = all_clips(videos)
        points = over_all(videos, lambda video: video.fit.keypoints[:, :23].numpy())
        yaw = over_all(videos, lambda video: video.fit.yaw.numpy())
        capture = writer.finish(
            motion=concatenate([replace(video.fit.motion, fps=fps) for video in videos]),
            splits=split_frames(clips, content.held_out, points, yaw, good, fps),
            clips=clips,
            landmarks=_landmarks(videos),
            plates=_plates(content),
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


@dataclass(frozen=True)
class _Written:
    """What was learned while the pictures were written."""

    agreement: Agreement
    mattes: list[MatteFigures]
    looks: list[Look]
    coverage: torch.Tensor
    burnt_in: float

    def by_video(self, videos: list[FittedVideo]) -> Iterator[tuple[FittedVideo, Agreement]]:
        first = 0
        for video in videos:
            own = slice(first, first + len(video.observed.frames))
            yield video, Agreement(self.agreement.joints[own], self.agreement.overlap[own])
            first = own.stop


def _write_pictures(writer: CaptureWriter, content: CaptureContent, progress: Progress) -> _Written:
    """Write pictures and masks of all videos, and measure them."""
    frames = max(end for _, end in content.ranges().values())
    shown, covering = _spread(frames, SHOWN_FRAMES), _spread(frames, COVERING_FRAMES)
    body = next(iter(content.videos.values())).body
    coverage = torch.zeros(len(body.topology.parts))
    joints, overlap, mattes, looks, burnt_in = [], np.zeros(frames), [], [], 0.0
    for k, (name, fitted) in enumerate(content.videos.items()):
        tracks, scene = fitted.observed.tracks, content.scenes[name]
        size = tracks.masks.shape[:0:-1]
        looked = _spread(len(fitted.observed.frames), BURNT_IN_FRAMES)
        overlay = BurntIn(fitted.fit.height * size[1] / fitted.camera.height)
        for place, (image, matte) in enumerate(_pictures(fitted, scene, content.matting)):
            frame = writer.add(image, matte.mask, name)
            mattes.append(matte_figures(matte, tracks.masks[place]))
            silhouette = fitted.silhouette(place, *size)
            overlap[frame] = iou(silhouette, shrink(matte.mask) > 127)
            if place in looked:
                overlay.add(image, silhouette)
            if frame in shown:
                looks.append(Look.of(fitted, (frame, k, place), image, matte.mask))
            if frame in covering:
                coverage += covered_by(fitted, place, shrink(matte.mask))
            progress.step(frame + 1)
        joints.append(joint_error(fitted.pixels(), tracks, fitted.fit.height))
        burnt_in = max(burnt_in, overlay.share())
    return _Written(Agreement(np.concatenate(joints), overlap), mattes, looks, coverage, burnt_in)


def _plates(content: CaptureContent) -> dict[str, np.ndarray]:
    """The plates of the cameras that are believed to show the empty scene."""
    return {
        name: scene.mean(content.videos[name].observed.clips)
        for name, scene in content.scenes.items()
        if scene.believed
    }


def _spread(frames: int, count: int) -> set[int]:
    """Numbers of ``count`` frames, or of all, spread over a video."""
    return set(np.linspace(0, frames - 1, min(count, frames)).astype(int).tolist())


def _pictures(
    fitted: FittedVideo, scene: Scene, matting: Matting | None
) -> Iterator[tuple[np.ndarray, Matte]]:
    """Picture [H, W, 3], as a camera on a stand would have taken it, and matte of every frame.

    The matte is the video's own, that of a matting, or refined.
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
            elif matting is not None:
                mask = matted(matting, image, observed.tracks.masks[frame])
                yield image, Matte(mask, True, *_UNMEASURED)
            else:
                plate = scene.plate(int(clip_of[frame]))
                yield image, refine(image, observed.tracks.masks[frame], plate)


def _wrong_notes(content: CaptureContent, wrong: np.ndarray, kept: bool) -> list[str]:
    """What to say of frames, by their numbers in the video, in which the body is wrong."""
    notes = []
    for name, (first, end) in content.ranges().items():
        numbers = content.videos[name].observed.frames[wrong[first:end]]
        if not len(numbers):
            continue
        frames = "1 frame" if len(numbers) == 1 else f"{len(numbers)} frames"
        what = "too many to omit them" if kept else "not used in training and test"
        of = f"the video of camera {name}" if len(content.videos) > 1 else "the video"
        notes.append(f"the body is wrong in {frames} of {of}, {what}: {spelled(numbers)}")
    return notes


def _landmarks(videos: list[FittedVideo]) -> dict[str, np.ndarray]:
    keys = ("body", "body_confidence", "hands", "hands_confidence", "face", "face_confidence")
    tracks = [video.observed.tracks for video in videos]
    return {key: np.concatenate([getattr(part, key) for part in tracks]) for key in keys}
