"""The stage that fits a body to a tracked video."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.tracking.fit import Fit
from avatar_kit.tracking.initial import smooth
from avatar_kit.tracking.long_fit import fit_windows
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
        fit: Its motion and shape.
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
        camera = self.camera.crop_resize(0.0, 0.0, width / self.camera.width, width, height)
        posed = self.body(self.body.from_motion(self.fit.motion[[frame]], self.fit.shape))
        drawn = rasterize(posed.vertices, posed.topology.faces, camera).triangle[0]
        return (drawn >= 0).numpy()


def fit_video(
    observed: Observed, body: Body, camera: Camera, shape: dict[str, float], stages: Stages
) -> FittedVideo:
    """Fit a body, and stand it on the ground.

    Args:
        observed: The tracked video.
        body: Any body.
        camera: Static, at the world's origin.
        shape: Shape values that are known.
        stages: Keep the result.

    Raises:
        UserError: The body has no such shape value.
    """
    body.shape_vector(shape)
    fps = observed.reader.fps

    def compute() -> Arrays:
        fit = fit_windows(
            body,
            camera,
            observed.tracks,
            observed.clips,
            fps,
            shape,
            lambda done, total: stages.progress.step(round(100 * done / total)),
        )
        arrays = {f"motion.{k}": getattr(fit.motion, k).numpy() for k in FIELDS}
        return arrays | {
            "shape": fit.shape.numpy(),
            "keypoints": fit.keypoints.numpy(),
            "yaw": fit.yaw.numpy(),
            "height": np.array(fit.height),
        }

    settings: dict[str, Any] = {
        "body": body.asset.sha256,
        "shape": shape,
        "intrinsics": camera.K[0].tolist(),
        "weights": asdict(Weights()),
    }
    found = stages.run("fit", settings, compute, total=100, note=_yaw_note)
    fit, camera = stand_on_ground(_fit(found, observed), camera)
    return FittedVideo(observed, body, fit, camera)


def _yaw_note(found: Arrays) -> str:
    yaw = np.degrees(found["yaw"])
    return f"{len(yaw)} frames, yaw from {yaw.min():.0f} to {yaw.max():.0f} degrees"


def _fit(found: Arrays, observed: Observed) -> Fit:
    """The fit of a stage's arrays, with the expressions and confidences of the tracks."""
    values = {k: torch.from_numpy(found[f"motion.{k}"]) for k in FIELDS}
    values["expression"] = torch.from_numpy(_expression(observed)).float()
    sure = observed.tracks.body_confidence[:, :17].mean(1)
    values["confidence"] = torch.from_numpy(sure.clip(0, 1)).float()
    return Fit(
        motion=Motion(fps=observed.reader.fps, **values),
        shape=torch.from_numpy(found["shape"]),
        keypoints=torch.from_numpy(found["keypoints"]),
        yaw=torch.from_numpy(found["yaw"]),
        height=float(found["height"]),
    )


def _expression(observed: Observed) -> np.ndarray:
    """[T, 52] expressions, faded out where the face is not well seen and smoothed a little."""
    tracks = observed.tracks
    parts = []
    for a, b in observed.clips:
        sure = smooth(tracks.expression_confidence[a:b], 2.0)[:, None]
        parts.append(smooth(tracks.expression[a:b] * np.minimum(sure * 1.5, 1), 0.7))
    return np.concatenate(parts).clip(0, 1)
