"""The bones of arms and legs, and where they point in the T-pose."""

from __future__ import annotations

#: Limb joint -> the next joint along its bone and the bone's direction in the T-pose.
LIMBS: dict[str, tuple[str, tuple[float, float, float]]] = {
    f"{side}_{joint}": (f"{side}_{child}", direction)
    for side, x in (("left", 1.0), ("right", -1.0))
    for joint, child, direction in (
        ("hip", "knee", (0.0, -1.0, 0.0)),
        ("knee", "ankle", (0.0, -1.0, 0.0)),
        ("shoulder", "elbow", (x, 0.0, 0.0)),
        ("elbow", "wrist", (x, 0.0, 0.0)),
    )
}
