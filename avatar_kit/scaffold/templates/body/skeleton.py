"""The mannequin's bones and key points: our own measures, in metres, of the T-pose."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.scene.joints import BODY_KEYPOINTS, SMPLX_JOINTS

_OFFSETS = {
    "left_hip": (0.09, -0.05, 0),
    "spine1": (0, 0.12, 0),
    "spine2": (0, 0.14, 0),
    "spine3": (0, 0.1, 0),
    "left_knee": (0, -0.42, 0),
    "left_ankle": (0, -0.42, 0),
    "left_foot": (0, -0.06, 0.13),
    "neck": (0, 0.17, 0),
    "left_collar": (0.05, 0.1, 0),
    "head": (0, 0.1, 0.02),
    "left_shoulder": (0.12, 0.02, 0),
    "left_elbow": (0.27, 0, 0),
    "left_wrist": (0.25, 0, 0),
    "jaw": (0, 0.01, 0.04),
    "left_eye": (0.03, 0.06, 0.07),
    "left_index1": (0.09, 0, 0.02),
    "left_middle1": (0.09, 0, 0),
    "left_pinky1": (0.08, 0, -0.04),
    "left_ring1": (0.085, 0, -0.02),
    "left_thumb1": (0.02, -0.01, 0.03),
}
_TIPS = {
    "pelvis": (0, 0.12, 0),
    "spine3": (0, 0.17, 0),
    "head": (0, 0.2, 0.01),
    "jaw": (0, -0.05, 0.05),
    "left_eye": (0, 0, 0.02),
    "left_foot": (0, -0.01, 0.08),
    "left_wrist": (0.08, 0, 0),
}
_RADII = {"pelvis": 0.12, "spine1": 0.12, "spine2": 0.12, "spine3": 0.12, "head": 0.1}
#: A finger's joint to the next one, and its last joint to the tip.
_PHALANX = (0.028, 0.0, 0.0)

_PLACES: dict[str, tuple[str, tuple[float, float, float]]] = {"nose": ("head", (0, 0.04, 0.1))}
for _side, _sign in (("left", 1), ("right", -1)):
    _PLACES |= {
        f"{_side}_eye": (f"{_side}_eye", (0, 0, 0)),
        f"{_side}_ear": ("head", (0.07 * _sign, 0.05, 0)),
        f"{_side}_heel": (f"{_side}_ankle", (0, -0.07, -0.05)),
        f"{_side}_big_toe": (f"{_side}_foot", (-0.02 * _sign, -0.01, 0.07)),
        f"{_side}_small_toe": (f"{_side}_foot", (0.04 * _sign, -0.01, 0.04)),
    }


def _mirrored(table: dict, name: str, default: tuple) -> tuple:
    x, y, z = table.get(name.replace("right_", "left_"), default)
    return (-x if name.startswith("right_") else x, y, z)


def _is_phalanx(name: str) -> bool:
    return name[-1].isdigit() and "spine" not in name


def offsets() -> Tensor:
    """[55, 3] from each joint's parent to the joint."""
    rows = [_mirrored(_OFFSETS, n, _PHALANX if _is_phalanx(n) else (0, 0, 0)) for n in SMPLX_JOINTS]
    return torch.tensor(rows, dtype=torch.float32)


def bones() -> tuple[Tensor, Tensor]:
    """[55, 3] from each joint to the tip of its octahedron, and [55] its radius."""
    after = {n: SMPLX_JOINTS.index(n) for n in SMPLX_JOINTS}
    following = offsets()
    tips, radii = [], []
    for name in SMPLX_JOINTS:
        child = _child(name)
        default = tuple(following[after[child]].tolist()) if child else _PHALANX
        if name.startswith("right_") and child:
            default = (-default[0], *default[1:])  # mirrored again below
        tips.append(_mirrored(_TIPS, name, default))
        length = torch.tensor(tips[-1], dtype=torch.float32).norm().item()
        radii.append(_RADII.get(name, min(0.2 * length, 0.07)))
    return torch.tensor(tips, dtype=torch.float32), torch.tensor(radii)


def _child(name: str) -> str | None:
    chain = {"hip": "knee", "knee": "ankle", "ankle": "foot", "collar": "shoulder"}
    chain |= {"shoulder": "elbow", "elbow": "wrist", "spine1": "spine2", "spine2": "spine3"}
    side, _, part = name.partition("_")
    if name in ("spine1", "spine2", "neck"):
        return {"neck": "head"}.get(name) or chain[name]
    return f"{side}_{chain[part]}" if part in chain else None


def keypoints(turns: Tensor, heads: Tensor, scale: Tensor) -> Tensor:
    """[B, 65, 3] body and hand key points.

    Args:
        turns: [B, 55, 3, 3] world rotations of the joints.
        heads: [B, 55, 3] world positions of the joints.
        scale: [B, 1] size of the person.
    """
    index = {n: i for i, n in enumerate(SMPLX_JOINTS)}

    def at(joint: str, place: tuple = (0, 0, 0)) -> Tensor:
        j, offset = index[joint], turns.new_tensor(place)
        return heads[:, j] + (turns[:, j] @ (scale * offset)[..., None])[..., 0]

    points = [at(*_PLACES.get(name, (name, (0, 0, 0)))) for name in BODY_KEYPOINTS]
    for side, sign in (("left", 1), ("right", -1)):
        points.append(at(f"{side}_wrist"))
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            points += [at(f"{side}_{finger}{k}") for k in (1, 2, 3)]
            points.append(at(f"{side}_{finger}3", (sign * _PHALANX[0], 0, 0)))
    return torch.stack(points, dim=1)
