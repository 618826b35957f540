"""Five parts of the body: which joints of a motion match them, which bones of a body move them."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from avatar_kit.scene import RestBody
from avatar_kit.scene.joints import SMPLX_JOINTS

#: Name -> joints of :class:`~avatar_kit.scene.Motion` that are compared. Fingers are not.
PARTS: dict[str, tuple[str, ...]] = {
    "left_leg": ("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right_leg": ("right_hip", "right_knee", "right_ankle", "right_foot"),
    "centre": (
        "pelvis",
        "spine1",
        "spine2",
        "spine3",
        "neck",
        "head",
        "jaw",
        "left_eye",
        "right_eye",
    ),
    "left_arm": ("left_collar", "left_shoulder", "left_elbow", "left_wrist"),
    "right_arm": ("right_collar", "right_shoulder", "right_elbow", "right_wrist"),
}

#: Joints of a motion that are compared at all: those before the fingers.
MATCHED = 25

#: Their numbers, part by part.
JOINTS: tuple[tuple[int, ...], ...] = tuple(
    tuple(SMPLX_JOINTS.index(name) for name in names) for names in PARTS.values()
)

_CENTRE = list(PARTS).index("centre")
_LEG = re.compile("leg|thigh|shin|calf|knee|ankle|foot|feet|toe")
_ARM = re.compile("arm|shoulder|elbow|wrist|hand|finger|thumb")


def part_of_bones(rest: RestBody) -> Tensor:
    """[J] long, the part that each bone belongs to.

    A bone goes with the label of the surface that it moves most, or where it moves none with its
    parent. Labels of arms and legs that name no side are left where the person's left is, x > 0.
    """
    topology = rest.topology
    moved = rest.skinning_weights.new_zeros(len(topology.part_names), len(rest.joints))
    moved.index_add_(0, topology.parts.long(), rest.skinning_weights)
    middle = float(rest.joints[:, 0].mean())
    found: list[int] = []
    for bone, parent in enumerate(rest.joint_parents):
        if float(moved[:, bone].max()) > 0:
            label = topology.part_names[int(moved[:, bone].argmax())]
            found.append(_part_of(label, left=float(rest.joints[bone, 0]) > middle))
        else:
            found.append(found[parent] if 0 <= parent < bone else _CENTRE)
    return torch.tensor(found)


def _part_of(label: str, *, left: bool) -> int:
    label = label.lower()
    limb = "leg" if _LEG.search(label) else "arm" if _ARM.search(label) else None
    if limb is None:
        return _CENTRE
    if "left" in label or "right" in label:
        left = "left" in label
    return list(PARTS).index(f"{'left' if left else 'right'}_{limb}")


def part_masses(weights: Tensor, bones: Tensor, part_of: Tensor, parts: int = 5) -> Tensor:
    """Share of each part in the skinning of Gaussians.

    Args:
        weights: [N, K] skinning weights, rows sum to one.
        bones: [N, K] long, their bones.
        part_of: [J] long, the part of each bone.
        parts: How many parts.

    Returns:
        [N, parts], rows sum to one.
    """
    masses = weights.new_zeros(len(weights), parts)
    return masses.scatter_add(1, part_of[bones], weights)
