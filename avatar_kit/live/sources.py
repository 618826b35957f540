"""Where pictures of the performer come from, if not from the page: a camera, or a clip."""

from __future__ import annotations

import contextlib
import platform
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from avatar_kit.errors import UserError
from avatar_kit.io.video import play, read_video

#: What makes an array of a frame that somebody wants.
Picture = Callable[[], np.ndarray]

#: Seconds between the last frame of a clip and the first one when it begins again.
_PAUSE = 1 / 30

#: Seconds between attempts to open a camera that went away.
_AGAIN = 1.0

#: How FFmpeg names cameras: format, and the name of camera N.
_CAMERAS = {
    "Linux": ("v4l2", "/dev/video{}"),
    "Darwin": ("avfoundation", "{}"),
}


class NewestFrame:
    """Frames as they come in time; who asks gets the newest.

    A clip is played at its own pace, over and over. A camera that goes away is opened again when it
    is back.

    Args:
        source: A video file, or the number of a camera.

    Attributes:
        round: In which round of a clip the frame was that was taken last, or since when the camera
            is back. A new round does not go on from the one before.

    Raises:
        UserError: There is no such camera or file, or it cannot be read.
    """

    def __init__(self, source: str):
        self.source = source
        self._condition = threading.Condition()
        self._newest: tuple[int, float, Picture, int] | None = None
        self._taken = self._number = 0
        self._ended: Exception | None = None
        self._stopped = False
        self.round = self._rounds = 1
        if source.isdecimal():
            frames = self._camera(int(source), _opened(int(source)))
        else:
            frames = self._clip(Path(source))
        self._thread = threading.Thread(target=self._play, args=(frames,), daemon=True)
        self._thread.start()

    def take(self, patience: float | None = None) -> tuple[int, float, np.ndarray, int] | None:
        """The newest frame, once there is one that was not taken yet.

        Args:
            patience: Seconds to wait for it; None: for ever.

        Returns:
            Its number; when it came, seconds of ``time.monotonic``; the picture [H, W, 3] uint8
            RGB; how many frames before it nobody took. None where none came in time.

        Raises:
            UserError: No more frames come.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._newest or self._ended, patience)
            if self._newest is None and self._ended is None:
                return None
            if self._newest is None:
                raise UserError(f"--camera {self.source}: no more pictures arrive ({self._ended})")
            number, at, picture, self.round = self._newest
            self._newest, dropped = None, number - self._taken - 1
            self._taken = number
        return number, at, picture(), dropped

    def stop(self) -> None:
        """Read no further frames."""
        self._stopped = True

    def _clip(self, path: Path) -> Iterator[Picture]:
        """A video at its own pace, over and over; late frames are left out."""
        begun, last = time.monotonic(), 0.0
        while True:
            for at, picture in play(path):
                wait = begun + at - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                elif wait < -1:  # the machine was asleep
                    begun -= wait
                last = at
                yield picture
            begun += last + _PAUSE
            self._rounds += 1

    def _camera(self, number: int, container: InputContainer | None) -> Iterator[Picture]:
        """A camera, which may be unplugged and come back."""
        while not self._stopped:
            if container is None:
                time.sleep(_AGAIN)
            else:
                with contextlib.suppress(FFmpegError, OSError):
                    yield from _pictures(container)
                self._rounds += 1
            container = None
            with contextlib.suppress(UserError):
                container = _opened(number)

    def _play(self, frames: Iterator[Picture]) -> None:
        try:
            for picture in frames:
                if self._stopped:
                    return
                with self._condition:
                    self._number += 1
                    self._newest = self._number, time.monotonic(), picture, self._rounds
                    self._condition.notify()
            raise UserError("it ended")
        except (UserError, FFmpegError, OSError) as error:
            with self._condition:
                self._ended = error
                self._condition.notify()


def check_source(source: str) -> None:
    """Refuse a file that is no video, before processes are started.

    Raises:
        UserError: Says what is expected.
    """
    if source == "browser" or source.isdecimal():
        return
    if not Path(source).is_file():
        raise UserError(
            f"--camera {source}: no such file; expected browser, the number of a camera (0), or a "
            "video file"
        )
    read_video(source)


def _opened(number: int) -> InputContainer:
    known = _CAMERAS.get(platform.system())
    if known is None:
        raise UserError(
            f"--camera {number}: cameras can be opened on Linux and macOS only; use --camera "
            "browser"
        )
    kind, name = known[0], known[1].format(number)
    try:
        return av.open(name, format=kind, options={"framerate": "30"})
    except (FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"--camera {number}: {name} cannot be opened ({error}); use another number, or "
            "--camera browser"
        ) from None


def _pictures(container: InputContainer) -> Iterator[Picture]:
    with container:
        for frame in container.decode(video=0):
            yield partial(frame.to_ndarray, format="rgb24")
