"""Fingers of skeletons with any names."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.inverse_kinematics import smallest_turn

#: Finger -> how its joints are called.
_NAMES = {
    "thumb": re.compile("thumb"),
    "index": re.compile("index|pointer"),
    "middle": re.compile("mid(?!hand)"),
    "ring": re.compile("ring"),
    "pinky": re.compile("pink|little"),
}


def _numbered(first: int) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(f"finger{i}") for i, name in enumerate(_NAMES, start=first)}


#: Joints in the palm, before the first of a finger. A word may stand before the finger's, but for
#: "base", with which some programs begin every name.
_PALM, _BASE = re.compile(r"inhand|metacarpal|carpal|palm"), re.compile("base")

#: Angles of the thumb's bones to the hand in the plane of the palm, in our T-pose, degrees.
_THUMB = (55.0, 37.0, 37.0)

#: Cosine of the angle to the plane in which fingers bend beyond which a bone tells nothing.
_ASIDE = 0.5

#: Radians that a finger may be bent in the pose in which the skeleton was built.
_MOST_BENT = math.radians(75)


def finger_joints(skeleton: Animated, wrist: int, side: str) -> dict[str, int]:
    """SMPL-X finger joint -> index, of the fingers that hang on a wrist."""
    found: dict[str, int] = {}
    below = [i for i in _below(skeleton, wrist) if skeleton.joints[i].moves]
    names = {i: _plain(skeleton.joints[i].name) for i in below}
    for finger, pattern in _patterns(names.values()).items():
        chain = [i for i in below if _is_of_finger(names[i], pattern)]
        tip = _is_tip(skeleton, chain)
        if len(chain) > 3 and not tip:  # four bones: the first lies in the palm
            chain = chain[1:]
        for number, joint in enumerate(chain[:3], start=1):
            found[f"{side}_{finger}{number}"] = joint
    return found


def _patterns(names: Collection[str]) -> dict[str, re.Pattern[str]]:
    """How the fingers among some joints are told: by words, else by numbers.

    Numbers begin with the thumb, at one, in the Biped of 3ds Max at zero; if the thumb has its
    word, they begin with the index finger.
    """
    worded = {f for f, word in _NAMES.items() if any(word.search(name) for name in names)}
    if worded - {"thumb"}:
        return _NAMES
    first = min((int(n) for name in names for n in re.findall(r"finger(\d)", name)), default=1)
    if worded:
        return _numbered(first - 1) | {"thumb": _NAMES["thumb"]}
    return _numbered(min(first, 1))


def _is_of_finger(name: str, pattern: re.Pattern[str]) -> bool:
    word = pattern.search(name)
    if word is None or _PALM.search(name):
        return False
    return not _BASE.search(name, word.start())


def _is_tip(skeleton: Animated, chain: list[int]) -> bool:
    """Whether the last joint of a chain only marks the end of its finger."""
    return bool(chain) and not skeleton.children(chain[-1])


def _below(skeleton: Animated, joint: int) -> list[int]:
    """All that hangs on a joint, nearer ones first."""
    found = list(skeleton.children(joint))
    for i in found:
        found += skeleton.children(i)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().rpartition(":")[2])


def finger_constants(
    skeleton: Animated, fingers: dict[str, int], wrist: int, constant: Tensor, side: str
) -> dict[str, Tensor] | None:
    """C [3, 3] of each finger joint, by the pose in which the skeleton was built.

    Our flat finger points along the hand; where the built one is bent, it is taken as bent.

    Args:
        skeleton: The skeleton.
        fingers: From :func:`finger_joints`.
        wrist: Index of the wrist.
        constant: C of the wrist.
        side: "left" or "right".

    Returns:
        None where the built fingers do not point along the hand.
    """
    hand = skeleton.rest_rotations[wrist] @ constant
    sign = 1.0 if side == "left" else -1.0
    found: dict[str, Tensor] = {}
    bent = torch.eye(3, dtype=torch.float64)
    for name, joint in fingers.items():
        bone = _bone(skeleton, joint)
        if bone is not None:
            along = F.normalize(hand.mT @ bone, dim=0)
            if "thumb" in name:
                bent = smallest_turn(_thumb(int(name[-1]), sign), along)
            elif float(along[:2].norm()) > _ASIDE:  # else: as the joint before
                angle = float(torch.atan2(along[1], sign * along[0]))
                if abs(angle) > _MOST_BENT:
                    return None
                bent = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, sign * angle]).double())
        found[name] = skeleton.rest_rotations[joint].mT @ hand @ bent
    return found


def _thumb(number: int, sign: float) -> Tensor:
    radians = math.radians(_THUMB[number - 1])
    return torch.tensor([sign * math.cos(radians), 0.0, math.sin(radians)], dtype=torch.float64)


def _bone(skeleton: Animated, joint: int) -> Tensor | None:
    """[3] from a joint to the next one or its end; None where there is none."""
    below = skeleton.children(joint)
    bone = skeleton.rest_positions[below[0]] - skeleton.rest_positions[joint] if below else None
    return bone if bone is not None and float(bone.norm()) > 0 else None
