"""One subject at rest: skin, clothes and hair on the rig of a body model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from avatar_kit_studio.cuts import Landmarks, shoe_cuts, top_cuts, trouser_cuts
from avatar_kit_studio.detail import Detail
from avatar_kit_studio.garments import Ease, Garment, sew
from avatar_kit_studio.hair import Strands, grow
from avatar_kit_studio.mesh import shaped_vertices, skinning_weights, strongest
from avatar_kit_studio.skin import MATERIALS, Head, Skin, make_skin
from avatar_kit_studio.subjects import Subject


@dataclass(frozen=True)
class Person:
    """Everything of a subject that does not change from frame to frame.

    The vertices are those of the skin, then of every garment in turn. Hair comes apart.

    Attributes:
        subject: Who it is.
        detail: How closely it is looked at.
        marks: Landmarks at rest.
        head: Where things are on the head.
        skin: The skin.
        garments: What is worn, inside out.
        strands: The hair.
        rest: [N, 3] all vertices, metres.
        bones: [N, 8] bone indices.
        weights: [N, 8] bone weights.
        faces: [F, 3] all triangles.
        material: [F] index into ``MATERIALS``.
        outer: [G, 3] the triangles that normals are computed from.
        facing: [N, 2] whose normal each vertex takes, and whether as it is (1) or turned (-1).
        surface: [N, 3] texture coordinates in metres: the rest position on the skin.
        values: [N, 7] what the material reads at a vertex; see ``fabrics``.
        head_bone: Index of the bone that carries the hair.
    """

    subject: Subject
    detail: Detail
    marks: Landmarks
    head: Head
    skin: Skin
    garments: tuple[Garment, ...]
    strands: Strands
    rest: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    outer: np.ndarray
    facing: np.ndarray
    surface: np.ndarray
    values: np.ndarray
    head_bone: int

    def slice_of(self, index: int) -> slice:
        """Where garment ``index`` lies among the vertices."""
        start = len(self.skin.rest) + sum(len(g.rest) for g in self.garments[:index])
        return slice(start, start + len(self.garments[index].rest))


def _looseness(garment: Garment, marks: Landmarks) -> np.ndarray:
    """[N] in [0, 1], how far springs may carry each vertex."""
    y = garment.rest[:, 1]
    ramp = lambda a, b: np.clip((y - a) / (b - a), 0, 1)  # noqa: E731
    if garment.name == "top":
        body = ramp(marks["spine-2"][1], y.min())
        sleeve = np.zeros(len(y))
        for side in ("left", "right"):
            along = marks.arm(garment.surface, garment.weights, side)
            sleeve = np.maximum(sleeve, np.clip(along / 0.25, 0, 1) * 0.55 * (along > 0))
        return np.maximum(body**1.5, sleeve)
    if garment.name == "trousers":
        return 0.45 * ramp(marks["l-upper-leg"][1], marks["l-ankle"][1]) ** 1.2
    if garment.name == "skirt":
        return ramp(marks["pelvis"][1], y.min()) ** 1.3
    return np.zeros(len(y))


def _skirt_shape(marks: Landmarks):
    """Flare and pleats: the skirt's own cut."""
    top, bottom = marks["pelvis"][1] + 0.05, marks["l-knee"][1] - 0.10

    def shape(points, surface, normals):
        down = np.clip((top - points[:, 1]) / (top - bottom), 0, 1)
        centre = np.array([0.0, 0.0, marks["pelvis"][2]])
        angle = np.arctan2(points[:, 0], points[:, 2] - centre[2])
        out = _radial(points, centre)
        pleat = 0.011 * down * np.sin(11 * angle + 0.7 * np.sin(3 * angle + 1.0))
        return points + (0.034 * down**1.2 + pleat)[:, None] * out

    return shape


