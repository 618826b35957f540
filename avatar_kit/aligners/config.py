"""Config of the aligner that changes nothing."""

from typing import Literal

from avatar_kit.config.base import AlignerConfig


class IdentityConfig(AlignerConfig):
    """Drive the avatar with the motion as it is."""

    type: Literal["identity"] = "identity"
