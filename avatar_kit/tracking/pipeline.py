"""From a video to a capture, and from a video to a motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.capture import Capture
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.tracking.export import write_capture
from avatar_kit.tracking.figures import Figures
from avatar_kit.tracking.fit import Fit, Fitter
from avatar_kit.tracking.initial import smooth
from avatar_kit.tracking.observe import Observed, find_plates, observe
from avatar_kit.tracking.place import stand_on_ground, static_camera
from avatar_kit.tracking.stages import Arrays, Progress, Silent, Stages
from avatar_kit.tracking.watch import check_whole, cut_parts


@dataclass(frozen=True)
class Options:
    """What a person may say about a video.

    Attributes:
        fov: Vertical field of view in degrees.
        focal: Focal length in pixels, instead.
        shape: Shape values of the body that are known.
        held_out: Part of each clip kept for the test.
        name: Of the capture; empty: the folder's.
        body: Registered body; empty: the default.
        tracker: Registered tracker; empty: the default.
        allow_cut: Prepare a person who is cut by the frame all the same.
        fresh: Do all stages anew.
    """

    fov: float | None = None
    focal: float | None = None
    shape: dict[str, float] = field(default_factory=dict)
    held_out: float = 0.15
    name: str | None = None
    body: str | None = None
    tracker: str | None = None
    allow_cut: bool = False
    fresh: bool = False


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
    verdict: str
    reasons: list[str]
    notes: list[str]
    sheet: Path


def prepare_video(
    video: str | Path,
    out: str | Path,
    options: Options | None = None,
    progress: Progress = Silent(),
) -> Prepared:
    """Turn one video of one person into a capture.

    Args:
        video: The video.
        out: Folder of the capture; must not exist or be empty.
        options: What is known.
        progress: Told of the stages.

    Raises:
        UserError: Bad input; nothing is left at ``out``.
        MissingExtra: The tracker's package is not installed.
    """
    options, out = options or Options(), Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"{out}: the output folder is not empty; choose another or remove it")
    if not 0 <= options.held_out <= 0.5:
        raise UserError(f"--held-out {options.held_out:g}: expected a part between 0 and 0.5")
    stages, observed = observe(Path(video), options.tracker, progress, fresh=options.fresh)
    reader = observed.reader
    cut = cut_parts(observed.tracks, reader.width, reader.height)
    if not options.allow_cut:
        check_whole(cut, Path(video))
    body_name, body = _body(options)
    fit, camera, note = _fit(stages, observed, body_name, body, options)
    plates = find_plates(stages, observed)
    facts = {
        "video": {"file": Path(video).name, "frames": len(reader), "corrupt": reader.corrupt},
        "tracker": options.tracker or catalog().default("tracker"),
        "camera": note,
        "source_frames": observed.frames.tolist(),
        "notes": observed.notes,
    }
    return Prepared(
        *write_capture(
            out,
            name=options.name or out.name,
            observed=observed,
            fit=fit,
            camera=camera,
            body=(body_name, body),
            plates=plates,
            held_out=options.held_out,
            cut=cut,
            provenance=facts,
            progress=progress,
        )
    )


def track_motion(
    video: str | Path, options: Options | None = None, progress: Progress = Silent()
) -> Motion:
    """The motion of the person in a video, to drive an avatar with; clips joined one by one."""
    options = options or Options()
    stages, observed = observe(Path(video), options.tracker, progress, fresh=options.fresh)
    body_name, body = _body(options)
    fit, _, _ = _fit(stages, observed, body_name, body, options)
    return fit.motion


def _body(options: Options) -> tuple[str, Body]:
    name = options.body or catalog().default("body")
    component = catalog().get("body", name)
    return name, component.load()(component.config(type=name)).eval()


def _fit(
    stages: Stages, observed: Observed, body_name: str, body: Body, options: Options
) -> tuple[Fit, Camera, str]:
    reader = observed.reader
    camera, note = static_camera(reader.width, reader.height, fov=options.fov, focal=options.focal)
    body.shape_vector(options.shape)

    def compute() -> Arrays:
        tracks = observed.tracks
        fitter = Fitter(body, camera, tracks, observed.clips, reader.fps, options.shape)
        fit = fitter.run(lambda done, total: stages.progress.step(round(100 * done / total)))
        arrays = {f"motion.{k}": getattr(fit.motion, k).numpy() for k in FIELDS}
        return arrays | {
            "shape": fit.shape.numpy(),
            "keypoints": fit.keypoints.numpy(),
            "yaw": fit.yaw.numpy(),
            "height": np.array(fit.height),
        }

    settings: dict[str, Any] = {
        "body": body.asset.sha256,
        "shape": options.shape,
        "focal": float(camera.K[0, 1, 1]),
    }
    found = stages.run("fit", settings, compute, total=100, note=_fit_note)
    fit = _fit_from(found, observed, reader.fps)
    return *stand_on_ground(fit, camera), note


def _fit_note(found: Arrays) -> str:
    yaw = np.degrees(found["yaw"])
    return f"{len(yaw)} frames, yaw from {yaw.min():.0f} to {yaw.max():.0f} degrees"


def _fit_from(found: Arrays, observed: Observed, fps: float) -> Fit:
    values = {k: torch.from_numpy(found[f"motion.{k}"]) for k in FIELDS}
    values["expression"] = torch.from_numpy(_expression(observed)).float()
    sure = observed.tracks.body_confidence[:, :17].mean(1)
    values["confidence"] = torch.from_numpy(sure.clip(0, 1)).float()
    return Fit(
        Motion(fps=fps, **values),
        torch.from_numpy(found["shape"]),
        torch.from_numpy(found["keypoints"]),
        torch.from_numpy(found["yaw"]),
        float(found["height"]),
        {},
    )


def _expression(observed: Observed) -> np.ndarray:
    """Expressions faded out where the face is not well seen, and smoothed a little."""
    tracks = observed.tracks
    parts = []
    for a, b in observed.clips:
        sure = smooth(tracks.expression_confidence[a:b], 2.0)[:, None]
        parts.append(smooth(tracks.expression[a:b] * np.minimum(sure * 1.5, 1), 0.7))
    return np.concatenate(parts).clip(0, 1)
