"""How much of an alignment to apply."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.motion import mixed


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
    names = [f.name for f in fields(source) if f.name not in ("fps", "confidence")]
    moved = [n for n in names if not torch.equal(getattr(source, n), getattr(aligned, n))]
    if not moved:
        return source
    between = mixed(source, aligned, source.transl.new_full((len(source),), strength))
    return replace(source, **{name: getattr(between, name) for name in moved})
