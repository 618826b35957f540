"""Registration of the embedded dataset. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_studio.config import StudioConfig


@hookimpl
def register_datasets(register) -> None:
    """The synthetic capture that needs no data."""
    register("studio", config=StudioConfig, target="avatar_kit_studio.dataset:Studio", default=True)
