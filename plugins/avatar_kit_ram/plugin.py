"""Registration of RAM-Avatar. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_ram.config import (
    AttentiveTextureConfig,
    FaceMapConfig,
    FrameCodeConfig,
    HandMapConfig,
    NeuralTextureConfig,
    RamConfig,
    StyleUNetConfig,
)


@hookimpl
def register_encoders(register) -> None:
    """Body, face, hands and style."""
    encoders = "avatar_kit_ram.encoders"
    register("neural_texture", config=NeuralTextureConfig, target=f"{encoders}:NeuralTexture")
    register(
        "attentive_texture",
        config=AttentiveTextureConfig,
        target="avatar_kit_ram.attentive:AttentiveTexture",
    )
    register("face_map", config=FaceMapConfig, target=f"{encoders}:FaceMap")
    register("hand_map", config=HandMapConfig, target=f"{encoders}:HandMap")
    register("frame_code", config=FrameCodeConfig, target=f"{encoders}:FrameCode")


@hookimpl
def register_renderers(register) -> None:
    """The StyleUNet."""
    register(
        "style_unet", config=StyleUNetConfig, target="avatar_kit_ram.renderer:StyleUNetRenderer"
    )


@hookimpl
def register_methods(register) -> None:
    """RAM-Avatar."""
    register("ram", config=RamConfig, target="avatar_kit_ram.method:Ram", default=True)
