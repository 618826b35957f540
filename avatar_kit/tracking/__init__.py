"""Video to capture: stages, landmark fitting, quality sheet."""

from avatar_kit.tracking.export import Prepared
from avatar_kit.tracking.options import Options
from avatar_kit.tracking.pipeline import prepare_video, track_motion, tracked_spans

__all__ = ["Options", "Prepared", "prepare_video", "track_motion", "tracked_spans"]
