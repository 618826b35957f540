"""BVH files."""

from __future__ import annotations

from avatar_kit.io.motion.bvh import read_bvh
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.retarget import retarget
from avatar_kit.io.motion.source import Source


def _read(source: Source, options: MotionOptions) -> Reading:
    bvh = read_bvh(source.path, options.rate)
    found = retarget(bvh.animated(), source.path, options, built=False)
    return Reading(
        "BVH", found.motion, sure_up=True, unit="m", unit_said=found.unit, hands=found.hands,
        notes=(*bvh.notes, *found.notes),
    )  # fmt: skip


FORMAT = Format("BVH", lambda source: source.kind == "bvh", _read)
