"""Model files in the format of SMPL-X, SMPL-H and SMPL that hold a small mannequin of our own."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

SIZES = {"smplx": 55, "smplh": 52, "smpl": 24}

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
    "left_hand": (0.09, 0, 0),
}
_TIPS = {
    "pelvis": (0, 0.11, 0),
    "spine3": (0, 0.16, 0),
    "head": (0, 0.2, 0.01),
    "jaw": (0, -0.04, 0.07),
    "left_eye": (0, 0, 0.03),
    "left_ankle": (0, -0.07, -0.03),
    "left_foot": (0, -0.01, 0.08),
    "left_wrist": (0.08, 0, 0),
    "left_hand": (0.09, 0, 0),
}
_RADII = {"pelvis": 0.14, "spine1": 0.13, "spine2": 0.14, "spine3": 0.15, "head": 0.09}
_PHALANX = (0.028, 0.0, 0.0)
_CORNERS, _RINGS = 6, (0.1, 0.35, 0.65, 0.9)


def names_of(family: str) -> list[str]:
    if family == "smplx":
        return list(SMPLX_JOINTS)
    if family == "smplh":
        return [*SMPLX_JOINTS[:22], *SMPLX_JOINTS[25:]]
    return [*SMPLX_JOINTS[:22], "left_hand", "right_hand"]


def parents_of(family: str) -> list[int]:
    names = names_of(family)
    above = {n: SMPLX_JOINTS[SMPLX_PARENTS[i]] for i, n in enumerate(SMPLX_JOINTS)}
    above |= {"left_hand": "left_wrist", "right_hand": "right_wrist"}
    return [-1, *(names.index(above[name]) for name in names[1:])]


def _sided(table: dict, name: str, default: tuple) -> np.ndarray:
    x, y, z = table.get(name.replace("right_", "left_"), default)
    return np.array([-x if name.startswith("right_") else x, y, z], float)


def _skeleton(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Joints [J, 3] at rest, and [J, 3] from each to the end of its bone."""
    names, parents = names_of(family), parents_of(family)
    finger = lambda n: n[-1].isdigit() and "spine" not in n  # noqa: E731
    step = [_sided(_OFFSETS, n, _PHALANX if finger(n) else (0, 0, 0)) for n in names]
    joints = np.zeros((len(names), 3))
    joints[0] = (0.003, -0.35, 0.012)
    for i in range(1, len(names)):
        joints[i] = joints[parents[i]] + step[i]
    tips = np.zeros_like(joints)
    for i, name in enumerate(names):
        below = [j for j, parent in enumerate(parents) if parent == i]
        bare = name.replace("right_", "left_")
        if bare in _TIPS or not below:
            tips[i] = _sided(_TIPS, name, _PHALANX)
        else:
            tips[i] = joints[below[0]] - joints[i]
    return joints, tips


def _spindle(start: np.ndarray, along: np.ndarray, radius: float) -> np.ndarray:
    """A closed spindle: its start, rings of corners, its end; [2 + 6 * 4, 3]."""
    axis = along / np.linalg.norm(along)
    side = np.array([0, 1.0, 0]) if abs(axis[1]) < 0.7 else np.array([1.0, 0, 0])
    first = np.cross(axis, side)
    first /= np.linalg.norm(first)
    angle = 2 * np.pi * np.arange(_CORNERS) / _CORNERS
    ring = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * np.cross(axis, first)
    rings = [start + t * along + radius * np.sin(np.pi * t) ** 0.5 * ring for t in _RINGS]
    return np.concatenate([[start], *rings, [start + along]])


def _spindle_faces() -> np.ndarray:
    k = np.arange(_CORNERS)
    after = (k + 1) % _CORNERS
    last = 1 + _CORNERS * len(_RINGS)
    faces = [np.stack([np.zeros_like(k), 1 + after, 1 + k], 1)]
    for ring in range(len(_RINGS) - 1):
        a, b = 1 + _CORNERS * ring, 1 + _CORNERS * (ring + 1)
        faces += [np.stack([a + k, a + after, b + k], 1)]
        faces += [np.stack([a + after, b + after, b + k], 1)]
    faces.append(np.stack([np.full_like(k, last), last - _CORNERS + k, last - _CORNERS + after], 1))
    return np.concatenate(faces)


