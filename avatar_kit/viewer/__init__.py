"""Captures, motions and avatars on a page, to look at from all sides."""

from avatar_kit.lazy import lazy_exports

_WHERE = {
    "Subject": "avatar_kit.viewer.subject",
    "Viewer": "avatar_kit.viewer.viewer",
    "open_subject": "avatar_kit.viewer.subject",
}

__getattr__, __dir__, __all__ = lazy_exports(__name__, _WHERE)
