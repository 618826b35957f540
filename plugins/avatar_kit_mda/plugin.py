"""Registers the aligner. Torch-free."""

from avatar_kit import hookimpl
from avatar_kit_mda.config import MdaConfig


@hookimpl
def register_aligners(register):
    """Motion Distribution Align."""
    register("mda", config=MdaConfig, target="avatar_kit_mda.aligner:Mda")
