"""Registration of `r3`. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_r3.config import R3MethodConfig, RecordedGaussiansConfig


@hookimpl
def register_encoders(register) -> None:
    """Gaussians that are recorded over time."""
    register(
        "recorded_gaussians",
        config=RecordedGaussiansConfig,
        target="avatar_kit_r3.cloud:RecordedGaussians",
    )


@hookimpl
def register_methods(register) -> None:
    """The recipe."""
    register("r3", config=R3MethodConfig, target="avatar_kit_r3.method:R3")
