"""The values that travel between the parts of an avatar: tensors, and nothing to tune.

Whatever has a batch is indexed by frames: ``motion[3:5]``, ``camera[0]``, ``context[[1, 4]]``. An
int chooses one frame and keeps the batch dimension.
"""

from avatar_kit.scene.body import BodyParameters, ParameterSpec, PosedBody, RestBody, Topology
from avatar_kit.scene.camera import Camera, stack_cameras
from avatar_kit.scene.conditions import Condition, ConditionSpec, FeatureMap, GaussianCloud, Vector
from avatar_kit.scene.context import FrameContext
from avatar_kit.scene.motion import Motion
from avatar_kit.scene.output import RenderOutput
from avatar_kit.scene.plate import Plate
from avatar_kit.scene.rigged import RiggedGaussians, SurfaceLight

__all__ = [
    "BodyParameters",
    "Camera",
    "Condition",
    "ConditionSpec",
    "FeatureMap",
    "FrameContext",
    "GaussianCloud",
    "Motion",
    "ParameterSpec",
    "Plate",
    "PosedBody",
    "RenderOutput",
    "RestBody",
    "RiggedGaussians",
    "SurfaceLight",
    "Topology",
    "Vector",
    "stack_cameras",
]
