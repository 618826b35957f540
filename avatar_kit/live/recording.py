"""A film of a live session: even in time, whatever the pace of drawing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from avatar_kit.io.synthetic import Synthetic
from avatar_kit.io.video_writer import VideoWriter, encoding_of


class Recording:
    """Pictures as they are drawn; each stays until the next one.

    Args:
        out: Video to write: .mp4, .mov, .mkv or .webm. It appears when the recording ends.
        fps: Frames per second.
        synthetic: What the film says of itself.

    Raises:
        UserError: The suffix names no container we write.
    """

    def __init__(self, out: Path, fps: float, synthetic: Synthetic | None = None):
        encoding_of(out)
        self.synthetic = synthetic
        self.out, self.fps = out, fps
        self._writer: VideoWriter | None = None
        self._picture: np.ndarray | None = None
        self._began = 0.0
        self._written = 0

    @property
    def seconds(self) -> float:
        """That were written."""
        return self._written / self.fps

    def add(self, picture: np.ndarray, now: float) -> None:
        """A picture, and the moment from which it is shown.

        Args:
            picture: [H, W, 3] uint8 RGB, or [H, W, 4] RGBA; all with as many channels as the first.
            now: Seconds.

        Raises:
            UserError: The container holds no alpha.
            OSError: The disk is full.
        """
        if self._writer is None:
            height, width, channels = picture.shape
            alpha = channels == 4
            size = width, height
            self._writer = VideoWriter(
                self.out, self.fps, size, alpha=alpha, synthetic=self.synthetic
            )
            self._writer.__enter__()
            self._began, self._picture = now, picture
            self._channels = channels
        if picture.shape[2] != self._channels:  # the background was changed
            return
        self._until(now)
        self._picture = picture

    def end(self) -> str:
        """Finish the file; a line on it."""
        if self._writer is None or self._picture is None:
            return f"{self.out}: nothing was recorded"
        self._writer.write(self._picture)
        self._written += 1
        writer, self._writer = self._writer, None
        writer.__exit__(None, None, None)
        return f"{self.out}: {self.seconds:.1f} s recorded"

    def abandon(self) -> None:
        """Leave no file behind."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with contextlib.suppress(Exception):
                writer.__exit__(RuntimeError, RuntimeError("abandoned"), None)

    def _until(self, now: float) -> None:
        due = round((now - self._began) * self.fps)
        while self._written < due:
            assert self._writer is not None and self._picture is not None
            self._writer.write(self._picture)
            self._written += 1
