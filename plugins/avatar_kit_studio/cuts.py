"""Where things are on a body at rest, and the planes that clothes are cut along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit_studio.mesh import base_mesh


@dataclass(frozen=True)
class Cut:
    """A half-space that ends a garment: what stays has ``normal . x + offset`` positive."""

    region: str
    normal: np.ndarray
    offset: float


class Landmarks:
    """Joint positions and regions of one person at rest."""

    def __init__(self, vertices: np.ndarray, bones: tuple[str, ...], weights: np.ndarray):
        groups = base_mesh().groups
        self.vertices, self.bones, self.weights = vertices, bones, weights
        self._at = {
            name[6:]: vertices[np.unique(q.faces)].mean(0)
            for name, q in groups.items()
            if name.startswith("joint-")
        }
        self.floor = float(vertices[base_mesh().groups["body"].faces, 1].min())

    def __getitem__(self, joint: str) -> np.ndarray:
        """[3] position of a joint of the base mesh, e.g. "l-knee"."""
        return self._at[joint]

    def columns(self, *starts: str) -> np.ndarray:
        """Indices of the bones whose names start so."""
        return np.array([i for i, b in enumerate(self.bones) if b.startswith(starts)])

    def arm(self, points: np.ndarray, weights: np.ndarray, side: str) -> np.ndarray:
        """[N] metres down the arm from the shoulder joint; -1 away from the arm."""
        tag = side[0]
        own = self.columns("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
        own = own[[self.bones[i].endswith(f".{tag.upper()}") for i in own]]
        shoulder, elbow, wrist = self[f"{tag}-shoulder"], self[f"{tag}-elbow"], self[f"{tag}-hand"]
        upper, lower = elbow - shoulder, wrist - elbow
        a, b = np.linalg.norm(upper), np.linalg.norm(lower)
        s = (points - shoulder) @ (upper / a)
        t = (points - elbow) @ (lower / b)
        along = np.where(s < a, s, a + np.maximum(t, 0.0))
        return np.where(weights[:, own].sum(1) > 0.35, along, -1.0)

    def sleeve(self, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Metres down the nearer arm, and a smooth field that is positive on sleeves, both [N]."""
        own = self.columns("upperarm", "lowerarm", "wrist")
        share = weights[:, own].sum(1)
        left = points[:, 0] > 0
        along = np.empty(len(points))
        for side, mine in (("l", left), ("r", ~left)):
            shoulder, elbow = self[f"{side}-shoulder"], self[f"{side}-elbow"]
            along[mine] = (points[mine] - shoulder) @ (elbow - shoulder)
            along[mine] /= np.linalg.norm(elbow - shoulder)
        return along, np.minimum(along + 0.005, 0.12 * (share - 0.5))


def regions_of(marks: Landmarks, points: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Which vertices each named cut applies to."""
    arms = {side: marks.arm(points, weights, side) for side in ("left", "right")}
    arm = (arms["left"] > 0.0) | (arms["right"] > 0.0)
    return {
        "left_arm": arms["left"] > 0.0,
        "right_arm": arms["right"] > 0.0,
        "trunk": ~arm,
        "neck": ~arm & (points[:, 1] > marks["spine-2"][1]),
    }


def inside(cuts: tuple[Cut, ...], points: np.ndarray, regions: dict[str, np.ndarray]) -> np.ndarray:
    """[N, C] signed distance to every cut, positive inside; large where a cut does not apply."""
    out = np.full((len(points), len(cuts)), 1.0)
    for i, cut in enumerate(cuts):
        here = regions[cut.region]
        out[here, i] = points[here] @ cut.normal + cut.offset
    return out


def plane(region: str, point: np.ndarray, normal: np.ndarray) -> Cut:
    """The cut through ``point`` that keeps the side ``normal`` looks to."""
    unit = np.asarray(normal, float) / np.linalg.norm(normal)
    return Cut(region, unit, -float(unit @ point))


def top_cuts(marks: Landmarks, hem: float, sleeve: float, neck: float) -> tuple[Cut, ...]:
    """Cuts of a top: hem height above the crotch [m], sleeve (1 elbow, 2 wrist), neck drop [m]."""
    cuts = [
        plane("trunk", np.array([0, marks["pelvis"][1] + hem, 0]), np.array([0, 1.0, 0])),
        plane(
            "neck",
            marks["neck"] + np.array([0.0, 0.012 - neck, 0.0]),
            np.array([0.0, -1.0, -0.62]),
        ),
    ]
    for side in ("left", "right"):
        shoulder, elbow, wrist = (marks[f"{side[0]}-{j}"] for j in ("shoulder", "elbow", "hand"))
        start, end, part = (shoulder, elbow, sleeve) if sleeve <= 1 else (elbow, wrist, sleeve - 1)
        cuts.append(plane(f"{side}_arm", start + part * (end - start), start - end))
    return tuple(cuts)


def trouser_cuts(marks: Landmarks, waist: float, cuff: float) -> tuple[Cut, ...]:
    """Cuts of trousers: waist above the pelvis joint [m], cuff above the ankle joint [m]."""
    up = np.array([0, 1.0, 0])
    none = np.array([0.0, 1.0, 0.0])
    return (
        plane("trunk", np.array([0, marks["pelvis"][1] + waist, 0]), -up),
        plane("trunk", np.array([0, marks["l-ankle"][1] + cuff, 0]), up),
        Cut("left_arm", none, -1e3),
        Cut("right_arm", none, -1e3),
    )


def shoe_cuts(marks: Landmarks, height: float) -> tuple[Cut, ...]:
    """Cuts of shoes that reach ``height`` [m] above the ankle joint at the back."""
    top = np.array([0, marks["l-ankle"][1] + height, marks["l-ankle"][2]])
    none = np.array([0.0, 1.0, 0.0])
    return (
        plane("trunk", top, np.array([0, -1.0, -0.12])),
        Cut("left_arm", none, -1e3),
        Cut("right_arm", none, -1e3),
    )
