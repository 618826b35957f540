"""Which joint of a skeleton is which of ours: a few by name, the rest by the hierarchy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from avatar_kit.errors import UserError, near
from avatar_kit.io.motion.animated import Joint
from avatar_kit.scene.joints import SMPLX_JOINTS

#: Joints found by name, with the words they go by; earlier words win.
_NAMED = {"wrist": ("wrist", "hand"), "ankle": ("ankle", "foot")}

#: Joints that turn a part of a limb about its length; they bend nothing.
_TWIST = re.compile(r"twist|roll")

#: Words in the names of the joints of a limb, for limbs of which a part has several joints.
_PARTS = {
    "elbow": re.compile(r"forearm|lowerarm|loarm|elbow"),
    "shoulder": re.compile(r"upperarm|uparm|shldr|shoulder(?!blade)|(?<!fore)(?<!lower)arm"),
    "knee": re.compile(r"shin|calf|lowerleg|loleg|knee"),
    "hip": re.compile(r"thigh|upperleg|upleg|hip(?!s)"),
}


def match_joints(
    joints: tuple[Joint, ...], path: Path, said: Mapping[str, str | None] | None = None
) -> dict[str, int]:
    """SMPL-X joint name -> index of the joint in the skeleton.

    Wrists, ankles and the head are found by name ("LeftHand", "Hand_L", "l_wrist", ...). Elbows,
    shoulders, collars, knees and hips are their parents in turn, where joints that only twist are
    passed over and a part of several joints counts as one; the pelvis is where the legs meet,
    spine3 where the arms meet, and what lies between is the spine. A skeleton may end at the neck.

    Args:
        joints: The skeleton.
        path: Its file, for messages.
        said: SMPL-X joint -> name in the skeleton; goes before what is found. None, for a joint
            that shall stay at rest, changes nothing here.

    Raises:
        UserError: A joint that is needed was not found, or a name that was said is not there.
    """
    parents = [joint.parent for joint in joints]
    given = _given(joints, said or {}, path)
    found: dict[str, int] = {}
    for side in ("left", "right"):
        wrist, ankle = (
            given[f"{side}_{part}"]
            if f"{side}_{part}" in given
            else _find(joints, _NAMED[part], side, path)
            for part in ("wrist", "ankle")
        )
        found |= {f"{side}_wrist": wrist, f"{side}_ankle": ankle}
        found |= _upward(parents, wrist, [f"{side}_elbow", f"{side}_shoulder"], joints, path)
        found |= _upward(parents, ankle, [f"{side}_knee", f"{side}_hip"], joints, path)
        toes = [i for i, p in enumerate(parents) if p == ankle and joints[i].moves]
        if toes:
            found[f"{side}_foot"] = toes[0]
    found |= given
    pelvis = given["pelvis"] if "pelvis" in given else _meet(joints, found, "hip", path)
    chest = _meet(joints, found, "shoulder", path)
    for side in ("left", "right"):
        above = parents[found[f"{side}_shoulder"]]
        if above != chest:
            found[f"{side}_collar"] = above
    found["pelvis"] = pelvis
    found |= _spine(_between(parents, pelvis, chest))
    top = given.get("head", given.get("neck"))
    top = _end_of_spine(joints, chest) if top is None else top
    top = _find(joints, ("head", "neck"), "", path) if top is None else top
    line = _between(parents, chest, top)
    if "head" in given or re.search("head|spine", joints[top].name.lower()):
        found["head"] = top
        line = line[:-1]
    if line:
        found["neck"] = line[0]
    return found | given


def _given(joints: tuple[Joint, ...], said: Mapping[str, str | None], path: Path) -> dict[str, int]:
    names = [joint.name for joint in joints]
    found = {}
    for ours, theirs in said.items():
        if ours not in SMPLX_JOINTS:
            known = (
                near(ours, list(SMPLX_JOINTS)) or f"; they are {', '.join(SMPLX_JOINTS[:22])} ..."
            )
            raise UserError(f"--map: '{ours}' is no joint of ours{known}")
        if theirs is None:
            continue
        if theirs not in names:
            raise UserError(f"{path}: --map: no joint '{theirs}'{near(theirs, names)}")
        found[ours] = names.index(theirs)
    return found


def _find(joints: tuple[Joint, ...], words: tuple[str, ...], side: str, path: Path) -> int:
    names = [_plain(joint) for joint in joints]
    for word in words:
        forms = [side + word, word + side, side[0] + word, word + side[0]] if side else [word]
        forms += [] if side else [f"{word}{middle}" for middle in ("m", "c", "mid")]
        exact = [i for i, name in enumerate(names) if name in forms]
        ending = [i for i, name in enumerate(names) if name.endswith(tuple(forms))]
        if exact or ending:
            return (exact or ending)[0]
    raise UserError(
        f"{path}: no joint called like '{f'{side} {words[0]}'.strip()}'; the joints are "
        f"{', '.join(j.name for j in joints if j.moves)}; say which is which with --map FILE"
    )


def _upward(
    parents: list[int], start: int, names: list[str], joints: tuple[Joint, ...], path: Path
) -> dict[str, int]:
    """The joints of a limb above its last one, each the uppermost of its part."""
    above = [i for i in _ancestors(parents, start)[1:] if not _TWIST.search(_plain(joints[i]))]
    found: dict[str, int] = {}
    for name in names:
        if not above:
            raise UserError(
                f"{path}: nothing above '{joints[start].name}' can be the {name}; say which joint "
                "is which with --map FILE"
            )
        said = [_PARTS[name.partition("_")[2]].search(_plain(joints[i])) for i in above]
        words = [match and match[0] for match in said]
        part = 1
        while words[0] and words[part : part + 1] == words[:1]:
            part += 1
        found[name] = above[part - 1]
        above = above[part:]
    return found


def _plain(joint: Joint) -> str:
    """The name in small letters, without the prefix of a character."""
    return re.sub(r"[^a-z0-9]", "", joint.name.lower().rpartition(":")[2])


def _ancestors(parents: list[int], joint: int) -> list[int]:
    line = []
    while joint >= 0:
        line.append(joint)
        joint = parents[joint]
    return line


def _meet(joints: tuple[Joint, ...], found: Mapping[str, int], part: str, path: Path) -> int:
    """The lowest joint above the left and the right one of a part.

    Raises:
        UserError: There is none.
    """
    parents = [joint.parent for joint in joints]
    left, right = (found[f"{side}_{part}"] for side in ("left", "right"))
    above = set(_ancestors(parents, parents[left]))
    meeting = next((j for j in _ancestors(parents, parents[right]) if j in above), None)
    if meeting is None:
        names = f"'{joints[left].name}' and '{joints[right].name}'"
        raise UserError(
            f"{path}: no joint is above both {names}, taken for left_{part} and right_{part}; say "
            "which joint is which with --map FILE"
        )
    return meeting


def _between(parents: list[int], top: int, bottom: int) -> list[int]:
    """Joints from below ``top`` down to ``bottom``, in order; empty if they are not in line."""
    line = _ancestors(parents, bottom)
    return line[: line.index(top)][::-1] if top in line else []


def _end_of_spine(joints: tuple[Joint, ...], chest: int) -> int | None:
    """The head of a skeleton whose spine is numbered up to it, as that of Rigify; else None."""
    if any(re.search("head|neck", _plain(joint)) for joint in joints):
        return None
    parents = [joint.parent for joint in joints]
    above = [
        i
        for i in range(len(joints))
        if "spine" in _plain(joints[i]) and chest in _ancestors(parents, i)[1:]
    ]
    return max(above, key=lambda i: len(_ancestors(parents, i)), default=None)


def _spine(joints: list[int]) -> dict[str, int]:
    if not joints:
        return {}
    if len(joints) == 1:
        return {"spine3": joints[0]}
    if len(joints) == 2:
        return {"spine1": joints[0], "spine3": joints[1]}
    return {"spine1": joints[0], "spine2": joints[len(joints) // 2], "spine3": joints[-1]}
