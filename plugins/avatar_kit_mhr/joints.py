"""Joints of MHR, and the joints of SMPL-X that turn them."""

from __future__ import annotations

import re
from typing import NamedTuple

from avatar_kit.errors import UserError

_SIDES = {"l": "left", "r": "right"}

#: Joint of MHR without its side -> joint of SMPL-X, for joints that one turns as it is.
_DRIVEN = {
    "root": "pelvis", "c_spine0": "spine1", "c_spine1": "spine1", "c_spine2": "spine2",
    "c_spine3": "spine3", "c_neck": "neck", "c_head": "head", "c_jaw": "jaw",
    "upleg": "hip", "lowleg": "knee", "foot": "ankle", "ball": "foot", "clavicle": "collar",
    "uparm": "shoulder", "lowarm": "elbow", "wrist": "wrist", "eye": "eye",
    **{f"{finger}{i}": f"{finger}{i}" for finger in ("thumb", "index", "middle", "ring", "pinky")
       for i in (1, 2, 3)},
}  # fmt: skip

#: Joints that tell the rotation of a joint of SMPL-X where several are turned by it.
_TOLD_BY = {"spine1": "c_spine1"}

#: Joints along a limb that only twist -> the joint whose twist they share.
_TWISTS = {"uparm": "shoulder", "upleg": "hip", "lowarm": "wrist", "lowleg": "ankle"}
_TWIST = re.compile(r"([lr])_(uparm|upleg|lowarm|lowleg)_twist\d+_proc$")


class Drive(NamedTuple):
    """What turns a joint of the rig.

    Attributes:
        joint: Joint of SMPL-X whose rotation in the world it takes.
        twist: Joint of SMPL-X of whose twist about the limb it takes a share on top; "": none.
    """

    joint: str
    twist: str = ""


def drives(names: tuple[str, ...], parents: tuple[int, ...]) -> tuple[Drive, ...]:
    """What turns each joint; joints that SMPL-X does not know go with their parent.

    Args:
        names: Names of the joints.
        parents: [J] index of each parent, before its children; -1 for the first.

    Raises:
        UserError: A joint that is needed is not there.
    """
    found: list[Drive] = []
    for name, parent in zip(names, parents, strict=True):
        twist = _TWIST.match(name)
        if twist is not None:
            side = _SIDES[twist[1]]
            above = f"{side}_{_DRIVEN[twist[2]]}"
            found.append(Drive(above, f"{side}_{_TWISTS[twist[2]]}"))
            continue
        own = smplx_name(name)
        above_drive = found[parent].joint if parent >= 0 else "pelvis"
        found.append(Drive(own or above_drive))
    missing = {"pelvis", "left_wrist", "right_ankle", "head"} - {d.joint for d in found}
    if missing:
        raise UserError(f"MHR: the rig has no joint for {', '.join(sorted(missing))}")
    return tuple(found)


def smplx_name(name: str) -> str:
    """Joint of SMPL-X that turns a joint of the rig as it is; "" if none does."""
    if name in _DRIVEN:
        return _DRIVEN[name]
    side, _, part = name.partition("_")
    if side in _SIDES and part in _DRIVEN:
        return f"{_SIDES[side]}_{_DRIVEN[part]}"
    return ""


def tellers(names: tuple[str, ...]) -> dict[str, int]:
    """Joint of SMPL-X -> index of the joint of the rig that stands for it."""
    found: dict[str, int] = {}
    for i, name in enumerate(names):
        ours = smplx_name(name)
        if ours and (ours not in found or _TOLD_BY.get(ours) == name):
            found[ours] = i
    return found
