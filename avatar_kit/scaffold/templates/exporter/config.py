"""Config of the exporter. Torch-free."""

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.config import ExporterConfig, Holds


class MyPluginConfig(ExporterConfig):
    """The posed body as a Wavefront OBJ, without colours."""

    suffixes: ClassVar[tuple[str, ...]] = (".obj",)
    holds: ClassVar[Holds] = "pose"

    type: Literal["myplugin"] = "myplugin"
    scale: float = Field(default=1.0, gt=0, description="Units of the file in a metre.")
