"""How much of an alignment to apply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from avatar_kit.aligners.rotations import slerp
from avatar_kit.scene import Motion

_LINEAR = ("transl", "expression")


def blend(source: Motion, aligned: Motion, strength: float) -> Motion:
    """Between a motion and its aligned form: each joint by the shortest turn, the rest linearly.

    Args:
        source: The motion as it came.
        aligned: Of the same length and frame rate.
        strength: 0 gives the source, 1 the aligned motion, both exactly.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"the strength must lie between 0 and 1, got {strength}")
    if strength in (0, 1):
        return aligned if strength else source
    mixed: dict[str, Any] = {}
    for name in (n for n in vars(source) if n not in ("fps", "confidence")):
        a, b = getattr(source, name), getattr(aligned, name)
        if not torch.equal(a, b):
            mixed[name] = a.lerp(b, strength) if name in _LINEAR else slerp(a, b, strength)
    return replace(source, **mixed)
