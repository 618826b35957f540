"""What pictures of an avatar say of themselves."""

from __future__ import annotations

from avatar_kit.config import MethodConfig
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.synthetic import Synthetic


def described(run: RunFolder, config: MethodConfig, capture: str) -> Synthetic:
    """Whose avatar it is, and what painted it.

    Args:
        run: Of the avatar.
        config: It was trained with.
        capture: Name of the capture.
    """
    return Synthetic(capture, run.root.resolve().name, config.type, config.consent)
