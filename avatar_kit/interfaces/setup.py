"""Setup: what is known of an avatar when its encoders and its renderer are built."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_kit.scene import Camera, Plate, RestBody


@dataclass(frozen=True)
class Setup:
    """What encoders and renderers may know about the avatar when they are built, on the CPU.

    Attributes:
        body: The person in the rest pose: surface, skeleton, skinning.
        cameras: One for each camera of the training, the main one first, with the size of the
            trained picture. A camera that moves is given as it is at the first training frame.
        training_frames: Number of training frames, for per-frame codes.
        plates: Pictures of the empty scene, one for each camera that has one, for renderers that
            paint the person alone. Empty where an avatar is read back without its capture: keep
            what is needed of them in buffers.
        stand: x, y, z of the point of the floor that the person is mostly above in the training,
            world metres; None where it is not known.
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
