"""What a person may say of videos that are prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion import MotionOptions
from avatar_kit.io.read_options import ReadOptions, Rectangle
from avatar_kit.tracking.videos import from_box


@dataclass(frozen=True)
class Options:
    """What a person may say about a video.

    Attributes:
        fov: Vertical field of view in degrees.
        focal: Focal length in pixels, instead.
        shape: Shape values of the body that are known.
        held_out: Part of each clip kept for the test.
        name: Of the capture; empty: the folder's.
        body: Registered body; empty: the default.
        tracker: Registered tracker; empty: the default.
        matting: Registered matting for the masks; None: they are refined against the empty scene.
        allow_cut: Prepare a person who is cut by the frame all the same.
        person: Who is meant where the video shows several people one after another: a number from
            1, or "all" if they are one; None: there is one.
        motion: File with the motion of the person, which another program found, to be refined; of
            several videos one for each, or None.
        motion_options: How these files are read.
        boxes: Of each video who is meant, instead: left, top, width and height in upright pixels of
            the file, and seconds from its first picture, before which nothing is read; None: the
            largest. Empty: so for all videos.
        fresh: Do all stages anew.
        read: What of the video is read; of several videos, the same of each, or one for each.
    """

    fov: float | None = None
    focal: float | None = None
    shape: dict[str, float] = field(default_factory=dict)
    held_out: float = 0.15
    name: str | None = None
    body: str | None = None
    tracker: str | None = None
    matting: str | None = None
    allow_cut: bool = False
    person: str | None = None
    motion: Path | Sequence[Path | None] | None = None
    motion_options: MotionOptions = field(default_factory=MotionOptions)
    boxes: Sequence[tuple[Rectangle, float | None] | None] = ()
    fresh: bool = False
    read: ReadOptions | Sequence[ReadOptions] = field(default_factory=ReadOptions)

    def reads(self, videos: int) -> list[ReadOptions]:
        """What is read of each of some videos.

        Raises:
            ValueError: It is given for another number of videos.
        """
        found = [self.read] * videos if isinstance(self.read, ReadOptions) else list(self.read)
        if len(found) != videos or len(self.boxes) not in (0, videos):
            raise ValueError(f"read and boxes are to be given for {videos} videos")
        return [
            from_box(read, box[1]) if box else read
            for read, box in zip(found, self.boxes or [None] * videos, strict=True)
        ]

    def motions(self, videos: int) -> list[Path | None]:
        """The file with the motion of each of some videos.

        Raises:
            ValueError: It is given for another number of videos.
        """
        if self.motion is None or isinstance(self.motion, Path):
            found: list[Path | None] = [self.motion]
        else:
            found = list(self.motion)
        if not any(found):
            return [None] * videos
        if len(found) != videos:
            raise ValueError(f"motion is given for {len(found)} videos, but there are {videos}")
        return found

    def rectangles(self) -> list[Rectangle | None]:
        """Where who is meant is in the first picture of each video that is read.

        Raises:
            UserError: It is said by number, too.
        """
        if any(self.boxes) and self.person not in (None, "all"):
            raise UserError("--box and --person have the same purpose: give only one of them")
        return [box[0] if box else None for box in self.boxes]
