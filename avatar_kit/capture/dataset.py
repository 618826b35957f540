"""A capture folder as a dataset."""

from __future__ import annotations

from avatar_kit.capture.config import CaptureFolderConfig
from avatar_kit.capture.folder import Capture, open_capture
from avatar_kit.interfaces import Dataset


class CaptureFolder(Dataset):
    """Opens a folder made by ``avatar-kit prepare`` or by another dataset."""

    config: CaptureFolderConfig

    def open(self, size: int | None = None) -> Capture:
        """The capture at ``config.path``, at its own size."""
        return open_capture(self.config.path)
