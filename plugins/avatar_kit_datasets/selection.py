"""Which frames and cameras of a recording are taken, and how they are split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.capture import Pictures
from avatar_kit.errors import UserError, near
from avatar_kit.scene import Motion
from avatar_kit_datasets.config import RecordedConfig
from avatar_kit_datasets.recording import Poses, Recording, View


class SomePictures(Pictures):
    """Some frames and cameras of other pictures.

    Args:
        whole: All of them.
        frames: Which frames of theirs are ours.
    """

    def __init__(self, whole: Pictures, frames: range):
        self.whole, self.frames = whole, frames
        self.random_access = whole.random_access

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """Those of the whole."""
        return self.whole.images(camera, (self.frames[i] for i in frames))

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """Those of the whole."""
        return self.whole.masks(camera, (self.frames[i] for i in frames))

    def plate(self, camera: str) -> np.ndarray | None:
        """That of the whole."""
        return self.whole.plate(camera)

    def files(self) -> Iterator[Path]:
        """All: their content is what the capture is told by."""
        return self.whole.files()


def chosen_frames(found: Recording, config: RecordedConfig) -> Recording:
    """A recording with the cameras, frames and rate that a config asks for.

    Raises:
        UserError: A camera is not there, or no frame is left.
    """
    known = list(found.views)
    for name in (*(config.cameras or ()), *config.held_out):
        if name not in known:
            raise UserError(
                f"{found.root}: there is no camera '{name}'{near(name, known)}; known: "
                f"{', '.join(known)}"
            )
    names = [name for name in known if name in (config.cameras or known)]
    frames = range(len(found))[config.start : config.stop : config.step]
    if len(frames) < 2:
        raise UserError(
            f"{found.root}: start={config.start} stop={config.stop} step={config.step} leaves "
            f"{len(frames)} of {len(found)} frames; at least 2 are needed"
        )
    for name in names:
        _check_moving(found, name)
    views = {name: _view(found.views[name], frames) for name in names}
    fps = (config.fps or found.fps) / config.step
    if frames == range(len(found)):
        return replace(found, views=views, fps=fps)
    at = {frame: i for i, frame in enumerate(frames)}
    return replace(
        found,
        views=views,
        fps=fps,
        poses=_poses(found.poses, list(frames)),
        pictures=SomePictures(found.pictures, frames),
        splits={
            name: [at[frame] for frame in own if frame in at] for name, own in found.splits.items()
        },
        clips=_clips(found.clips, at),
    )


def splits_of(found: Recording, config: RecordedConfig) -> dict[str, Any]:
    """Splits as a record has them: the files' own, or the last share of the frames to test on."""
    count = len(found)
    splits = {name: list(own) for name, own in found.splits.items() if own}
    if not splits:
        first = min(max(1, round(count * (1 - config.test))), count - 1)
        splits = {"train": list(range(first)), "test": list(range(first, count))}
    unseen = [name for name in found.views if name in config.held_out]
    if not unseen:
        return splits
    seen = [name for name in found.views if name not in unseen]
    if not seen:
        raise UserError(f"{found.root}: held_out leaves no camera to train with")
    named: dict[str, Any] = {n: {"frames": own, "cameras": seen} for n, own in splits.items()}
    return named | {"novel_view": {"frames": splits["train"], "cameras": unseen}}


def _check_moving(found: Recording, name: str) -> None:
    """Refuse a camera that moves and has more or fewer places than there are frames.

    Raises:
        UserError: It has.
    """
    view = found.views[name]
    for key, dims in (("K", 2), ("R", 2), ("t", 1)):
        value = getattr(view, key)
        if value.ndim != dims and len(value) != len(found):
            raise UserError(
                f"{found.root}: camera '{name}': {len(value)} values of {key} for {len(found)} "
                "frames; give one for every frame, or one for all"
            )


def _view(view: View, frames: range) -> View:
    chosen = list(frames)
    K, R, t = (
        value if value.ndim == dims else value[chosen]
        for value, dims in ((view.K, 2), (view.R, 2), (view.t, 1))
    )
    return replace(view, K=K, R=R, t=t)


def _poses(poses: Poses | Motion, frames: list[int]) -> Poses | Motion:
    if isinstance(poses, Motion):
        return poses[frames]
    fields = {name: value[frames] for name, value in poses.fields.items()}
    turn = None if poses.origin_turn is None else poses.origin_turn[frames]
    return replace(poses, transl=poses.transl[frames], fields=fields, origin_turn=turn)


def _clips(clips: tuple[tuple[int, int], ...], at: dict[int, int]) -> tuple[tuple[int, int], ...]:
    found, start = [], 0
    for first, end in clips:
        count = sum(first <= frame < end for frame in at)
        if count:
            found.append((start, start + count))
            start += count
    return tuple(found)
