"""Assets of MHR: the portable files ``rig.npz`` and ``lodN.npz``, or FBX through the package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import Unavailable, UserError
from avatar_kit.io.cache import cache_dir
from avatar_kit.io.digest import file_digest
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit_mhr.config import MhrConfig

#: Version of the portable files.
_SCHEMA = 1

#: Blend shapes of identity, then of expression.
IDENTITY, EXPRESSION = 45, 72

#: Numbers of a joint in its parameters: place, Euler angles, logarithm of the scale to base 2.
PER_JOINT = 7

#: Hidden units of the pose correctives for each joint, and how a rotation is given to them.
_HIDDEN, _FEATURES = 24, 6

_WHERE = (
    "the assets are a download under Apache-2.0, https://github.com/facebookresearch/MHR/releases: "
    "unpack them into that folder, or name another with body.assets"
)


@dataclass(frozen=True)
class Rig:
    """The rig: V vertices, J joints, F triangles, U texture coordinates; centimetres.

    Attributes:
        sha256: Digest of the assets.
        names: Names of the joints.
        parents: [J] index of the parent; -1 for the first.
        offsets: [J, 3] place of each joint in its parent.
        prerotations: [J, 4] quaternions xyzw, before the Euler angles.
        inverse_bind: [J, 8] place, quaternion, scale: from the surface to the joints.
        template: [V, 3] the mean person's surface.
        shapes: [117, V, 3] blend shapes: identity, then expression.
        weights: [V, J] skinning weights.
        faces: [F, 3] vertex indices.
        uvs: [U, 2] texture coordinates.
        uv_faces: [F, 3] their indices.
        scales: Name of a scaling parameter -> [7 J] what it adds to the parameters of the joints.
        correctives: Weights [24 (J - 2), 6 (J - 2)] and shapes [24 (J - 2), V, 3]; None: none.
    """

    sha256: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    prerotations: np.ndarray
    inverse_bind: np.ndarray
    template: np.ndarray
    shapes: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    uv_faces: np.ndarray
    scales: Mapping[str, np.ndarray]
    correctives: tuple[np.ndarray, np.ndarray] | None


def read_rig(config: MhrConfig) -> Rig:
    """The rig that a config names.

    Raises:
        Unavailable: Its assets are not there; says where from, and the licence.
        UserError: A file is damaged or of another version.
    """
    folder = config.assets or cache_dir("models") / "mhr"
    rig, lod = folder / "rig.npz", folder / f"lod{config.lod}.npz"
    if rig.exists() and lod.exists():
        return _of_files(rig, lod, config)
    fbx = folder / f"lod{config.lod}.fbx"
    if not fbx.exists():
        raise Unavailable(
            f"{folder}: neither rig.npz with lod{config.lod}.npz nor lod{config.lod}.fbx is there; "
            f"{_WHERE}"
        )
    try:
        from mhr.mhr import MHR
    except ImportError as error:
        raise Unavailable(
            f"{fbx}: is read by the packages mhr and pymomentum ({error}); install them (pip "
            "install mhr pymomentum-cpu), or get the portable files rig.npz and lodN.npz"
        ) from None
    model = MHR.from_files(
        folder, device="cpu", lod=config.lod, wants_pose_correctives=config.pose_correctives
    )
    return of_model(model, file_digest(fbx))


def of_model(model: Any, sha256: str) -> Rig:
    """The rig of an instance of ``mhr.mhr.MHR``.

    Args:
        model: The instance.
        sha256: Digest of the assets that it was read from.
    """
    view, torch_view = model.character, model.character_torch
    plain = {
        "joint_names": np.array(view.skeleton.joint_names, dtype=np.str_),
        "joint_parents": view.skeleton.joint_parents,
        "joint_offsets": torch_view.skeleton.joint_translation_offsets,
        "joint_prerotations": torch_view.skeleton.joint_prerotations,
        "inverse_bind_pose": torch_view.linear_blend_skinning.inverse_bind_pose,
        "parameter_names": np.array(view.parameter_transform.names, dtype=np.str_),
        "parameter_transform": torch_view.parameter_transform.parameter_transform,
        "scaling_parameters": view.parameter_transform.scaling_parameters,
        "base_shape": torch_view.blend_shape.base_shape,
        "shape_vectors": torch_view.blend_shape.shape_vectors,
        "faces": view.mesh.faces,
        "texcoords": view.mesh.texcoords,
        "texcoord_faces": view.mesh.texcoord_faces,
        "skin_indices": view.skin_weights.index,
        "skin_weights": view.skin_weights.weight,
    }
    arrays = {name: np.asarray(value) for name, value in plain.items()}
    if model.pose_correctives_model is not None:
        first, _, last = model.pose_correctives_model.pose_dirs_predictor
        arrays["0.sparse_indices"] = np.asarray(first.sparse_indices)
        arrays["0.sparse_weight"] = np.asarray(first.sparse_weight)
        shapes = np.asarray(last.weight).T
        arrays["corrective_blendshapes"] = shapes.reshape(len(shapes), -1, 3)
    return _rig(arrays, sha256, "MHR", model.pose_correctives_model is not None)


def _of_files(rig: Path, lod: Path, config: MhrConfig) -> Rig:
    arrays: dict[str, np.ndarray] = {}
    for path in (rig, lod):
        found = read_npz(path)
        version = int(np.asarray(found.get("schema_version", -1)).reshape(-1)[0])
        if version != _SCHEMA:
            raise UserError(f"{path}: version {version} of MHR's assets, expected {_SCHEMA}")
        arrays |= found
    digest = hashlib.sha256((file_digest(rig) + file_digest(lod)).encode()).hexdigest()
    return _rig(arrays, digest, f"{rig} and {lod.name}", config.pose_correctives)


def _rig(arrays: Mapping[str, np.ndarray], sha256: str, what: str, correctives: bool) -> Rig:
    """The rig of its arrays, checked."""

    def held(name: str, *shape: int | None) -> np.ndarray:
        if name not in arrays:
            raise UserError(f"{what}: key '{name}' is missing")
        array = np.asarray(arrays[name])
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("N" if n is None else str(n) for n in shape)
            raise UserError(f"{what}: key '{name}' is {array.shape}, expected ({wanted})")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"{what}: key '{name}' holds NaN or infinity")
        return array

    names = tuple(map(str, held("joint_names", None)))
    joints, template = len(names), held("base_shape", None, 3).astype(np.float64)
    vertices = len(template)
    index = held("skin_indices", vertices, None).astype(int)
    values = held("skin_weights", *index.shape).astype(np.float64)
    if index.min() < 0 or index.max() >= joints:
        raise UserError(f"{what}: key 'skin_indices' names joints that are not there")
    weights = np.zeros((vertices, joints))
    np.add.at(weights, (np.arange(vertices)[:, None], index), values)
    transform = held("parameter_transform", joints * PER_JOINT, None)
    scaling = np.flatnonzero(held("scaling_parameters", transform.shape[1]))
    parameters = held("parameter_names", transform.shape[1])
    return Rig(
        sha256=sha256,
        names=names,
        parents=tuple(map(int, held("joint_parents", joints))),
        offsets=held("joint_offsets", joints, 3),
        prerotations=held("joint_prerotations", joints, 4),
        inverse_bind=held("inverse_bind_pose", joints, 8),
        template=template,
        shapes=held("shape_vectors", IDENTITY + EXPRESSION, vertices, 3),
        weights=weights / weights.sum(1, keepdims=True).clip(1e-9),
        faces=held("faces", None, 3).astype(np.int64),
        uvs=held("texcoords", None, 2),
        uv_faces=held("texcoord_faces", None, 3).astype(np.int64),
        scales={str(parameters[i]): transform[:, i] for i in scaling},
        correctives=_correctives(held, joints, vertices) if correctives else None,
    )


def _correctives(held: Any, joints: int, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """The two layers of the correctives; the first is sparse."""
    hidden, features = _HIDDEN * (joints - 2), _FEATURES * (joints - 2)
    rows, columns = held("0.sparse_indices", 2, None).astype(int)
    first = np.zeros((hidden, features), np.float32)
    first[rows, columns] = held("0.sparse_weight", len(rows))
    return first, held("corrective_blendshapes", hidden, vertices, 3)
