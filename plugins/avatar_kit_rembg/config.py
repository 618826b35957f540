"""Config of the matting. Torch-free, and without ONNX Runtime."""

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.config import MattingConfig, ModelFile

PEOPLE = ModelFile(
    name="u2net_human_seg.onnx",
    purpose="masks of people for prepare --matting rembg",
    size=175_997_641,
    licence="Apache-2.0",
    url="https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2net_human_seg.onnx",
    sha256="01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
)


class RembgConfig(MattingConfig):
    """U2-Net for people, as rembg publishes it, on what is around the person (needs its model)."""

    models: ClassVar[tuple[ModelFile, ...]] = (PEOPLE,)

    type: Literal["rembg"] = "rembg"
    margin: float = Field(
        0.12,
        ge=0,
        le=1,
        description="Margin around the person in the crop, as a share of the longer side.",
    )
