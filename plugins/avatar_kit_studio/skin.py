"""The visible skin, eyes, teeth and lashes of one person at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from avatar_kit_studio.cuts import Landmarks, inside, regions_of
from avatar_kit_studio.detail import Detail
from avatar_kit_studio.garments import Garment
from avatar_kit_studio.mesh import base_mesh, data_folder, face_actions, subdivide
from avatar_kit_studio.topology import triangles

#: Materials a renderer tells apart; garments follow.
MATERIALS = (
    "skin",
    "eye",
    "teeth",
    "tongue",
    "lash",
    "hair",
    "brow",
    "top",
    "trousers",
    "skirt",
    "shoes",
)

#: Grey masks that ship with the base mesh, and what each paints.
_MASKS = ("lips", "fingernails", "eyelids", "ears", "inside-mouth")

_GROUPS = {
    "body": "skin",
    "helper-l-eye": "eye",
    "helper-r-eye": "eye",
    "helper-upper-teeth": "teeth",
    "helper-lower-teeth": "teeth",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-2": "lash",
    "helper-r-eyelashes-2": "lash",
}


@dataclass(frozen=True)
class Skin:
    """Everything of the person that is not cloth or hair.

    Attributes:
        rest: [N, 3] metres.
        weights: [N, J].
        faces: [F, 3] triangles that clothes do not cover.
        material: [F] index into :data:`MATERIALS`.
        masks: [N, 7] lips, nails, lids, ears, mouth, scalp [m above the hair line], beard.
        moving: [K] vertices that expressions move.
        actions: [52, K, 3] offsets at full strength, metres.
        eyes: [2, 2, 3] centre and forward axis of the left and the right eye.
    """

    rest: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    masks: np.ndarray
    moving: np.ndarray
    actions: np.ndarray
    eyes: np.ndarray


class Head:
    """Where things are on a head; lengths in metres, relative to the middle between the ears."""

    def __init__(self, vertices: np.ndarray, marks: Landmarks):
        groups = base_mesh().groups
        self.eyes = np.stack(
            [vertices[np.unique(groups[f"helper-{s}-eye"].faces)].mean(0) for s in "lr"]
        )
        eye = self.eyes.mean(0)
        skin = vertices[np.unique(groups["body"].faces)]
        level = skin[np.abs(skin[:, 1] - eye[1]) < 0.012]
        #: Depth of the ears and the origin of every angle about the head.
        back, front = level[:, 2].min(), level[:, 2].max()
        self.centre = np.array([0.0, eye[1] - 0.012, 0.52 * back + 0.48 * front])
        self.back, self.front = back, front
        self.top = float(skin[:, 1].max())
        self.mouth = marks["mouth"]
        self.width = 0.5 * float(np.ptp(level[:, 0]))

    def hairline(self, points: np.ndarray) -> np.ndarray:
        """[N] metres above the hair line, negative on face, ears and neck."""
        d = points - self.centre
        angle = np.degrees(np.arctan2(np.abs(d[:, 0]), d[:, 2]))
        at = [0, 18, 34, 46, 58, 68, 80, 92, 108, 130, 155, 180]
        height = [
            0.086,
            0.085,
            0.078,
            0.062,
            0.045,
            0.016,
            0.004,
            0.030,
            0.008,
            -0.026,
            -0.05,
            -0.055,
        ]
        scale = (self.top - self.centre[1]) / 0.125
        return d[:, 1] - scale * np.interp(angle, at, height)

    def beard(self, points: np.ndarray) -> np.ndarray:
        """[N] in [0, 1]: jaw, chin, moustache; not the lips, the cheeks or the neck."""
        d = points - self.centre
        mouth = points - np.array([0.0, self.mouth[1], self.front])
        angle = np.degrees(np.arctan2(np.abs(d[:, 0]), d[:, 2]))
        upper = np.interp(
            angle, [0, 14, 22, 40, 62, 74, 90], [-0.040, -0.043, -0.060, -0.062, -0.040, 0.02, 0.02]
        )
        ramp = lambda x, w: np.clip(0.5 + x / w, 0, 1)  # noqa: E731
        below = ramp(upper - d[:, 1], 0.014)
        above = ramp(d[:, 1] + 0.125, 0.03)
        side = ramp(80 - angle, 12)
        # Under the jaw the beard ends where the throat begins.
        least = np.interp(angle, [0, 35, 55, 68, 80], [-0.128, -0.124, -0.108, -0.085, -0.05])
        neck = ramp(d[:, 1] - least - 0.35 * np.clip(0.055 - d[:, 2], 0, 0.2), 0.016)
        chin_gap = 1 - 0.8 * np.exp(
            -((mouth[:, 0] / 0.016) ** 2) - ((mouth[:, 1] + 0.020) / 0.006) ** 2
        )
        return below * above * side * neck * chin_gap


def _vertex_masks(quads_of: dict[str, np.ndarray], uvs: np.ndarray, count: int) -> np.ndarray:
    """[count, M] grey masks read at the vertices of the body group."""
    out = np.zeros((count, len(_MASKS)))
    hits = np.zeros(count)
    vertices, corners = quads_of["vertices"].ravel(), quads_of["uvs"].ravel()
    np.add.at(hits, vertices, 1.0)
    for i, name in enumerate(_MASKS):
        image = Image.open(data_folder() / f"mpfb2/textures/mpfb_{name}.jpg").convert("L")
        grey = np.asarray(image, np.float64) / 255
        h, w = grey.shape
        x = np.clip(uvs[corners, 0] * w, 0, w - 1).astype(int)
        y = np.clip((1 - uvs[corners, 1]) * h, 0, h - 1).astype(int)
        np.add.at(out[:, i], vertices, grey[y, x])
    return out / np.maximum(hits, 1)[:, None]


def _covered(marks: Landmarks, garments: list[Garment], points, weights) -> np.ndarray:
    """[N] vertices that lie well inside a garment."""
    regions = regions_of(marks, points, weights)
    hidden = np.zeros(len(points), bool)
    head = marks.columns("head", "eye")
    body = weights[:, head].sum(1) < 0.5
    for garment in garments:
        margin = np.array([0.05 if c.region == "neck" else 0.035 for c in garment.cuts])
        hidden |= (inside(garment.cuts, points, regions) > margin).all(1)
    return hidden & body


def _trim(rest: np.ndarray, lashes: np.ndarray, eyes: np.ndarray, length: float) -> None:
    """Draw the tips of lashes, vertices of ``rest`` [N, 3], towards the eye they belong to."""
    for eye in eyes:
        own = lashes[rest[lashes, 0] * eye[0] > 0]
        away = rest[own] - eye
        reach = np.linalg.norm(away, axis=1, keepdims=True)
        root = np.quantile(reach, 0.1)
        rest[own] = eye + away / reach * np.where(
            reach > root, root + length * (reach - root), reach
        )


def make_skin(marks: Landmarks, garments: list[Garment], detail: Detail) -> tuple[Skin, Head]:
    """Bake the skin of a person.

    Args:
        marks: The person at rest.
        garments: What is worn; skin well below it is dropped.
        detail: How closely it is looked at.
    """
    mesh, vertices = base_mesh(), marks.vertices
    quads = np.concatenate([mesh.groups[g].faces for g in _GROUPS])
    kinds = np.concatenate(
        [np.full(len(mesh.groups[g].faces), MATERIALS.index(m)) for g, m in _GROUPS.items()]
    )
    body = mesh.groups["body"]
    masks = _vertex_masks({"vertices": body.faces, "uvs": body.uv_faces}, mesh.uvs, len(vertices))
    hidden = _covered(marks, garments, vertices, marks.weights)
    kept = ~hidden[quads].all(1)
    quads, kinds = quads[kept], kinds[kept]
    used, quads = np.unique(quads, return_inverse=True)
    quads = quads.reshape(-1, 4)
    actions = face_actions()[:, used].transpose(1, 0, 2).reshape(len(used), -1)
    values = np.concatenate([vertices[used], marks.weights[used], masks[used], actions], 1)
    for _ in range(detail.subdivisions):
        values, quads = subdivide(values, quads)
        kinds = np.repeat(kinds, 4)
    bones = marks.weights.shape[1]
    head = Head(vertices, marks)
    rest, weights = values[:, :3], values[:, 3 : 3 + bones]
    if detail.lashes < 1:
        _trim(rest, np.unique(quads[kinds == MATERIALS.index("lash")]), head.eyes, detail.lashes)
    masks = values[:, 3 + bones : 3 + bones + len(_MASKS)]
    actions = values[:, 3 + bones + len(_MASKS) :].reshape(len(values), 52, 3)
    moving = np.flatnonzero(np.abs(actions).max((1, 2)) > 1e-5)
    on_head = weights[:, marks.columns("head")].sum(1) > 0.3
    scalp = np.where(on_head | (rest[:, 1] > head.centre[1] - 0.06), head.hairline(rest), -1.0)
    scalp = np.where(masks[:, 3] > 0.3, -0.05, scalp)
    beard = head.beard(rest) * (1 - np.clip(2 * masks[:, 0], 0, 1))
    targets = np.stack([marks[f"{s}-eye-target"] - marks[f"{s}-eye"] for s in "lr"])
    axes = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    return Skin(
        rest=rest.astype(np.float32),
        weights=weights,
        faces=triangles(quads).astype(np.int32),
        material=np.concatenate([kinds, kinds]).astype(np.int32),
        masks=np.concatenate([masks, scalp[:, None], beard[:, None]], 1).astype(np.float32),
        moving=moving,
        actions=actions[moving].transpose(1, 0, 2).astype(np.float32).copy(),
        eyes=np.stack([head.eyes, axes], 1),
    ), head
