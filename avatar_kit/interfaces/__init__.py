"""The contracts: one file a part. A stranger implements one of these and registers it."""

from avatar_kit.interfaces.aligner import Aligner
from avatar_kit.interfaces.avatar import Avatar, AvatarState
from avatar_kit.interfaces.body import Asset, Body
from avatar_kit.interfaces.dataset import Dataset
from avatar_kit.interfaces.encoder import Encoder
from avatar_kit.interfaces.exporter import Exported, Exporter, ExportSource
from avatar_kit.interfaces.matting import Matting
from avatar_kit.interfaces.method import Batch, Method, Pool, Samples
from avatar_kit.interfaces.metric import Metric
from avatar_kit.interfaces.prior import Corpus, LearnsPrior, Report
from avatar_kit.interfaces.refinement import PoseRefinement
from avatar_kit.interfaces.renderer import Renderer
from avatar_kit.interfaces.setup import Setup
from avatar_kit.interfaces.tracker import FrameTrack, PersonBox, Tracker
from avatar_kit.nn.part import Part, make_room

__all__ = [
    "Aligner",
    "Asset",
    "Avatar",
    "AvatarState",
    "Batch",
    "Body",
    "Corpus",
    "Dataset",
    "Encoder",
    "ExportSource",
    "Exported",
    "Exporter",
    "FrameTrack",
    "LearnsPrior",
    "Matting",
    "Method",
    "Metric",
    "Part",
    "PersonBox",
    "Pool",
    "PoseRefinement",
    "Renderer",
    "Report",
    "Samples",
    "Setup",
    "Tracker",
    "make_room",
]
