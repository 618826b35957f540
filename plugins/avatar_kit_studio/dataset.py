"""The studio as a dataset: one capture for every set of options, made once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avatar_kit.capture import Capture, open_capture
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Dataset
from avatar_kit.io.cache import cache_dir
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.session import Session, dress

#: Counts up with every change of what the studio makes; a new version is a new cache entry.
VERSION = 7
_DEFAULT_SIZE = 256


class Studio(Dataset):
    """A synthetic capture with ground truth; see :class:`StudioConfig` for its options."""

    config: StudioConfig

    def folder(self, size: int) -> Path:
        """Where the capture of these options lies or will lie."""
        options = json.dumps([VERSION, size, self.config.model_dump()], sort_keys=True)
        key = hashlib.sha256(options.encode()).hexdigest()[:16]
        return cache_dir("studio") / f"{self.config.subject}-{size}-{key}"

    def open(self, size: int | None = None) -> Capture:
        """The capture of these options; made on first use, which takes about a minute.

        Args:
            size: Side of the pictures in pixels where the config leaves it open.
        """
        size = self.config.size or size or _DEFAULT_SIZE
        folder = self.folder(size)
        if not (folder / "capture.json").is_file():
            self._make(folder, size)
        return open_capture(folder)

    def _make(self, folder: Path, size: int) -> None:
        name = self.config.subject
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(f"studio: dressing {name}", total=None)
            session = Session(self.config, size)
            total = sum(clip.frames for clip in session.clips)
            progress.update(bar, description=f"studio: filming {name}", total=total)
            try:
                with session.writer(folder) as writer:
                    for image, mask in session.film():
                        writer.add(image, mask)
                        progress.advance(bar)
                    session.finish(writer, VERSION)
            except (UserError, OSError):
                # Somebody else has made the same capture meanwhile.
                if not (folder / "capture.json").is_file():
                    raise
            finally:
                dress.cache_clear()  # training needs the memory