def _radial(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    out = (points - centre) * [1.0, 0.0, 1.0]
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


def _shoe_shape(marks: Landmarks, floor: float):
    """A flat sole below the foot, a little wider than it."""

    def shape(points, surface, normals):
        low = np.clip((floor + 0.026 - points[:, 1]) / 0.026, 0, 1)
        points = points.copy()
        points[:, 1] = np.where(
            points[:, 1] < floor + 0.004, floor - 0.014 + 0.004 * (1 - low), points[:, 1]
        )
        level = normals * [1.0, 0.0, 1.0]
        return points + 0.004 * low[:, None] * level

    return shape


def _dress(subject: Subject, marks: Landmarks) -> list[Garment]:
    garments = []
    floor = marks.floor
    if "shoes" in subject.fabrics:
        garments.append(
            sew(
                marks,
                "shoes",
                shoe_cuts(marks, 0.03),
                Ease(0.011, smoothing=10),
                shape=_shoe_shape(marks, floor),
            )
        )
    if "trousers" in subject.fabrics:
        garments.append(
            sew(
                marks,
                "trousers",
                trouser_cuts(marks, 0.06, 0.0),
                Ease(0.009, 0.022, 0.42, smoothing=26),
            )
        )
    if "skirt" in subject.fabrics:
        garments.append(
            sew(
                marks,
                "skirt",
                trouser_cuts(marks, 0.055, 0.30),
                Ease(0.004, smoothing=12),
                group="helper-skirt",
                shape=_skirt_shape(marks),
            )
        )
    long = subject.sleeve > 1
    garments.append(
        sew(
            marks,
            "top",
            top_cuts(marks, -0.035 if not long else -0.05, subject.sleeve, 0.0),
            Ease(0.010 + subject.ease, 0.006 if long else 0.018, 0.22, smoothing=50),
        )
    )
    return garments


def make_person(subject: Subject, bones: tuple[str, ...], *, detail: Detail, seed: int) -> Person:
    """Bake a subject on a rig.

    Args:
        subject: Who it is and what is worn.
        bones: Bone names of the body model, in its order.
        detail: How closely it is looked at.
        seed: Seed of the hair.
    """
    vertices = shaped_vertices(subject.phenotypes, subject.details)
    marks = Landmarks(vertices, bones, skinning_weights(bones))
    garments = _dress(subject, marks)
    garments = [replace(g, loose=_looseness(g, marks).astype(np.float32)) for g in garments]
    skin, head = make_skin(marks, garments, detail)
    hair = grow(subject.hair, skin, head, garments, marks, detail, seed)
    parts = [skin.weights, *(g.weights for g in garments)]
    index, weight = strongest(np.concatenate(parts))
    offsets = np.cumsum([0, len(skin.rest), *(len(g.rest) for g in garments)])
    worn = list(zip(garments, offsets[1:], strict=False))
    facing = [np.stack([np.arange(len(skin.rest)), np.ones(len(skin.rest), int)], 1)]
    facing += [np.stack([g.source + o, np.where(g.rim, -1, 1)], 1) for g, o in worn]
    values = [skin.masks]
    for g in garments:
        inner = g.rim.astype(np.float32)
        spare = np.zeros_like(inner)
        values.append(np.stack([g.along, g.edge, g.side, inner, g.sleeve, g.on_sleeve, spare], 1))
    return Person(
        subject=subject,
        detail=detail,
        marks=marks,
        head=head,
        skin=skin,
        garments=tuple(garments),
        strands=hair,
        rest=np.concatenate([skin.rest, *(g.rest for g in garments)]).astype(np.float32),
        bones=index,
        weights=weight,
        faces=np.concatenate([skin.faces, *(g.faces + o for g, o in worn)]).astype(np.int32),
        outer=np.concatenate([skin.faces, *(g.outer + o for g, o in worn)]).astype(np.int32),
        facing=np.concatenate(facing),
        material=np.concatenate(
            [skin.material, *(np.full(len(g.faces), MATERIALS.index(g.name)) for g in garments)]
        ).astype(np.int32),
        surface=np.concatenate([skin.rest, *(g.surface for g in garments)]).astype(np.float32),
        values=np.concatenate(values).astype(np.float32),
        head_bone=bones.index("head"),
    )
