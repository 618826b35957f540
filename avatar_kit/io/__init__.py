"""Video, image, motion, Gaussian and cache files.

Names are imported when they are used: listing plugins and printing help need none of them.
"""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.io.animation_writer import AnimationWriter as AnimationWriter
    from avatar_kit.io.atomic import atomic_path as atomic_path
    from avatar_kit.io.cache import cache_dir as cache_dir
    from avatar_kit.io.gaussian_ply import read_gaussian_ply as read_gaussian_ply
    from avatar_kit.io.gaussian_ply import write_gaussian_ply as write_gaussian_ply
    from avatar_kit.io.image import read_image as read_image
    from avatar_kit.io.image import write_image as write_image
    from avatar_kit.io.motion import list_clips as list_clips
    from avatar_kit.io.motion import load_motion as load_motion
    from avatar_kit.io.motion import save_motion as save_motion
    from avatar_kit.io.read_options import ReadOptions as ReadOptions
    from avatar_kit.io.rigged_file import RiggedFile as RiggedFile
    from avatar_kit.io.rigged_file import load_rigged_gaussians as load_rigged_gaussians
    from avatar_kit.io.rigged_file import save_rigged_gaussians as save_rigged_gaussians
    from avatar_kit.io.video import VideoReader as VideoReader
    from avatar_kit.io.video import read_video as read_video
    from avatar_kit.io.video_writer import VideoWriter as VideoWriter

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "AnimationWriter": "avatar_kit.io.animation_writer",
        "atomic_path": "avatar_kit.io.atomic",
        "cache_dir": "avatar_kit.io.cache",
        "list_clips": "avatar_kit.io.motion",
        "load_motion": "avatar_kit.io.motion",
        "load_rigged_gaussians": "avatar_kit.io.rigged_file",
        "read_gaussian_ply": "avatar_kit.io.gaussian_ply",
        "read_image": "avatar_kit.io.image",
        "read_video": "avatar_kit.io.video",
        "ReadOptions": "avatar_kit.io.read_options",
        "RiggedFile": "avatar_kit.io.rigged_file",
        "save_motion": "avatar_kit.io.motion",
        "save_rigged_gaussians": "avatar_kit.io.rigged_file",
        "VideoReader": "avatar_kit.io.video",
        "VideoWriter": "avatar_kit.io.video_writer",
        "write_gaussian_ply": "avatar_kit.io.gaussian_ply",
        "write_image": "avatar_kit.io.image",
    },
)