def make_arrays(family: str, seed: int = 0, size: float = 1.0) -> dict[str, np.ndarray]:
    """The arrays of a file; blend shapes are drawn at random, smooth along each bone."""
    draw = np.random.default_rng(seed)
    joints, tips = _skeleton(family)
    parents, count = parents_of(family), len(joints)
    template, faces, weights, owner, along = [], [], [], [], []
    for i, (start, tip) in enumerate(zip(joints, tips, strict=True)):
        length = np.linalg.norm(tip)
        own = _spindle(start, tip, _RADII.get(names_of(family)[i], min(0.25 * length, 0.07)))
        faces.append(_spindle_faces() + sum(map(len, template)))
        share = np.concatenate([[1.0], np.repeat(_RINGS, _CORNERS), [1.0]])
        rows = np.zeros((len(own), count))
        rows[:, i] = np.clip(0.6 + share, 0, 1)
        rows[:, max(parents[i], 0)] += 1 - rows[:, i]
        template.append(own)
        weights.append(rows)
        owner += [i] * len(own)
        along.append(share)
    vertices, where = np.concatenate(template), np.concatenate(along)
    regressor = np.zeros((count, len(vertices)))
    regressor[np.arange(count), np.arange(count) * len(template[0])] = 1
    shapes = {"smplx": 20, "smplh": 16, "smpl": 10}[family]
    directions = 0.004 * draw.standard_normal((count, 1, 3, shapes))
    smooth = directions + 0.002 * draw.standard_normal((1, 1, 3, shapes)) * where.reshape(
        count, -1, 1, 1
    )
    correctives = 2e-3 * draw.standard_normal((count, 3, 9 * (count - 1)))
    kintree = np.stack([np.array([2**32 - 1, *parents[1:]], np.int64), np.arange(count)])
    found = {
        "v_template": vertices * size,
        "f": np.concatenate(faces).astype(np.uint32),
        "weights": np.concatenate(weights),
        "J_regressor": regressor,
        "kintree_table": kintree,
        "shapedirs": smooth.reshape(-1, 3, shapes),
        "posedirs": np.repeat(correctives, len(template[0]), 0),
    }
    if family != "smpl":
        for side in "lr":
            found[f"hands_components{side}"] = np.linalg.qr(draw.standard_normal((45, 45)))[0]
            found[f"hands_mean{side}"] = 0.2 * draw.standard_normal(45)
    if family == "smplx":
        head = SMPLX_JOINTS.index("head") * len(_spindle_faces())
        found["lmk_faces_idx"] = head + np.arange(51) % len(_spindle_faces())
        found["lmk_bary_coords"] = draw.dirichlet(np.ones(3), 51)
        found["dynamic_lmk_faces_idx"] = np.zeros((79, 17), np.int64)
        found["dynamic_lmk_bary_coords"] = np.full((79, 17, 3), 1 / 3)
        found |= _texture(count)
    return found


def _texture(count: int) -> dict[str, np.ndarray]:
    """A cell of an 8 x 8 grid for every spindle, cut open along one side."""
    rows = np.array([0.02, *(0.1 + 0.8 * np.array(_RINGS)), 0.98])
    columns = np.linspace(0.03, 0.97, _CORNERS + 1)
    u, v = np.meshgrid(columns, rows)
    grid = np.stack([u.ravel(), v.ravel()], 1)
    faces, wide = _spindle_faces(), _CORNERS + 1
    place = np.zeros_like(faces)
    for row, triangle in zip(place, faces, strict=True):
        ring, corner = np.divmod(triangle - 1, _CORNERS)
        pole = (triangle == 0) | (triangle == faces.max())
        wraps = {0, _CORNERS - 1} <= set(corner[~pole].tolist())
        corner = np.where(wraps & (corner == 0), _CORNERS, corner)
        corner = np.where(pole, corner[~pole].min(), corner)
        row[:] = np.where(triangle == 0, 0, np.where(pole, len(rows) - 1, ring + 1)) * wide + corner
    cell = np.stack([np.arange(count) % 8, np.arange(count) // 8], 1)
    uvs = (cell[:, None] + grid) / 8
    return {
        "vt": uvs.reshape(-1, 2),
        "ft": np.concatenate([place + i * len(grid) for i in range(count)]),
    }


def write_model(folder: Path, family: str, kind: str = "npz", **changes: np.ndarray) -> Path:
    """A file as it is handed out: SMPLX_NEUTRAL.npz, SMPL_NEUTRAL.pkl, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {**make_arrays(family), **changes}
    path = folder / f"{family.upper()}_NEUTRAL.{kind}"
    if kind == "npz":
        np.savez(path, **arrays)
    else:
        path.write_bytes(pickle.dumps(arrays, protocol=2))
    return path
