"""Config of the metric. Torch-free."""

from typing import Literal

from avatar_kit.config import MetricConfig


class MyPluginConfig(MetricConfig):
    """Mean absolute error in grey levels of 255, per frame, then the mean."""

    type: Literal["myplugin"] = "myplugin"
