"""avatar-kit: turn a video of one person into an avatar that can be driven in real time.

Importing this package is cheap on purpose: no torch, no numpy. Everything heavy lives in the
subpackages and is imported when it is used.
"""

import pluggy

__version__ = "0.1.0"

#: Version of the plugin contracts. A plugin may set ``avatar_kit_api = N`` in its module.
API_VERSION = 2

#: Decorator that marks a function of a plugin module as a hook implementation.
hookimpl = pluggy.HookimplMarker("avatar_kit")

__all__ = ["API_VERSION", "__version__", "hookimpl"]
