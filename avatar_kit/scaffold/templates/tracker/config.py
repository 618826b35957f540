"""Config of the tracker. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import TrackerConfig


class MyPluginConfig(TrackerConfig):
    """Finds a standing person in front of an even wall by the silhouette alone."""

    type: Literal["myplugin"] = "myplugin"
    threshold: float = Field(
        default=0.12, gt=0, le=1, description="Least difference in colour from the wall."
    )
