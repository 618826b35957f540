"""Registers the MediaPipe tracker. Torch-free."""

from avatar_kit import hookimpl
from avatar_kit_mediapipe.config import MediapipeConfig


@hookimpl
def register_trackers(register):
    """The default tracker."""
    register(
        "mediapipe",
        config=MediapipeConfig,
        target="avatar_kit_mediapipe.tracker:MediapipeTracker",
        default=True,
    )
