"""What the surface of a body model is: parts, the face, the vertices that key points rest on.

Everything follows from the mean person at rest (y up, facing +z), the joints by the names of
SMPL-X's and the skinning weights, so it holds for any mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS

_SIDED = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")

#: Parts in the order of their index.
PART_NAMES = (
    *("torso", "hips", "neck", "head", "eyes"),
    *(f"{side}_{part}" for side in ("left", "right") for part in _SIDED),
)

_PARTS = {
    "pelvis": "hips",
    "spine1": "hips",
    "neck": "neck",
    "head": "head",
    "jaw": "head",
    "eye": "eyes",
    "shoulder": "upper_arm",
    "elbow": "forearm",
    "hip": "thigh",
    "knee": "shin",
    "ankle": "foot",
    "foot": "foot",
    "collar": "torso",
    "spine2": "torso",
    "spine3": "torso",
}

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")

#: Vertices whose mean is the tip of a finger.
_TIP_VERTICES = 6

#: The face: an oval about the vertical axis of the head, as shares of the head's height.
_OVAL = {"half_angle": 1.35, "above_nose": 0.1, "half_height": 0.44}


@dataclass(frozen=True)
class Mannequin:
    """The mean person of a model at rest: V vertices, F triangles, J joints.

    Attributes:
        template: [V, 3] metres, y up, facing +z.
        faces: [F, 3] vertex indices.
        weights: [V, J] skinning weights.
        joints: [J, 3] places of the joints, metres.
        names: Their names: SMPL-X's, or ``left_hand`` and ``right_hand`` of a model that has no
            fingers.
    """

    template: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    names: tuple[str, ...]

    @property
    def fingers(self) -> bool:
        """Whether the model has fingers."""
        return "left_index1" in self.names


def vertex_parts(data: Mannequin) -> np.ndarray:
    """[V] part of every vertex: that of its strongest joint."""
    of_joint = np.array([PART_NAMES.index(_part(name)) for name in data.names])
    return of_joint[data.weights.argmax(1)]


def _part(joint: str) -> str:
    side, _, rest = joint.partition("_")
    if side not in ("left", "right"):
        return _PARTS[joint]
    part = _PARTS.get(rest, "hand")  # wrists and fingers
    return f"{side}_{part}" if part in _SIDED else part


def face_region(data: Mannequin, parts: np.ndarray) -> np.ndarray:
    """[F] bool: the front of the head from chin to hairline, with the eyes."""
    x, y, z = data.template.T
    own = np.isin(parts, [PART_NAMES.index("head"), PART_NAMES.index("eyes")])
    if not own.any():
        return np.zeros(len(data.faces), bool)
    nose = _nose(data, own)
    size = np.ptp(y[own])
    axis_z = (z[own].min() + z[own].max()) / 2
    angle = np.arctan2(x - x[own].mean(), z - axis_z) / _OVAL["half_angle"]
    middle = y[nose] + _OVAL["above_nose"] * size
    inside = angle**2 + ((y - middle) / (_OVAL["half_height"] * size)) ** 2 < 1
    return (own & inside)[data.faces].all(1)


@dataclass(frozen=True)
class KeypointRule:
    """How the 65 key points follow from posed joints and a few vertices.

    Attributes:
        vertices: [K] the vertices.
        weights: [65, J + K] of joints, then of those vertices; rows sum to one.
    """

    vertices: np.ndarray
    weights: np.ndarray


def keypoint_rule(data: Mannequin) -> KeypointRule:
    """Joints where the skeleton has them; vertices for nose, ears, feet and finger tips.

    Where there are no fingers, theirs lie in quarters between the wrist and the end of the hand.
    """
    names = data.names
    rows: list[dict[tuple[str, int], float]] = []
    places = _face_and_feet(data)
    for name in BODY_KEYPOINTS:
        at = ("v", places[name]) if name in places else ("j", names.index(name))
        rows.append({at: 1.0})
    for side in ("left", "right"):
        wrist = names.index(f"{side}_wrist")
        rows.append({("j", wrist): 1.0})
        for finger in _FINGERS:
            if not data.fingers:
                tip = _furthest(data, names.index(f"{side}_hand"), wrist)
                for k in (1, 2, 3, 4):
                    share = {("v", int(v)): k / 4 / len(tip) for v in tip}
                    rows.append({("j", wrist): 1 - k / 4, **share})
                continue
            joints = [names.index(f"{side}_{finger}{k}") for k in (1, 2, 3)]
            rows += [{("j", joint): 1.0} for joint in joints]
            tip = _furthest(data, joints[2], joints[1])
            rows.append({("v", int(v)): 1 / len(tip) for v in tip})
    used = sorted({i for row in rows for kind, i in row if kind == "v"})
    weights = np.zeros((len(rows), len(names) + len(used)))
    for row, held in zip(weights, rows, strict=True):
        for (kind, i), weight in held.items():
            row[i if kind == "j" else len(names) + used.index(i)] += weight
    return KeypointRule(np.array(used), weights)


def _face_and_feet(data: Mannequin) -> dict[str, int]:
    """Key point -> vertex, for those that are no joints."""
    x, y, z = data.template.T
    names, strongest = data.names, data.weights.argmax(1)

    def best(score: np.ndarray, *joints: str) -> int:
        own = np.isin(strongest, [names.index(joint) for joint in joints if joint in names])
        return int(np.where(own, score, -np.inf).argmax())

    head = ("head", "jaw")
    nose = best(z - 2 * np.abs(x), *head)
    found = {"nose": nose, "left_ear": best(x, *head), "right_ear": best(-x, *head)}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if f"{side}_eye" not in names:
            off = np.abs(x - sign * 0.032) + np.abs(y - y[nose] - 0.035)
            found[f"{side}_eye"] = best(z - 4 * off, *head)
        foot = (f"{side}_ankle", f"{side}_foot")
        found[f"{side}_heel"] = best(-z - y, *foot)
        found[f"{side}_big_toe"] = best(z - 0.5 * sign * x, *foot)
        found[f"{side}_small_toe"] = best(0.5 * z + sign * x, *foot)
    return found


def _nose(data: Mannequin, own: np.ndarray) -> int:
    x, _, z = data.template.T
    return int(np.where(own, z - 2 * np.abs(x), -np.inf).argmax())


def _furthest(data: Mannequin, joint: int, before: int) -> np.ndarray:
    """The vertices of a joint that lie furthest along its bone."""
    at = data.joints
    own = np.flatnonzero(data.weights.argmax(1) == joint)
    if not len(own):
        own = np.argsort(-data.weights[:, joint])[:_TIP_VERTICES]
    along = (data.template[own] - at[joint]) @ (at[joint] - at[before])
    return own[np.argsort(-along)[:_TIP_VERTICES]]
