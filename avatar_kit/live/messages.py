"""What the processes of a live session tell each other. They run on one machine, from one program.

Every way between two of them holds at most one message that matters: who draws or tracks asks for
the next one when it is free, and who sends gives it the newest there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS


@dataclass(frozen=True)
class Frame:
    """A picture of the performer.

    Attributes:
        number: Of the picture.
        time: When it was taken, seconds on the clock of who took it.
        picture: JPEG or WebP.
    """

    number: int
    time: float
    picture: bytes


@dataclass(frozen=True)
class Order:
    """What a person asked for: its name and its value."""

    name: str
    value: Any = None


@dataclass(frozen=True)
class Ready:
    """The sender is free for the next frame, or the receiver for the next picture."""


@dataclass(frozen=True)
class Started:
    """A process has loaded everything.

    Attributes:
        about: Lines by name for the page: tracker, method, width and height.
    """

    about: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """A line for a person; ``wrong`` where something does not work."""

    text: str
    wrong: bool = False


@dataclass(frozen=True)
class Calibrated:
    """How far a calibration is: in [0, 1], and at its end the performer's file as JSON."""

    share: float
    performer: str | None = None


@dataclass(frozen=True)
class Pose:
    """A pose of the performer, in the world of the camera.

    Attributes:
        time: Of the frame, on the clock of who took it.
        values: Of a motion of one frame, by the name of the field.
        new: Whether nothing goes before it: the first pose, or one after a loss.
    """

    time: float
    values: dict[str, np.ndarray]
    new: bool

    @classmethod
    def of(cls, motion: Motion, time: float, *, new: bool) -> Pose:
        """From a motion of one frame."""
        return cls(time, {name: getattr(motion, name).numpy() for name in FIELDS}, new)

    def motion(self, fps: float) -> Motion:
        """A motion of one frame."""
        return Motion(fps=fps, **{k: torch.from_numpy(v) for k, v in self.values.items()})


@dataclass(frozen=True)
class Seen:
    """What was made of a frame.

    Attributes:
        number: Of the frame.
        time: Of the frame.
        pose: None while calibrating, and where the performer is lost.
        lost: Whether the performer is lost.
        points: [P, 3] x and y as shares of the picture, and confidence: body, then both hands.
        track_ms: Milliseconds of the tracker.
        solve_ms: Milliseconds of the solver.
        dropped: Frames since the last one that nobody looked at.
        preview: The frame as JPEG, where the page does not have it itself.
    """

    number: int
    time: float
    pose: Pose | None
    lost: bool
    points: np.ndarray
    track_ms: float
    solve_ms: float
    dropped: int = 0
    preview: bytes | None = None


@dataclass(frozen=True)
class Face:
    """A face that another program tracks.

    Attributes:
        time: When it came, on this machine's monotonic clock.
        expression: [52] ARKit channels in [0, 1].
        head: [3] turn of the head against the body, axis-angle; None where something else than the
            face drives the body, and with it the head.
    """

    time: float
    expression: np.ndarray
    head: np.ndarray | None


@dataclass(frozen=True)
class Received:
    """What packets of another program came to.

    Attributes:
        new: The pose or the face they say; None where there is none.
        read_ms: Milliseconds of reading them.
        dropped: Poses since the last one that a newer one replaced.
        refused: Packets since the last one that made no sense.
    """

    new: Pose | Face | None
    read_ms: float = 0.0
    dropped: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Shown:
    """A picture of the avatar.

    Attributes:
        number: Of the picture.
        time: When the performer was as the avatar is, on the clock of who took the frames; None
            before the first pose.
        picture: JPEG, or WebP with alpha.
        alpha: Which of the two.
        draw_ms: Milliseconds from the pose to the picture.
        encode_ms: Milliseconds to the file.
        recording: Seconds that were recorded so far; None where nothing is.
    """

    number: int
    time: float | None
    picture: bytes
    alpha: bool
    draw_ms: float
    encode_ms: float
    recording: float | None = None
