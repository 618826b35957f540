"""Configs of the encoders that ship with the framework. Torch-free."""

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.declarations import ConditionKind, EncoderConfig


class LightEncoderConfig(EncoderConfig):
    """What the encoders have in common that look for the light of a capture."""

    many_people: ClassVar[bool] = True

    frames: int = Field(
        default=8, ge=1, le=10_000, description="Training samples used to search for the light."
    )
    search_size: int = Field(
        default=96,
        ge=16,
        le=8192,
        description="Picture height in pixels in the first rounds of the search.",
    )


class CastShadowConfig(LightEncoderConfig):
    """The person's shadow on the floor, under the light that explains it best."""

    type: Literal["cast_shadow"] = "cast_shadow"

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", 1


class LitSurfaceConfig(LightEncoderConfig):
    """How the surface faces the light that is found, with the body's shadow on itself.

    Five channels: the normal in world axes, its cosine to the light (0 where it faces away), and
    this cosine times the share of the light that the rest of the body lets through.
    """

    type: Literal["lit_surface"] = "lit_surface"

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", 5
