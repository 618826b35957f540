"""The stage that fits a body to the tracked videos of a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.tracking.fit import Fit
from avatar_kit.tracking.given_motion import GivenMotion
from avatar_kit.tracking.initial import smooth
from avatar_kit.tracking.long_fit import Filmed, fit_videos
from avatar_kit.tracking.objective import Weights
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.place import stand_on_ground
from avatar_kit.tracking.stages import Arrays, Stages


@dataclass(frozen=True)
class FittedVideo:
    """A video and the body that was fitted to the person in it.

    Attributes:
        observed: The video, what the tracker saw, and the clips.
        body: The body.
        fit: Its motion, and the shape that all videos share.
        camera: Static; the world's origin is on the ground below the person.
    """

    observed: Observed
    body: Body
    fit: Fit
    camera: Camera

    def pixels(self) -> np.ndarray:
        """[T, 65, 2] key points of the fitted body in the picture."""
        return self.camera.project(self.fit.keypoints)[0].numpy()

    @torch.no_grad()
    def silhouette(self, frame: int, width: int, height: int) -> np.ndarray:
        """[height, width] bool, where a frame's fitted body is in a picture of another size."""
        camera = self.camera.resized(width, height)
        posed = self.body(self.body.from_motion(self.fit.motion[[frame]], self.fit.shape))
        drawn = rasterize(posed.vertices, posed.topology.faces, camera).triangle[0]
        return (drawn >= 0).numpy()


def fit_observed(
    observed: Sequence[Observed],
    body: Body,
    cameras: Sequence[Camera],
    shape: dict[str, float],
    stages: Stages,
    given: Sequence[GivenMotion | None] = (),
) -> list[FittedVideo]:
    """Fit a body to what was seen of one person, and stand it on the ground.

    Args:
        observed: The tracked videos.
        body: Any body.
        cameras: Of each video, static, at the world's origin.
        shape: Shape values that are known.
        stages: Keep the result.
        given: Of each video poses of the kept frames to start from and to stay near; None: none are
            known, as of all by default.

    Raises:
        UserError: The body has no such shape value.
    """
    body.shape_vector(shape)
    poses = given or [None] * len(observed)

    def compute() -> Arrays:
        filmed = [
            Filmed(camera, seen.tracks, seen.clips, seen.reader.fps, own)
            for seen, camera, own in zip(observed, cameras, poses, strict=True)
        ]
        report = lambda done, total: stages.progress.step(round(100 * done / total))  # noqa: E731
        fits = fit_videos(body, filmed, shape, report)
        joined = {
            f"motion.{k}": np.concatenate([getattr(fit.motion, k).numpy() for fit in fits])
            for k in FIELDS
        }
        return joined | {
            "shape": fits[0].shape.numpy(),
            "keypoints": np.concatenate([fit.keypoints.numpy() for fit in fits]),
            "yaw": np.concatenate([fit.yaw.numpy() for fit in fits]),
            "height": np.array([fit.height for fit in fits]),
        }

    settings: dict[str, Any] = {
        "body": body.asset.sha256,
        "shape": shape,
        "intrinsics": [camera.K[0].tolist() for camera in cameras],
        "weights": asdict(Weights()),
    }
    if any(poses):
        settings["given"] = [own.key() if own else None for own in poses]
    found = stages.run("fit", settings, compute, total=100, note=_yaw_note)
    edges = np.cumsum([0] + [len(seen.frames) for seen in observed])
    videos = []
    for k, (seen, camera) in enumerate(zip(observed, cameras, strict=True)):
        fit = _fit(found, slice(int(edges[k]), int(edges[k + 1])), seen, float(found["height"][k]))
        videos.append(FittedVideo(seen, body, *stand_on_ground(fit, camera)))
    return videos


def over_all(
    videos: Sequence[FittedVideo], values: Callable[[FittedVideo], np.ndarray]
) -> np.ndarray:
    """Values of the frames of several videos, one after another."""
    return np.concatenate([values(video) for video in videos])


def all_clips(videos: Sequence[FittedVideo]) -> list[tuple[int, int]]:
    """The clips of several videos whose frames follow one another."""
    first, clips = 0, []
    for video in videos:
        clips += [(first + a, first + b) for a, b in video.observed.clips]
        first += len(video.observed.frames)
    return clips


def _yaw_note(found: Arrays) -> str:
    yaw = np.degrees(found["yaw"])
    return f"{len(yaw)} frames, yaw from {yaw.min():.0f} to {yaw.max():.0f} degrees"


def _fit(found: Arrays, frames: slice, observed: Observed, height: float) -> Fit:
    """A video's part of a stage's arrays, with the expressions and confidences of its tracks."""
    values = {k: torch.from_numpy(found[f"motion.{k}"][frames]) for k in FIELDS}
    values["expression"] = torch.from_numpy(_expression(observed)).float()
    sure = observed.tracks.body_confidence[:, :17].mean(1)
    values["confidence"] = torch.from_numpy(sure.clip(0, 1)).float()
    return Fit(
        motion=Motion(fps=observed.reader.fps, **values),
        shape=torch.from_numpy(found["shape"]),
        keypoints=torch.from_numpy(found["keypoints"][frames]),
        yaw=torch.from_numpy(found["yaw"][frames]),
        height=height,
    )


def _expression(observed: Observed) -> np.ndarray:
    """[T, 52] expressions, faded out where the face is not well seen and smoothed a little."""
    tracks = observed.tracks
    parts = []
    for a, b in observed.clips:
        sure = smooth(tracks.expression_confidence[a:b], 2.0)[:, None]
        parts.append(smooth(tracks.expression[a:b] * np.minimum(sure * 1.5, 1), 0.7))
    return np.concatenate(parts).clip(0, 1)
