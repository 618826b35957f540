"""Motion files: ours, and the ones people have."""

from avatar_kit.io.motion.load import list_clips, load_clips, load_motion
from avatar_kit.io.motion.native import save_motion

__all__ = ["list_clips", "load_clips", "load_motion", "save_motion"]
