"""The studio as a dataset: one capture for every set of options, made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avatar_kit.capture import Capture, Split, open_capture
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Dataset
from avatar_kit.io.cache import cache_dir
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.session import Session, dress

#: By framing; each counts up with every change of what the studio makes, for a new cache entry.
VERSIONS = {"full": 7, "upper": 8}
_DEFAULT_SIZE = 256


class Studio(Dataset):
    """A synthetic capture with ground truth; see :class:`StudioConfig` for its options."""

    config: StudioConfig

    @property
    def _version(self) -> int:
        return VERSIONS[self.config.framing]

    def folder(self, size: int) -> Path:
        """Where the capture of these options lies or will lie."""
        options = json.dumps([self._version, size, self.config.filmed()], sort_keys=True)
        key = hashlib.sha256(options.encode()).hexdigest()[:16]
        return cache_dir("studio") / f"{self.config.subject}-{size}-{key}"

    def open(self, size: int | None = None) -> Capture:
        """The capture of these options; made on first use: about a minute for each camera.

        Args:
            size: Side of the pictures in pixels where the config leaves it open.
        """
        size = self.config.size or size or _DEFAULT_SIZE
        folder = self.folder(size)
        if not (folder / "capture.json").is_file():
            self._make(folder, size)
        film = open_capture(folder)
        return film if self.config.cameras == 1 else film.with_splits(self._splits(film))

    def _splits(self, film: Capture) -> dict[str, Split]:
        """The splits of a film by several cameras, some of which training may not see."""
        names = tuple(film.cameras)
        trained = names[: len(names) - self.config.unseen]
        splits = {name: Split(s.frames, trained) for name, s in film.splits.items()}
        if unseen := names[len(trained) :]:
            frames = middles(film.clips_of("train"), self.config.test_frames)
            splits["novel_view"] = Split(tuple(frames), unseen)
        return splits

    def _make(self, folder: Path, size: int) -> None:
        name = self.config.subject
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(f"studio: dressing {name}", total=None)
            session = Session(self.config, size)
            total = sum(clip.frames for clip in session.clips) * self.config.cameras
            progress.update(bar, description=f"studio: filming {name}", total=total)
            try:
                with session.writer(folder) as writer:
                    for camera, image, mask in session.film():
                        writer.add(image, mask, camera)
                        progress.advance(bar)
                    session.finish(writer, self._version)
            except (UserError, OSError):
                # Somebody else has made the same capture meanwhile.
                if not (folder / "capture.json").is_file():
                    raise
            finally:
                dress.cache_clear()  # training needs the memory


def middles(clips: Sequence[tuple[int, int]], count: int) -> list[int]:
    """The frames in the middle of every clip, as many of each as it has of all frames.

    Args:
        clips: Half-open ranges of frames.
        count: How many together; all frames where there are no more.
    """
    edges = np.cumsum([0, *(end - first for first, end in clips)])
    shares = np.diff(np.round(edges * min(1.0, count / edges[-1]))).astype(int)
    starts = [first + (end - first - n) // 2 for (first, end), n in zip(clips, shares, strict=True)]
    return [start + k for start, n in zip(starts, shares, strict=True) for k in range(n)]
