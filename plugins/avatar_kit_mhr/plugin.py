"""Registration of the Momentum Human Rig. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_mhr.config import MhrConfig


@hookimpl
def register_bodies(register) -> None:
    """MHR, by assets that the user has."""
    register("mhr", config=MhrConfig, target="avatar_kit_mhr.body:MhrBody")
