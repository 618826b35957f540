"""Writing the capture of a fitted video, with its figures and its quality sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.io.image import write_image
from avatar_kit.scene import Camera
from avatar_kit.tracking.figures import Figures, judge, views
from avatar_kit.tracking.fit import Fit
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.plate import STILL_PLATE_LEVELS, refine
from avatar_kit.tracking.sheet import Look, draw_sheet
from avatar_kit.tracking.stages import Progress
from avatar_kit.tracking.tracks import main_joints

#: Frames whose silhouette is compared, and frames that the sheet shows.
COMPARED_FRAMES, SHOWN_FRAMES = 60, 12
#: Clips shorter than this give no frames to the test.
MIN_TEST_CLIP_FRAMES = 40


def splits(clips: list[tuple[int, int]], held_out: float) -> dict[str, list[int]]:
    """The last part of every long clip for the test, the rest for training."""
    train: list[int] = []
    test: list[int] = []
    for a, b in clips:
        cut = b - round(held_out * (b - a)) if b - a >= MIN_TEST_CLIP_FRAMES else b
        train += range(a, cut)
        test += range(cut, b)
    return {"train": train, "test": test} if test else {"train": train}


def write_capture(
    out: Path,
    *,
    name: str,
    observed: Observed,
    fit: Fit,
    camera: Camera,
    body: tuple[str, Body],
    plates: dict[str, np.ndarray],
    held_out: float,
    cut: dict[str, float],
    provenance: dict[str, Any],
    progress: Progress,
) -> tuple[Capture, Figures, str, list[str], list[str], Path]:
    """Write the capture; see :class:`~avatar_kit.tracking.pipeline.Prepared` for what returns."""
    body_name, model = body
    frames = len(observed.frames)
    progress.start("capture", frames)
    writer = CaptureWriter(
        out,
        name=name,
        fps=observed.reader.fps,
        width=camera.width,
        height=camera.height,
        body=body_name,
        shape=dict(zip(model.shape_names, fit.shape.tolist(), strict=True)),
        camera=camera,
    )
    compared = set(np.linspace(0, frames - 1, min(COMPARED_FRAMES, frames)).astype(int).tolist())
    shown = set(np.linspace(0, frames - 1, min(SHOWN_FRAMES, frames)).astype(int).tolist())
    error = joint_error(fit, observed, camera)
    overlap = np.full(frames, np.nan)
    looks = []
    with writer:
        for frame, (image, mask) in enumerate(_pictures(observed, plates)):
            writer.add(image, mask)
            if frame in compared or frame in shown:
                overlay = silhouette(model, fit, camera, frame)
                overlap[frame] = iou(overlay >= 0, mask > 127)
                if frame in shown:
                    looks.append(Look(frame, image, mask, overlay, error[frame], overlap[frame]))
            progress.step(frame + 1)
        figures = measure(fit, observed, camera, error, overlap)
        verdict, reasons = judge(figures, cut)
        sheet = draw_sheet(
            name, looks, observed, fit, camera, error, overlap, figures, verdict, reasons
        )
        write_image(writer.folder / "quality.png", sheet)
        capture = writer.finish(
            motion=fit.motion,
            splits=splits(observed.clips, held_out),
            clips=observed.clips,
            landmarks=_landmarks(observed),
            background=plates["plates"][0] if _calm(plates) else None,
            provenance=provenance
            | {"figures": figures.rounded(), "verdict": verdict, "reasons": reasons},
        )
    progress.finish(f"{frames} frames in {out}")
    return capture, figures, verdict, reasons, observed.notes, capture.root / "quality.png"


def _pictures(observed: Observed, plates: dict[str, np.ndarray]) -> Iterator[tuple]:
    """Picture and refined mask of every kept frame."""
    place = {int(source): k for k, source in enumerate(observed.frames)}
    clip_of = np.concatenate([np.full(b - a, k) for k, (a, b) in enumerate(observed.clips)])
    calm = _calm(plates)
    for number, image in enumerate(observed.reader):
        if number in place:
            frame = place[number]
            plate = plates["plates"][clip_of[frame]] if calm else None
            yield image, refine(image, observed.tracks.masks[frame], plate)


def _calm(plates: dict[str, np.ndarray]) -> bool:
    return bool((plates["moves"] < STILL_PLATE_LEVELS).all())


def _landmarks(observed: Observed) -> dict[str, np.ndarray]:
    keys = ("body", "body_confidence", "hands", "hands_confidence", "face", "face_confidence")
    return {key: getattr(observed.tracks, key) for key in keys}


def joint_error(fit: Fit, observed: Observed, camera: Camera) -> np.ndarray:
    """[T, 12] distance of the main joints from their landmarks, percent of the height.

    NaN where a landmark was not seen.
    """
    pixels, _ = camera.project(fit.keypoints)
    joints = main_joints()
    off = np.linalg.norm(pixels[:, joints].numpy() - observed.tracks.body[:, joints], axis=-1)
    unseen = observed.tracks.body_confidence[:, joints] < 0.5
    return np.where(unseen, np.nan, 100 * off / fit.height)


@torch.no_grad()
def silhouette(body: Body, fit: Fit, camera: Camera, frame: int) -> np.ndarray:
    """[H, W] shade of the fitted body in [0, 1]; -1 where it is not."""
    posed = body(body.from_motion(fit.motion[[frame]], fit.shape))
    triangle = rasterize(posed.vertices, posed.topology.faces, camera).triangle[0]
    corners = posed.vertices[0][posed.topology.faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = -(normal @ camera.R[0, 2]) / normal.norm(dim=1).clamp(min=1e-12)
    shade = (0.35 + 0.65 * towards.clamp(0, 1))[triangle.clamp(min=0)]
    return torch.where(triangle >= 0, shade, -torch.ones(())).numpy()


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean pictures."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def measure(
    fit: Fit, observed: Observed, camera: Camera, error: np.ndarray, overlap: np.ndarray
) -> Figures:
    """The figures of a capture."""
    tracks = observed.tracks
    pixels, _ = camera.project(fit.keypoints)
    hands = pixels[:, 23:].reshape(-1, 2, 21, 2).numpy()
    spread = (hands - hands[:, :, :1]) - (tracks.hands - tracks.hands[:, :, :1])
    off = 100 * np.linalg.norm(spread, axis=-1).mean(-1)[tracks.hands_confidence > 0] / fit.height
    yaw = fit.yaw.numpy()
    return Figures(
        frames=len(observed.frames),
        dropped=len(observed.reader) - len(observed.frames),
        clips=len(observed.clips),
        person_pixels=fit.height,
        error=float(np.nanmean(error)),
        error_95=float(np.nanquantile(error, 0.95)),
        hand_error=float(off.mean()) if len(off) else float("nan"),
        iou=float(np.nanmean(overlap)),
        iou_least=float(np.nanmin(overlap)),
        yaw_low=float(np.degrees(yaw.min())),
        yaw_high=float(np.degrees(yaw.max())),
        views=views(yaw),
        face=float((tracks.face_confidence > 0).mean()),
        hands=float((tracks.hands_confidence > 0).mean()),
    )
