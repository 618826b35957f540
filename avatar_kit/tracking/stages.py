"""Stages that keep their results: a run that was stopped goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, mark_used, stages_limit
from avatar_kit.io.digest import file_digest
from avatar_kit.io.freed_memory import give_back
from avatar_kit.io.motion.arrays import DAMAGE

#: Changes when a stage computes something else than before from the same input.
VERSION = 8

Arrays = dict[str, np.ndarray]


class Progress(Protocol):
    """Who is told how far a stage is."""

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins; ``total`` steps, if known."""

    def step(self, done: int) -> None:
        """So many steps of the stage are done."""

    def finish(self, note: str, *, cached: bool = False) -> None:
        """The stage is done; a line on what came out."""


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int | None) -> None:
        """Nothing."""

    def step(self, done: int) -> None:
        """Nothing."""

    def finish(self, note: str, *, cached: bool = False) -> None:
        """Nothing."""


class Named:
    """Tells another of the stages of one of several videos.

    Args:
        progress: Who is told.
        name: Of the video; it goes before every line on what came out.
    """

    def __init__(self, progress: Progress, name: str):
        self._progress, self._name = progress, name

    def start(self, stage: str, total: int | None) -> None:
        """A stage of the video begins."""
        self._progress.start(stage, total)

    def step(self, done: int) -> None:
        """So many steps are done."""
        self._progress.step(done)

    def finish(self, note: str, *, cached: bool = False) -> None:
        """The stage is done."""
        self._progress.finish(f"{self._name}: {note}", cached=cached)


class Stages:
    """The results of one video's stages, in a folder of the cache.

    A stage's file carries a key: a digest of its options and of the key of the stage before it. A
    file with another key is computed anew, and so is everything after it. The stages of all videos
    together stay below :func:`~avatar_kit.io.cache.stages_limit`.

    Args:
        video: Digest of the video file.
        progress: Told of the stages.
        fresh: Forget what is there.
    """

    def __init__(self, video: str, progress: Progress, fresh: bool = False):
        self.folder = cache_dir("prepare", video[:24])
        stages_limit()  # refuse one that is none before the work
        self.progress = progress
        self.fresh = fresh
        self._key = video

    @classmethod
    def after(cls, before: Sequence[Stages], progress: Progress) -> Stages:
        """The stages that follow on those of several videos; of one: its own go on."""
        first, *others = before
        if not others:
            return first
        keys = json.dumps([stages._key for stages in before])
        return cls(hashlib.sha256(keys.encode()).hexdigest(), progress, first.fresh)

    def run(
        self,
        name: str,
        options: Mapping[str, Any],
        compute: Callable[[], Arrays],
        *,
        total: int | None = None,
        note: Callable[[Arrays], str],
    ) -> Arrays:
        """The result of a stage, computed or found.

        Args:
            name: Of the stage and its file.
            options: What the result depends on besides the stages before.
            compute: Makes the arrays.
            total: Steps that ``compute`` reports.
            note: One line on the result.
        """
        content = json.dumps([VERSION, self._key, name, dict(options)], sort_keys=True)
        self._key = hashlib.sha256(content.encode()).hexdigest()
        path = self.folder / f"{name}.npz"
        self.progress.start(name, total)
        found = None if self.fresh else _read(path, self._key)
        if found is None:
            give_back()
            found = compute()
            with atomic_path(path) as partial:
                np.savez_compressed(partial, key=np.array(self._key), **found)
            self.progress.finish(note(found) + self._within_limit())
        else:
            self.progress.finish(note(found), cached=True)
        return found

    def _within_limit(self) -> str:
        """Drop the stages of videos that were not used longest, and say so."""
        dropped = mark_used(self.folder, stages_limit())
        if not dropped:
            return ""
        gib = stages_limit() / 2**30
        return f"; stages of {dropped} older videos dropped (limit of the cache: {gib:g} GiB)"


def _read(path: Path, key: str) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) == key:
                return {name: file[name] for name in file.files if name != "key"}
    except (KeyError, *DAMAGE):
        return None
    return None


def digest(files: Sequence[Path], options: Mapping[str, Any]) -> str:
    """What a video is told by: the content of its files, and what of it is read.

    Args:
        files: All that is read, in order.
        options: Of the reader, plain values.
    """
    contents = [file_digest(path) for path in files]
    if len(contents) == 1 and not options:
        return contents[0]
    about = json.dumps([contents, dict(options)], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()
