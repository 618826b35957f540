"""Registration of the Anny body. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_anny.config import AnnyConfig


@hookimpl
def register_bodies(register) -> None:
    """The free default body."""
    register("anny", config=AnnyConfig, target="avatar_kit_anny.body:AnnyBody", default=True)
