"""Registers the matting. Torch-free."""

from avatar_kit import hookimpl
from avatar_kit_rembg.config import RembgConfig


@hookimpl
def register_mattings(register):
    """The network for people that rembg publishes."""
    register("rembg", config=RembgConfig, target="avatar_kit_rembg.matting:RembgMatting")
