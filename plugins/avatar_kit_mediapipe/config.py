"""Config of the MediaPipe tracker."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import TrackerConfig


class MediapipeConfig(TrackerConfig):
    """Body, hands, face and mask by MediaPipe Holistic (models in the wheel, no network)."""

    type: Literal["mediapipe"] = "mediapipe"
    detection_confidence: float = Field(
        0.5, ge=0, le=1, description="Least score of a detected person."
    )
    tracking_confidence: float = Field(
        0.5, ge=0, le=1, description="Least score to follow a person instead of detecting anew."
    )
    people_every: int = Field(
        15, ge=1, description="Frames between two looks for a second person in the picture."
    )
    hand_reach: float = Field(
        0.05,
        gt=0,
        description="A hand counts within this distance of the wrist, as a part of the height.",
    )
    retry_hands: bool = Field(
        True,
        description="Look again, in the full picture, for a hand that is missing at a seen wrist.",
    )
