"""Video, image, motion and cache files.

Names are imported when they are used: listing plugins and printing help need none of them.
"""

from avatar_kit.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "atomic_path": "avatar_kit.io.atomic",
        "cache_dir": "avatar_kit.io.cache",
        "list_clips": "avatar_kit.io.motion",
        "load_motion": "avatar_kit.io.motion",
        "read_image": "avatar_kit.io.image",
        "read_video": "avatar_kit.io.video",
        "save_motion": "avatar_kit.io.motion",
        "VideoReader": "avatar_kit.io.video",
        "VideoWriter": "avatar_kit.io.video_writer",
        "write_image": "avatar_kit.io.image",
    },
)
