"""A capture folder as a dataset."""

from __future__ import annotations

from avatar_kit.capture import Capture, open_capture
from avatar_kit.datasets.config import CaptureFolderConfig
from avatar_kit.interfaces import Dataset


class CaptureFolder(Dataset):
    """Opens a folder made by ``avatar-kit prepare`` or by another dataset."""

    config: CaptureFolderConfig

    def open(self, size: int | None = None) -> Capture:
        """The capture at ``config.path``, at its own size."""
        capture = open_capture(self.config.path)
        cameras = self.config.cameras
        return capture if cameras is None else capture.seen_by(cameras)
