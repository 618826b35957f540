"""Live driving: landmarks of a frame to a pose, causally; the pose to the avatar's place."""

from avatar_kit.lazy import lazy_exports

_WHERE = {
    "FrameSolver": "avatar_kit.live.solver",
    "Performer": "avatar_kit.live.performer",
    "Placer": "avatar_kit.live.placing",
    "Solved": "avatar_kit.live.solver",
    "calibrate": "avatar_kit.live.calibration",
}

__getattr__, __dir__, __all__ = lazy_exports(__name__, _WHERE)
