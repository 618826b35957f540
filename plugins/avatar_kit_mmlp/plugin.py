"""Registration of `mmlp`. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_mmlp.config import MlpGaussiansConfig, MmlpMethodConfig


@hookimpl
def register_encoders(register) -> None:
    """Gaussians that follow the pose."""
    register(
        "mlp_gaussians", config=MlpGaussiansConfig, target="avatar_kit_mmlp.cloud:MlpGaussians"
    )


@hookimpl
def register_methods(register) -> None:
    """The recipe."""
    register("mmlp", config=MmlpMethodConfig, target="avatar_kit_mmlp.method:Mmlp")
