"""Configs of RAM-Avatar's training beyond losses and rates. Torch-free."""

from __future__ import annotations

from pydantic import Field

from avatar_kit.config import Config


class DiscriminatorConfig(Config):
    """The temporal-aware discriminator. It is built where ``loss.adversarial`` is not zero."""

    channel_multiplier: float = Field(
        default=2.0, gt=0, description="Width: 16384 x this / resolution channels, within limits."
    )
    max_channels: int = Field(default=512, ge=1, le=4096, description="Most channels of a level.")
    learning_rate: float = Field(default=1e-4, gt=0, description="Peak rate of Adam.")
    r1: float = Field(
        default=10.0, ge=0, description="Weight of the gradient penalty on recorded pictures."
    )
    r1_every: int = Field(
        default=16,
        ge=1,
        le=1_000_000_000,
        description="Steps between penalties; each counts for all of them.",
    )


class StagesConfig(Config):
    """When parts of the training begin and end (supplement, section 3).

    The figures are steps of a schedule of ``of`` steps and scale with ``steps``.
    """

    of: int = Field(
        default=150_000,
        ge=1,
        le=1_000_000_000,
        description="Steps of the schedule these belong to.",
    )
    attention_from: int = Field(
        default=10_000, ge=0, le=1_000_000_000, description="Steps trained without attention first."
    )
    texture_until: int = Field(
        default=130_000,
        ge=0,
        le=1_000_000_000,
        description="Step from which the textures are frozen.",
    )
    adversarial_every: int = Field(
        default=2_000,
        ge=1,
        le=1_000_000_000,
        description="Steps between increases of the adversarial loss's weight by a tenth.",
    )

    def progress(self, step: int, steps: int) -> float:
        """Where step ``step`` of ``steps`` lies on the schedule of ``of`` steps."""
        return step * self.of / steps
