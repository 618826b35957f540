"""Configs of the encoders that ship with the framework. Torch-free."""

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.declarations import ConditionKind, EncoderConfig


class LightEncoderConfig(EncoderConfig):
    """What the encoders have in common that look for the light of a capture."""

    many_people: ClassVar[bool] = True

    frames: int = Field(default=8, ge=1, description="Training samples that the search looks at.")
    search_size: int = Field(default=96, ge=16, description="Height in pixels of its first rounds.")


class CastShadowConfig(LightEncoderConfig):
    """Where the person's shadow falls on the floor, under the light that explains it best."""

    type: Literal["cast_shadow"] = "cast_shadow"

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", 1


class LitSurfaceConfig(LightEncoderConfig):
    """How the surface lies to the light that is found, and what the body keeps of it from itself.

    Five channels: the normal in world axes, its cosine to the light (0 where it faces away), and
    this cosine times the share of the light that the rest of the body lets through.
    """

    type: Literal["lit_surface"] = "lit_surface"

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", 5
