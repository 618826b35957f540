"""Which joint of a BVH skeleton is which of ours: a few by name, the rest by the hierarchy."""

from __future__ import annotations

import re
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion.bvh import BvhJoint

#: Joints found by name, with the words they go by; earlier words win.
_NAMED = {"wrist": ("wrist", "hand"), "ankle": ("ankle", "foot")}


def match_joints(joints: tuple[BvhJoint, ...], path: Path) -> dict[str, int]:
    """SMPL-X joint name -> index of the BVH joint.

    Wrists, ankles and the head are found by name ("LeftHand", "Hand_L", "l_wrist", ...). Elbows,
    shoulders, collars, knees and hips are their parents in turn; the pelvis is where the legs meet,
    spine3 where the arms meet, and what lies between is the spine.

    Raises:
        UserError: A joint that is needed was not found.
    """
    parents = [joint.parent for joint in joints]
    found: dict[str, int] = {}
    for side in ("left", "right"):
        wrist, ankle = (_find(joints, _NAMED[part], side, path) for part in ("wrist", "ankle"))
        found |= {f"{side}_wrist": wrist, f"{side}_ankle": ankle}
        found |= _upward(parents, wrist, [f"{side}_elbow", f"{side}_shoulder"], joints, path)
        found |= _upward(parents, ankle, [f"{side}_knee", f"{side}_hip"], joints, path)
        toes = [i for i, p in enumerate(parents) if p == ankle and joints[i].channels]
        if toes:
            found[f"{side}_foot"] = toes[0]
    pelvis = _meet(parents, found["left_hip"], found["right_hip"])
    chest = _meet(parents, found["left_shoulder"], found["right_shoulder"])
    for side in ("left", "right"):
        above = parents[found[f"{side}_shoulder"]]
        if above != chest:
            found[f"{side}_collar"] = above
    found["pelvis"] = pelvis
    found |= _spine(_between(parents, pelvis, chest))
    found["head"] = _find(joints, ("head",), "", path)
    neck = _between(parents, chest, found["head"])[:-1]
    if neck:
        found["neck"] = neck[0]
    return found


def _find(joints: tuple[BvhJoint, ...], words: tuple[str, ...], side: str, path: Path) -> int:
    names = [re.sub(r"[^a-z0-9]", "", joint.name.lower().rpartition(":")[2]) for joint in joints]
    for word in words:
        forms = [word] if not side else [side + word, word + side, side[0] + word, word + side[0]]
        exact = [i for i, name in enumerate(names) if name in forms]
        ending = [i for i, name in enumerate(names) if name.endswith(tuple(forms))]
        if exact or ending:
            return (exact or ending)[0]
    raise UserError(
        f"{path}: no joint called like '{f'{side} {words[0]}'.strip()}'; the joints are "
        f"{', '.join(j.name for j in joints if j.channels)}"
    )


def _upward(
    parents: list[int], start: int, names: list[str], joints: tuple[BvhJoint, ...], path: Path
) -> dict[str, int]:
    found, at = {}, start
    for name in names:
        at = parents[at]
        if at < 0:
            raise UserError(f"{path}: nothing above '{joints[start].name}' can be the {name}")
        found[name] = at
    return found


def _ancestors(parents: list[int], joint: int) -> list[int]:
    line = []
    while joint >= 0:
        line.append(joint)
        joint = parents[joint]
    return line


def _meet(parents: list[int], a: int, b: int) -> int:
    """The lowest joint above both."""
    above = set(_ancestors(parents, parents[a]))
    return next(j for j in _ancestors(parents, parents[b]) if j in above)


def _between(parents: list[int], top: int, bottom: int) -> list[int]:
    """Joints from below ``top`` down to ``bottom``, in order; empty if they are not in line."""
    line = _ancestors(parents, bottom)
    return line[: line.index(top)][::-1] if top in line else []


def _spine(joints: list[int]) -> dict[str, int]:
    if not joints:
        return {}
    if len(joints) == 1:
        return {"spine3": joints[0]}
    if len(joints) == 2:
        return {"spine1": joints[0], "spine3": joints[1]}
    return {"spine1": joints[0], "spine2": joints[len(joints) // 2], "spine3": joints[-1]}
