"""Configs of the exporters. Torch-free."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.declarations import ExporterConfig, Holds

Axes = Literal["y_down", "y_up"]

_ENCODER = "Name of the encoder whose Gaussians are written, if several have some."
_AXES = "y_up: as the avatar, facing +z. y_down: turned by 180 degrees about x, facing -z."

_TEXTURE = "Side of the texture in pixels."
_PICTURES = "Training poses that the texture is baked from."


class GaussianPlyConfig(ExporterConfig):
    """The Gaussians of one pose as PLY, in the layout of 3D Gaussian splatting."""

    suffixes: ClassVar[tuple[str, ...]] = (".ply",)
    holds: ClassVar[Holds] = "pose"

    type: Literal["gaussian_ply"] = "gaussian_ply"
    axes: Axes = Field(
        default="y_down", description=f"{_AXES} Viewers of .ply expect y_down (x right, z forward)."
    )
    degree: int = Field(
        default=3,
        ge=0,
        le=3,
        description="Degree of the spherical harmonics; filled up with 0. Unity importers take 3.",
    )
    encoder: str | None = Field(default=None, description=_ENCODER)


class SpzConfig(ExporterConfig):
    """The Gaussians of one pose as SPZ, compressed; needs the extra `export`."""

    suffixes: ClassVar[tuple[str, ...]] = (".spz",)
    holds: ClassVar[Holds] = "pose"

    type: Literal["spz"] = "spz"
    axes: Axes = Field(
        default="y_up", description=f"{_AXES} SPZ is defined with y_up; PlayCanvas takes y_down."
    )
    version: Literal[3, 4] = Field(
        default=3,
        description="Of the format: 3 is read by most programs, 4 alone by the PlayCanvas engine.",
    )
    fractional_bits: int = Field(
        default=16,
        ge=8,
        le=20,
        description="Bits of a metre that positions keep; 23 less these for whole metres.",
    )
    encoder: str | None = Field(default=None, description=_ENCODER)


class RiggedGaussiansConfig(ExporterConfig):
    """The Gaussians in the rest pose with skeleton, skinning weights and light, as safetensors."""

    suffixes: ClassVar[tuple[str, ...]] = (".safetensors",)
    holds: ClassVar[Holds] = "avatar"

    type: Literal["rigged_gaussians"] = "rigged_gaussians"
    encoder: str | None = Field(default=None, description=_ENCODER)


class SkinnedMeshConfig(ExporterConfig):
    """The body with skin, skeleton, 52 expressions and a baked texture, as binary glTF 2.0."""

    suffixes: ClassVar[tuple[str, ...]] = (".glb",)
    holds: ClassVar[Holds] = "motion"

    type: Literal["skinned_mesh"] = "skinned_mesh"
    weights: Literal["all", "four"] = Field(
        default="all",
        description="Skinning weights of a vertex: all, largest first, or the four largest, scaled "
        "to sum to 1, for programs that read four and do not scale them.",
    )
    texture: int = Field(default=1024, ge=16, le=4096, description=_TEXTURE)
    pictures: int = Field(default=24, ge=1, le=500, description=_PICTURES)


class PlayerConfig(ExporterConfig):
    """A web page that shows the avatar and moves it: one file, opened without a network."""

    suffixes: ClassVar[tuple[str, ...]] = (".html",)
    holds: ClassVar[Holds] = "motion"

    type: Literal["player"] = "player"
    idle: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="Seconds of the training motion that are played back and forth; 0: none.",
    )
    gaussians: bool = Field(
        default=True,
        description="Also show the Gaussians of an avatar that has some, with its mean shadows.",
    )
    texture: int = Field(default=1024, ge=16, le=4096, description=_TEXTURE)
    pictures: int = Field(default=24, ge=1, le=500, description=_PICTURES)


class BvhConfig(ExporterConfig):
    """The motion as BVH, with the bone lengths of the person: body, hands and eyes."""

    suffixes: ClassVar[tuple[str, ...]] = (".bvh",)
    holds: ClassVar[Holds] = "motion"

    type: Literal["bvh"] = "bvh"
    unit: Literal["cm", "m"] = Field(default="cm", description="Unit of lengths in the file.")


class AmassConfig(ExporterConfig):
    """The motion as AMASS npz for SMPL-X, z up, of a body of mean shape."""

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    holds: ClassVar[Holds] = "motion"

    type: Literal["amass"] = "amass"


class RendererNetworkConfig(ExporterConfig):
    """The network that paints from feature maps, as ONNX; needs the extra `onnx`."""

    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    holds: ClassVar[Holds] = "avatar"

    type: Literal["renderer_network"] = "renderer_network"
