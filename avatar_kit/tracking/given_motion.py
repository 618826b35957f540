"""A motion that another program found in the video, brought into this camera for the fit to refine.

Programs differ in the axes that they give the pelvis in. What the tracker saw decides which are
meant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.motion import MotionOptions, load_motion
from avatar_kit.io.video import VideoReader
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.tracking.heading import find_heading
from avatar_kit.tracking.initial import to_world
from avatar_kit.tracking.objective import segment_indices
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.tracks import Tracks

#: Axes that the pelvis may be given in, as rotations into the world: y up, a person who faces the
#: camera looks along +z.
AXES = {
    "y up": torch.eye(3),
    "camera axes, y down": torch.diag(torch.tensor([1.0, -1.0, -1.0])),
    "z up": torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}

#: Degrees that the lines of the body may be off what is seen, on average.
LARGEST_MISS = 45.0

#: Degrees about the vertical below which a motion is taken to be in this camera's view already.
SMALLEST_TURN = 15.0


@dataclass(frozen=True)
class GivenMotion:
    """Poses of the T frames that are fitted, as seen by the camera.

    Attributes:
        motion: [T]; of its places nothing is taken.
        note: What was found out about it, for a person.
    """

    motion: Motion
    note: str

    def key(self) -> str:
        """Digest of the poses."""
        values = [getattr(self.motion, name).numpy().tobytes() for name in FIELDS]
        return hashlib.sha256(b"".join(values)).hexdigest()

    def __getitem__(self, frames: slice | np.ndarray) -> GivenMotion:
        """Those of some frames."""
        chosen = list(range(len(self.motion)))[frames] if isinstance(frames, slice) else frames
        return GivenMotion(self.motion[list(map(int, chosen))], self.note)

    @property
    def orientation(self) -> Tensor:
        """[T, 3, 3] rotation of the pelvis in the world."""
        return roma.rotvec_to_rotmat(self.motion.global_orient)

    def yaw(self, clips: list[tuple[int, int]]) -> np.ndarray:
        """[T] heading in radians, without a jump inside a clip."""
        heading = _heading(self.orientation).numpy()
        return np.concatenate([np.unwrap(heading[a:b]) for a, b in clips])


def read_given(path: Path, reader: VideoReader, options: MotionOptions | None = None) -> Motion:
    """Read the motion of a video's person: a pose for each frame of the video.

    Args:
        path: A motion file.
        reader: The video.
        options: How to read the file, where that is not to be found out.

    Raises:
        UserError: It cannot be read, or has not the video's length.
    """
    motion, total, fps = load_motion(path, options=options), len(reader), reader.fps
    if len(motion) != total:
        seconds, wanted = len(motion) / motion.fps, total / fps
        if abs(seconds - wanted) > 1.5 / min(fps, motion.fps):
            raise UserError(
                f"{path}: {len(motion)} frames at {motion.fps:g} fps are {seconds:.2f} s; of the "
                f"video {total} frames at {fps:g} fps are read, {wanted:.2f} s; give a pose for "
                "each frame, or read the same part of the video (--start, --end)"
            )
        motion = motion.resample(fps)
        motion = motion[np.minimum(np.arange(total), len(motion) - 1).tolist()]
    return Motion(fps=fps, **{name: getattr(motion, name).float() for name in FIELDS})


def seen_by_camera(motion: Motion, path: Path, observed: Observed, body: Body) -> GivenMotion:
    """Find out in which axes a motion is given, and turn it as the camera sees the person.

    Args:
        motion: A pose for each frame of the video.
        path: Its file.
        observed: The tracked video.
        body: Any body: its key points are compared with what is seen.

    Raises:
        UserError: In no axes it shows the poses that are seen.
    """
    kept, best = motion[observed.frames.tolist()], None
    for name, axes in AXES.items():
        turned, degrees = _towards_camera(kept, axes, observed)
        miss = _miss(turned, observed.tracks, body)
        if best is None or miss < best[0]:
            said = f"{name}, rotated by {degrees:.0f} degrees" if degrees else name
            best = miss, said, turned
    assert best is not None
    miss, said, turned = best
    if miss > LARGEST_MISS:
        raise UserError(
            f"{path}: not the motion of the person in {observed.reader.path}: limb directions "
            f"are off by {miss:.0f} degrees on average; give the motion of this video, or omit "
            "--motion"
        )
    note = f"{path.name}: {said}; limb directions are off by {miss:.0f} degrees before the fit"
    return GivenMotion(turned, note)


def _towards_camera(motion: Motion, axes: Tensor, observed: Observed) -> tuple[Motion, float]:
    """The motion in the world of the camera, and by how many degrees it was turned for it."""
    orient = axes @ roma.rotvec_to_rotmat(motion.global_orient)
    seen = torch.from_numpy(find_heading(observed.tracks, observed.clips, motion.fps).yaw).float()
    sure = torch.from_numpy(observed.tracks.body_confidence[:, :17].min(1)).float() + 1e-3
    off = seen - _heading(orient)
    angle = torch.atan2((sure * off.sin()).sum(), (sure * off.cos()).sum())
    if abs(float(torch.rad2deg(angle))) < SMALLEST_TURN:
        angle = torch.zeros(())
    turn = roma.rotvec_to_rotmat(angle * torch.tensor([0.0, 1.0, 0.0]))
    turned = roma.rotmat_to_rotvec(turn @ orient)
    values = {name: getattr(motion, name) for name in FIELDS} | {"global_orient": turned}
    return Motion(fps=motion.fps, **values), float(torch.rad2deg(angle))


@torch.no_grad()
def _miss(motion: Motion, tracks: Tracks, body: Body) -> float:
    """Mean angle in degrees between the lines of the body and those that are seen."""
    points = body.keypoints(body.from_motion(motion, body.default_shape()))
    a, b, weight = (np.array(x) for x in zip(*segment_indices(), strict=True))
    mine = (points[:, b] - points[:, a]).numpy()
    seen = to_world(tracks.body_world[:, b] - tracks.body_world[:, a])
    cosine = (mine * seen).sum(-1) / (
        np.linalg.norm(mine, axis=-1) * np.linalg.norm(seen, axis=-1) + 1e-9
    )
    sure = np.minimum(tracks.body_confidence[:, a], tracks.body_confidence[:, b]) * weight
    angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
    return float((sure * angle).sum() / max(float(sure.sum()), 1e-9))


def _heading(orientation: Tensor) -> Tensor:
    """[T] radians about the vertical, 0 towards the camera."""
    return torch.atan2(orientation[:, 0, 2], orientation[:, 2, 2])
