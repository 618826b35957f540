"""Who an avatar is of, as its run folder keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera


@dataclass(frozen=True)
class Subject:
    """Who the avatar is of and how it was seen: what rendering needs instead of the capture.

    Attributes:
        capture: Name of the capture.
        capture_key: Digest of its content.
        body: Registered name of the body model.
        body_asset: Id and sha256 of the body model's data.
        shape: Shape values by name.
        cameras: Name -> camera of the trained picture, a batch of one, the main one first. A camera
            that moves is given as it was at the first training frame.
        training_frames: Number of training frames.
        fps: Frame rate of the capture.
        clips: Lengths of the clips that the training frames make, in their order.
    """

    capture: str
    capture_key: str
    body: str
    body_asset: dict[str, str]
    shape: dict[str, float]
    cameras: dict[str, Camera]
    training_frames: int
    fps: float
    clips: list[int]

    @property
    def camera(self) -> Camera:
        """The main camera."""
        return next(iter(self.cameras.values()))

    def check_asset(self, body: Body, where: Path) -> None:
        """Refuse a body model that differs from the one trained with.

        Raises:
            UserError: The sha256 of the body's data is another one.
        """
        if body.asset.sha256 != self.body_asset["sha256"]:
            raise UserError(
                f"{where}: trained with the body data {self.body_asset['name']} (sha256 "
                f"{self.body_asset['sha256'][:12]}), but {body.asset.name} "
                f"({body.asset.sha256[:12]}) is installed; install the same version"
            )
