"""Setup: what is known of an avatar when its encoders and its renderer are built."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_kit.scene import Camera, Plate, RestBody


@dataclass(frozen=True)
class Setup:
    """What encoders and renderers may know about the avatar when they are built, on the CPU.

    Attributes:
        body: The person in the rest pose: surface, skeleton, skinning.
        cameras: The cameras of the training, the main one first, with the size of the trained
            picture. A camera that moves is given at the first training frame.
        training_frames: Number of training frames, for per-frame codes.
        plates: Pictures of the empty scene, one for each camera that has a plate, for renderers
            that paint only the person. Empty when an avatar is loaded without its capture: store
            what you need of them in buffers.
        stand: x, y, z in world metres of the point of the floor above which the person mostly is in
            the training; None if it is not known.
    """

    body: RestBody
    cameras: tuple[Camera, ...]
    training_frames: int
    plates: tuple[Plate, ...] = ()
    stand: tuple[float, float, float] | None = None

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return self.cameras[0].width

    @property
    def height(self) -> int:
        """Height of the picture in pixels."""
        return self.cameras[0].height
