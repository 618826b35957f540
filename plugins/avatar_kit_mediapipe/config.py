"""Configs of the two MediaPipe trackers."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from avatar_kit.config import ModelFile, TrackerConfig
from avatar_kit_mediapipe.models import (
    FACE_LANDMARKER,
    HAND_LANDMARKER,
    POSE_HEAVY,
    POSE_LANDMARKER,
)

_MODELS = {"heavy": POSE_HEAVY, "blendshapes": FACE_LANDMARKER}


class _PersonConfig(TrackerConfig):
    """What both trackers are told."""

    detection_confidence: float = Field(
        0.5, ge=0, le=1, description="Least score of a detected person."
    )
    tracking_confidence: float = Field(
        0.5, ge=0, le=1, description="Least score to follow a person instead of detecting again."
    )
    people_every: int = Field(
        15,
        ge=1,
        le=1_000_000,
        description="Frames between two checks for a second person in the picture.",
    )
    hand_reach: float = Field(
        0.05,
        gt=0,
        description="A hand counts within this distance of the wrist, as a share of the height.",
    )
    retry_hands: bool = Field(
        True,
        description="Search the full picture again for a hand that is missing at a visible wrist.",
    )


class MediapipeConfig(_PersonConfig):
    """Body, hands, face and mask by MediaPipe Holistic (models in the wheel, no network)."""

    models: ClassVar[tuple[ModelFile, ...]] = (POSE_HEAVY, FACE_LANDMARKER)

    type: Literal["mediapipe"] = "mediapipe"
    heavy: bool | Literal["auto"] = Field(
        "auto",
        validate_default=True,
        description="Find trunk and limbs in the picture with the heavy pose model; auto: if "
        "pose_landmark_heavy.tflite is installed (avatar-kit models).",
    )
    blendshapes: bool | Literal["auto"] = Field(
        "auto",
        validate_default=True,
        description="Read smile, lips, squint and gaze of near faces with the blendshape network; "
        "auto: if face_landmarker.task is installed (avatar-kit models).",
    )

    @field_validator("heavy", "blendshapes")
    @classmethod
    def _what_is_here(cls, value: Any, info: Any) -> Any:
        """What auto means on this machine: results that depend on it are kept by the config."""
        return _MODELS[info.field_name].here() if value == "auto" else value

    def live(self) -> "MediapipeConfig":
        """Without the looks for hands and the heavy model, which take tens of milliseconds."""
        return self.model_copy(update={"retry_hands": False, "heavy": False})


class MediapipeTasksConfig(_PersonConfig):
    """Body, hands, face and mask by MediaPipe's Tasks API (any Python; needs three model files)."""

    needs: ClassVar[tuple[ModelFile, ...]] = (POSE_LANDMARKER, HAND_LANDMARKER, FACE_LANDMARKER)

    type: Literal["mediapipe_tasks"] = "mediapipe_tasks"

    def live(self) -> "MediapipeTasksConfig":
        """With one look for each hand."""
        return self.model_copy(update={"retry_hands": False})
