"""Registers the MediaPipe trackers. Torch-free."""

from avatar_kit import hookimpl
from avatar_kit_mediapipe.config import MediapipeConfig, MediapipeTasksConfig
from avatar_kit_mediapipe.installed import has_holistic


@hookimpl
def register_trackers(register):
    """Two trackers; the default is the one that the MediaPipe of this machine serves."""
    holistic = has_holistic()
    register(
        "mediapipe",
        config=MediapipeConfig,
        target="avatar_kit_mediapipe.holistic.tracker:MediapipeTracker",
        default=holistic,
    )
    register(
        "mediapipe_tasks",
        config=MediapipeTasksConfig,
        target="avatar_kit_mediapipe.tasks.tracker:MediapipeTasksTracker",
        default=not holistic,
    )
