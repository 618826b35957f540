"""Exporter: writes an avatar in a format of other programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from avatar_kit.interfaces.avatar import Avatar
from avatar_kit.interfaces.prior import Report
from avatar_kit.scene import Camera, Condition, FrameContext, Motion

if TYPE_CHECKING:
    from avatar_kit.config import ExporterConfig


@dataclass(frozen=True)
class ExportSource:
    """What to export: an avatar, and the pose or the motion for the file.

    All values are in the world of the avatar: y up, metres.

    Attributes:
        avatar: In evaluation mode, without gradients. ``avatar.body.rest(avatar.shape)`` is the
            person in the rest pose.
        name: Name of the capture.
        method: Name of the method, for messages.
        training_motion: The poses it was trained on, one clip after another.
        cameras: Name -> camera of the training, the main one first.
        motion: Depends on ``holds`` of the config. "pose": the one pose. "motion": all frames of
            the driving motion, placed in the world of the avatar; None if none was given.
            "avatar": None.
        title: Name of the motion: the name of its file.
        context: If the config holds "pose": this frame, seen by the main camera; otherwise None.
        conditions: If the config holds "pose": what the encoders yield for it, by the name of the
            encoder; otherwise empty.
    """

    avatar: Avatar
    name: str
    method: str
    training_motion: Motion
    cameras: Mapping[str, Camera]
    motion: Motion | None = None
    title: str = "motion"
    context: FrameContext | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def about(self) -> dict[str, str]:
        """What a file should state about the avatar: capture, method, licence of the body."""
        asset = self.avatar.body.asset
        return {
            "name": self.name,
            "method": self.method,
            "body": asset.name,
            "body_sha256": asset.sha256,
            "body_licence": asset.licence,
        }


@dataclass(frozen=True)
class Exported:
    """What was written, as text for the user.

    Attributes:
        what: What was written, with its count: "26000 Gaussians".
        notes: What the format cannot store, and what was rounded or clipped; without full stops.
    """

    what: str
    notes: tuple[str, ...] = ()


class Exporter(ABC):
    """Writes one file. Its config declares its suffixes and its options."""

    def __init__(self, config: ExporterConfig):
        self.config = config

    @abstractmethod
    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the file.

        Args:
            source: What to write.
            out: The file to write: a temporary name with the requested suffix. avatar-kit renames
                it when this returns, and removes it after an error.
            report: Call it to show progress if the export takes long: done, total, and a line.

        Raises:
            UserError: The format cannot store this avatar. The message states what the format needs
                and what the method or its encoders give instead.
        """
