"""The empty scene behind a person."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from avatar_kit.scene.camera import Camera


@dataclass(frozen=True)
class Plate:
    """A picture of the scene without the person, and the camera that took it.

    Attributes:
        picture: [3, H, W] in [0, 1].
        camera: One camera, the size of the picture.
    """

    picture: Tensor
    camera: Camera
