"""Motion files: ours, and the ones people have."""

from avatar_kit.io.motion.found import MotionFile
from avatar_kit.io.motion.load import list_clips, load_clips, load_motion, read_file
from avatar_kit.io.motion.native import save_motion
from avatar_kit.io.motion.options import MotionOptions

__all__ = [
    "MotionFile",
    "MotionOptions",
    "list_clips",
    "load_clips",
    "load_motion",
    "read_file",
    "save_motion",
]
