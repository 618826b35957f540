"""avatar-kit: turn a video of one person into an avatar that can be driven in real time.

Importing this package is cheap on purpose: no torch, no numpy. Everything heavy lives in the
subpackages and is imported when it is used.
"""

from typing import TYPE_CHECKING

import pluggy

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.api.avatar import TrainedAvatar as TrainedAvatar
    from avatar_kit.api.avatar import load as load
    from avatar_kit.api.evaluation import evaluate as evaluate
    from avatar_kit.api.motion import read_motion as read_motion
    from avatar_kit.api.training import train as train
    from avatar_kit.capture import open_capture as open_capture
    from avatar_kit.scene import Camera as Camera
    from avatar_kit.scene import Motion as Motion

__version__ = "0.2.0"

#: Version of the plugin contracts. A plugin may set ``avatar_kit_api = N`` in its module.
API_VERSION = 2

#: Decorator that marks a function of a plugin module as a hook implementation.
hookimpl = pluggy.HookimplMarker("avatar_kit")

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Camera": "avatar_kit.scene",
        "Motion": "avatar_kit.scene",
        "TrainedAvatar": "avatar_kit.api.avatar",
        "evaluate": "avatar_kit.api.evaluation",
        "load": "avatar_kit.api.avatar",
        "open_capture": "avatar_kit.capture",
        "read_motion": "avatar_kit.api.motion",
        "train": "avatar_kit.api.training",
    },
)
__all__ += ["API_VERSION", "__version__", "hookimpl"]
