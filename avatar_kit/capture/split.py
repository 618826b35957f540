"""Named samples of a capture: frames, and the cameras that saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from avatar_kit.capture.record import SplitRecord


@dataclass(frozen=True)
class Sample:
    """One picture: a frame seen by a camera.

    Attributes:
        frame: Frame number.
        camera: Name of the camera.
    """

    frame: int
    camera: str


@dataclass(frozen=True)
class Split:
    """Frames and the cameras that saw them; every pair that was recorded is a sample.

    Attributes:
        frames: Sorted frame numbers.
        cameras: Names of the cameras, in the order of the capture.
        recorded: For each camera the frames that it recorded; empty: all.
    """

    frames: tuple[int, ...]
    cameras: tuple[str, ...]
    recorded: tuple[range, ...] = ()

    def __len__(self) -> int:
        return sum(len(self.frames_of(camera)) for camera in self.cameras)

    def frames_of(self, camera: str) -> tuple[int, ...]:
        """The frames of the split that one of its cameras recorded, sorted."""
        if not self.recorded:
            return self.frames
        recorded = self.recorded[self.cameras.index(camera)]
        return tuple(frame for frame in self.frames if frame in recorded)

    def samples(self) -> list[Sample]:
        """All frames of the first camera in time order, then those of the next."""
        return [Sample(frame, name) for name in self.cameras for frame in self.frames_of(name)]


def split_of(split: SplitRecord, recorded: Mapping[str, range], count: int) -> Split:
    """A split of a record of ``count`` frames, without frames and cameras that make no sample."""
    cameras = tuple(name for name in recorded if name in (split.cameras or recorded))
    frames = tuple(sorted(split.frames))
    if all(len(seen) == count for seen in recorded.values()):
        return Split(frames, cameras)
    frames = tuple(f for f in frames if any(f in recorded[name] for name in cameras))
    cameras = tuple(name for name in cameras if any(f in recorded[name] for f in frames))
    return Split(frames, cameras, tuple(recorded[name] for name in cameras))
