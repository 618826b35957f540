"""What is looked at: an avatar, a capture, or a motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.capture import Capture, CaptureView, Sample, open_capture
from avatar_kit.engine.aligning import Alignment
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view
from avatar_kit.engine.staging import stage
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.motion import MotionOptions, read_file
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion

Say = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """A person in poses that follow each other.

    Attributes:
        title: What it is, for the head of the page.
        motion: The poses.
        body: That shows them.
        shape: [S] of the person.
        cameras: Name -> camera that recorded the person; for all frames, or one for each.
        recorded: Gives the picture [H, W, 3] uint8 RGB that a camera has of a frame; None where
            there is none.
        avatar: The trained avatar; None where there is none.
    """

    title: str
    motion: Motion
    body: Body
    shape: Tensor
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    recorded: Callable[[int, str], np.ndarray | None] = lambda frame, camera: None
    avatar: LoadedAvatar | None = None


def open_subject(
    path: Path,
    motion: Motion | None = None,
    *,
    clip: str | None = None,
    options: MotionOptions | None = None,
    device: str = "auto",
    say: Say = lambda line: None,
) -> Subject:
    """Open what a path names.

    Args:
        path: A run folder, a capture folder, or a motion file.
        motion: What drives the avatar of a run; None: its training poses.
        clip: Name or number of a clip, of a motion file that holds several.
        options: How a motion file is read.
        device: Where an avatar is drawn.
        say: Takes a line for a person.

    Raises:
        UserError: It is none of these, or cannot be read.
    """
    if (path / "config.yaml").exists():
        return of_run(RunFolder.open_person(path), motion, device=device, say=say)
    if motion is not None:
        raise UserError(f"--motion: drives the avatar of a run, but {path} is none")
    if (path / "capture.json").exists():
        return of_capture(open_capture(path))
    if path.is_dir():
        raise UserError(
            f"{path}: neither a run (no config.yaml) nor a capture (no capture.json); name one of "
            "these, or a motion file"
        )
    if not path.exists():
        raise UserError(f"{path}: no such run, capture or motion file")
    found = read_file(path, clip=clip, options=options)
    for line in (found.line(), *found.notes):
        say(line)
    return of_motion(found.motion, path.name)


def of_run(
    run: RunFolder,
    motion: Motion | None = None,
    *,
    device: str = "auto",
    say: Say = lambda line: None,
) -> Subject:
    """The avatar of a run: its training poses with their pictures, or a motion that drives it."""
    loaded = load_avatar(run, device=device)
    about = f"{loaded.subject.capture}, {loaded.config.type}, step {loaded.step}"
    cameras = {name: camera.to("cpu") for name, camera in loaded.subject.cameras.items()}
    shown = Subject(
        about,
        loaded.training_motion,
        loaded.avatar.body,
        loaded.avatar.shape,
        cameras,
        avatar=loaded,
    )
    if motion is not None:
        placed = stage(loaded, motion, Alignment("none"), say=say)
        return replace(shown, motion=placed)
    try:
        view = open_view(loaded.config)
    except UserError as error:
        say(f"without the recording: {error}")
        return shown
    frames = view.capture.splits["train"].frames
    if len(frames) != len(shown.motion):
        say("without the recording: the capture has other training frames than the run")
        return shown
    return replace(shown, recorded=_pictures(view, list(frames)))


def of_capture(capture: Capture) -> Subject:
    """The tracked person of a capture, and its pictures."""
    component = catalog().get("body", capture.body)
    body = component.load()(component.config(type=component.name)).eval()
    shape = body.shape_vector(capture.shape)

    def recorded(frame: int, camera: str) -> np.ndarray | None:
        if frame not in capture.frames_of(camera):
            return None
        return next(iter(capture.images([frame], camera)), None)

    title = f"{capture.name}, capture of {len(capture)} frames"
    return Subject(title, capture.motion, body, shape, capture.cameras, recorded)


def of_motion(motion: Motion, name: str) -> Subject:
    """A motion, shown by an average adult of the default body."""
    component = catalog().get("body", catalog().default("body"))
    body = component.load()(component.config(type=component.name)).eval()
    return Subject(f"{name}, {len(motion)} frames", motion, body, body.default_shape())


def _pictures(view: CaptureView, frames: list[int]) -> Callable[[int, str], np.ndarray | None]:
    def recorded(frame: int, camera: str) -> np.ndarray | None:
        if camera not in view.cameras or frames[frame] not in view.capture.frames_of(camera):
            return None
        return view.image(Sample(frames[frame], camera)).transpose(1, 2, 0)

    return recorded


def camera_at(camera: Camera, frame: int) -> Camera:
    """The camera at a frame, a batch of one, on the CPU."""
    return (camera[min(frame, len(camera) - 1)] if len(camera) > 1 else camera).to("cpu")


@torch.no_grad()
def with_edits(
    motion: Motion, turns: Mapping[int, tuple[float, float, float]], expression: Mapping[int, float]
) -> Motion:
    """A pose with joints turned further and expression channels set.

    Args:
        motion: One frame.
        turns: Number of the joint in SMPL-X order -> rotation vector in radians, in the joint's own
            axes, after its pose.
        expression: Number of the channel -> value in [0, 1].
    """
    if not turns and not expression:
        return motion
    rotations = motion.rotvec().clone()
    for joint, turn in turns.items():
        pose = roma.rotvec_to_rotmat(rotations[:, joint])
        further = roma.rotvec_to_rotmat(torch.tensor([turn]).to(pose))
        rotations[:, joint] = roma.rotmat_to_rotvec(pose @ further)
    channels = motion.expression.clone()
    for channel, value in expression.items():
        channels[:, channel] = value
    return Motion.from_rotvec(motion.fps, motion.transl, rotations, channels, motion.confidence)
