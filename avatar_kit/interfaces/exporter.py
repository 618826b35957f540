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
    """What is exported: an avatar, and the pose or the motion that the file shall hold.

    All values are in the world of the avatar: y up, metres.

    Attributes:
        avatar: In evaluation mode, without gradients. ``avatar.body.rest(avatar.shape)`` is the
            person at rest.
        name: Name of the capture.
        method: Name of the method, for messages.
        training_motion: The poses it was trained on, one clip after another.
        cameras: Name -> camera of the training, the main one first.
        motion: By what the config ``holds``: "pose", the one pose; "motion", all frames of the
            driving motion, placed, or None where none was given; "avatar", None.
        title: What that motion is called: the name of its file.
        context: Where the config holds "pose": that frame, seen by the main camera; else None.
        conditions: What the encoders yield for it, by the name of the encoder; else empty.
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
        """What a file should say of the avatar: its capture, its method, its body's licence."""
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
    """What a file came to hold, in words for a person.

    Attributes:
        what: What was written, with its number: "26000 Gaussians".
        notes: What the format could not hold, what was rounded or clipped; without full stops.
    """

    what: str
    notes: tuple[str, ...] = ()


class Exporter(ABC):
    """Writes one file. The suffixes it goes by, and its options, are declared by its config."""

    def __init__(self, config: ExporterConfig):
        self.config = config

    @abstractmethod
    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the file.

        Args:
            source: What to write.
            out: Where to: a temporary name with the suffix that was asked for. avatar-kit renames
                it when this returns, and removes it after an error.
            report: May be told how far it is, where that takes long: done, in all, and a line.

        Raises:
            UserError: The format cannot hold this avatar; says what it needs, and what the method
                or its encoders give instead.
        """
