"""Which part of a video to read, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.timeline import resample_nearest

_CLOCK = re.compile(r"^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)$")

#: Left, top, width and height in pixels.
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class ReadOptions:
    """Which part of a video to read, and how.

    Attributes:
        start: Seconds from its first picture at which reading begins.
        end: Seconds at which it ends; None: with the video.
        every: Takes one frame of so many.
        fps: Frames per second to take; of pictures in a folder: their rate.
        crop: What is cut out of the pictures, after they are turned.
        rotate: Degrees that pictures are turned clockwise: 0, 90, 180 or 270.
        masks: Folder of masks, one for each frame of the whole video, of its upright pictures
            before ``rotate`` and ``crop``.
        camera: File with the intrinsics of the camera that filmed, see
            :func:`~avatar_kit.io.calibration_file.read_calibration`.
    """

    start: float = 0.0
    end: float | None = None
    every: int = 1
    fps: float | None = None
    crop: Rectangle | None = None
    rotate: int = 0
    masks: Path | None = None
    camera: Path | None = None

    def record(self) -> dict[str, Any]:
        """What was asked for, by name, as JSON can hold it; only what is not as usual."""
        usual = ReadOptions()
        given = {k: v for k, v in vars(self).items() if v != getattr(usual, k)}
        return {k: v.name if isinstance(v, Path) else v for k, v in given.items()}

    def slots(self, times: np.ndarray, fps: float, constant: bool, path: Path) -> np.ndarray:
        """Which frames are given, and at which rate: see :meth:`rate`.

        Args:
            times: [N] presentation times in seconds.
            fps: The usual rate of the video.
            constant: Whether ``times`` are of that rate.
            path: For the message.

        Returns:
            [M] rising numbers of frames; one may come again.

        Raises:
            UserError: The video has no such part, or fewer frames a second.
        """
        self._check(path)
        slots = np.arange(len(times)) if constant else resample_nearest(times, fps)
        if self.fps is not None and self.fps != fps:
            if self.fps > 1.001 * fps:
                raise UserError(
                    f"--fps {self.fps:g}: {path} has {fps:.5g} frames a second; give fewer, or "
                    "leave it out"
                )
            slots = resample_nearest(times, self.fps)
            slots = slots[np.arange(len(slots)) / self.fps <= times[-1] - times[0] + 0.5 / fps]
        rate = fps if self.fps is None else self.fps
        length = len(slots) / rate
        if self.start >= length:
            raise UserError(f"--start {self.start:g}: {path} is {length:.2f} seconds long")
        if self.end is not None and self.end > length + 0.5:
            raise UserError(f"--end {self.end:g}: {path} is {length:.2f} seconds long")
        at = np.arange(len(slots)) / rate + 1e-6
        inside = (at >= self.start) & (at < (np.inf if self.end is None else self.end + 1e-6))
        if not inside.any():
            end = "the end" if self.end is None else f"--end {self.end:g}"
            raise UserError(f"--start {self.start:g}: no frame of {path} lies before {end}")
        return slots[inside][:: self.every]

    def rate(self, fps: float) -> float:
        """Frames per second of what :meth:`slots` gives of a video of that rate."""
        return (fps if self.fps is None else self.fps) / self.every

    def _check(self, path: Path) -> None:
        if self.start < 0:
            raise UserError(f"--start {self.start:g}: expected 0 seconds or more")
        if self.end is not None and self.end <= self.start:
            raise UserError(f"--end {self.end:g}: must come after --start {self.start:g}")
        if self.every < 1:
            raise UserError(f"--every {self.every}: expected 1 or more")
        if self.fps is not None and not 0.1 <= self.fps <= 1000:
            raise UserError(f"--fps {self.fps:g}: expected 0.1 to 1000 frames a second")
        if self.rotate not in (0, 90, 180, 270):
            raise UserError(f"--rotate {self.rotate}: expected 90, 180 or 270 degrees, clockwise")

    def rectangle(self, width: int, height: int, path: Path) -> Rectangle:
        """What is kept of turned pictures of a size.

        Raises:
            UserError: It is not inside them.
        """
        if self.crop is None:
            return 0, 0, width, height
        x, y, w, h = self.crop
        if min(x, y) < 0 or min(w, h) < 16 or x + w > width or y + h > height:
            raise UserError(
                f"--crop {x},{y},{w},{h}: expected left, top, width and height of at least 16 "
                f"pixels inside {width}x{height}, the pictures of {path}"
            )
        return x, y, w, h


def parse_time(text: str, option: str) -> float:
    """Seconds of ``12.5``, ``1:02.5`` or ``1:00:00``.

    Raises:
        UserError: It is no time.
    """
    found = _CLOCK.match(text.strip())
    if found is None:
        raise UserError(f"{option} {text}: expected seconds or minutes:seconds, e.g. 12.5 or 1:02")
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)


def parse_rectangle(text: str, option: str = "--crop") -> Rectangle:
    """Left, top, width and height of ``X,Y,W,H``.

    Raises:
        UserError: It is no four numbers.
    """
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text}: write X,Y,W,H in pixels, e.g. 320,0,600,1080") from None
    return x, y, width, height


def parse_box(text: str) -> tuple[Rectangle, float | None]:
    """The rectangle and the seconds of ``X,Y,W,H`` or ``X,Y,W,H@SECONDS``.

    Raises:
        UserError: It is no four numbers with a width and a height, or no time.
    """
    place, at, time = text.partition("@")
    box = parse_rectangle(place, "--box")
    if min(box[2:]) < 1:
        raise UserError(f"--box {text}: expected a width and a height of 1 pixel or more")
    return box, parse_time(time, "--box @") if at else None
