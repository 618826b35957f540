"""A person as glTF 2.0: a skinned mesh with morph targets, a texture and animations."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import roma
import torch
from PIL import Image
from torch import Tensor

from avatar_kit import __version__
from avatar_kit.exporters.skinned_mesh import SkeletonMotion, SkinnedMesh, relative
from avatar_kit.io.glb import CORNERS, VERTICES, GlbBuffer, Kind

#: Linear, with mipmaps; nothing is repeated at the edges.
_SAMPLER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}

#: What changes less over a motion is held by one key: metres, or a part of a quaternion.
_CONSTANT = 1e-6

#: What a joint may be off its place at rest, metres, and not be moved by an animation.
_AT_REST = 1e-5


def glb_bytes(
    mesh: SkinnedMesh,
    weights: Tensor,
    texture: np.ndarray,
    animations: Mapping[str, SkeletonMotion],
    name: str,
    about: Mapping[str, str],
) -> bytes:
    """The whole file.

    Node 0 is the mesh, node 1 carries the skeleton, whose joints follow in their order. At rest the
    soles are at y = 0; animations are in the world of the avatar.

    Args:
        mesh: The person at rest.
        weights: [V, J] skinning weights of the body's vertices.
        texture: [S, S, 3] uint8, sRGB.
        animations: Name -> motion.
        name: What the person is called.
        about: Further facts, for ``asset.extras``.
    """
    buffer = GlbBuffer()
    primitive = _primitive(buffer, mesh, weights)
    rest = mesh.rest
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"avatar-kit {__version__}", "extras": {**about}},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"name": name, "nodes": [0, 1]}],
        "nodes": [{"name": name, "mesh": 0, "skin": 0}, *_skeleton(mesh)],
        "meshes": [
            {
                "name": name,
                "primitives": [primitive],
                "weights": [0.0] * len(mesh.expressions),
                "extras": {"targetNames": list(mesh.expressions)},
            }
        ],
        "skins": [
            {
                "joints": [2 + i for i in range(len(rest.joint_names))],
                "inverseBindMatrices": buffer.add(_inverse_bind(rest.transforms), "MAT4"),
            }
        ],
        **_look(buffer, texture),
    }
    if animations:
        document["animations"] = [
            _animation(buffer, mesh, title, motion) for title, motion in animations.items()
        ]
    return buffer.packed(document)


def _look(buffer: GlbBuffer, texture: np.ndarray) -> dict[str, Any]:
    """An unlit material: the light is in the texture."""
    surface = {
        "baseColorTexture": {"index": 0},
        "metallicFactor": 0.0,
        "roughnessFactor": 1.0,
    }
    return {
        "materials": [
            {
                "name": "baked",
                "pbrMetallicRoughness": surface,
                "doubleSided": True,
                "extensions": {"KHR_materials_unlit": {}},
            }
        ],
        "textures": [{"sampler": 0, "source": 0}],
        "samplers": [_SAMPLER],
        "images": [{"bufferView": buffer.view(_png(texture)), "mimeType": "image/png"}],
    }


def _primitive(buffer: GlbBuffer, mesh: SkinnedMesh, weights: Tensor) -> dict[str, Any]:
    source, count = mesh.source, len(mesh.source)
    attributes = {
        "POSITION": buffer.add(_float(mesh.rest.vertices[source]), "VEC3", VERTICES, bounds=True),
        "NORMAL": buffer.add(_float(mesh.rest.normals[source]), "VEC3", VERTICES),
        "TEXCOORD_0": buffer.add(_float(mesh.uvs), "VEC2", VERTICES),
    }
    for i, (joints, shares) in enumerate(weight_sets(weights[source])):
        attributes[f"JOINTS_{i}"] = buffer.add(joints, "VEC4", VERTICES)
        attributes[f"WEIGHTS_{i}"] = buffer.add(shares, "VEC4", VERTICES)
    targets = []
    for moved in mesh.expressions.values():
        rows = moved[source].norm(dim=1).nonzero()[:, 0]
        values = _float(moved[source][rows])
        targets.append({"POSITION": buffer.add_sparse(rows.numpy(), values, count)})
    corners = mesh.faces.reshape(-1).numpy().astype(np.uint16 if count <= 65535 else np.uint32)
    return {
        "attributes": attributes,
        "indices": buffer.add(corners, "SCALAR", CORNERS),
        "material": 0,
        "targets": targets,
    }


def weight_sets(weights: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Joints [N, 4] and weights [N, 4] that hold all non-zero weights [N, J], largest first."""
    count = int((weights > 0).sum(1).max())
    width = min(-(-count // 4) * 4, weights.shape[1])
    values, joints = weights.double().topk(width, dim=1)
    values = values / values.sum(1, keepdim=True)
    joints[values == 0] = 0
    fill = -width % 4
    values, joints = (torch.nn.functional.pad(v, (0, fill)) for v in (values, joints))
    number = np.uint8 if weights.shape[1] <= 256 else np.uint16
    return [
        (j.numpy().astype(number), _float(v))
        for j, v in zip(joints.split(4, 1), values.split(4, 1), strict=True)
    ]


def _skeleton(mesh: SkinnedMesh) -> list[dict[str, Any]]:
    """The node above the roots, and the joints as they are at rest."""
    rest = mesh.rest
    local = relative(rest, rest.transforms[None])[0]
    turns, places = roma.rotmat_to_unitquat(local[:, :3, :3]), local[:, :3, 3].clone()
    roots = [i for i, parent in enumerate(rest.joint_parents) if parent < 0]
    places[roots, 1] -= rest.vertices[:, 1].min()
    below: dict[int, list[int]] = {}
    for i, parent in enumerate(rest.joint_parents):
        below.setdefault(parent, []).append(2 + i)
    joints = []
    for i, name in enumerate(rest.joint_names):
        node = {"name": name, "rotation": turns[i].tolist(), "translation": places[i].tolist()}
        joints.append(node | ({"children": below[i]} if i in below else {}))
    return [{"name": "skeleton", "children": below[-1]}, *joints]


def _inverse_bind(transforms: Tensor) -> np.ndarray:
    """[J, 4, 4] float32, the last row exactly 0 0 0 1."""
    inverse = torch.linalg.inv(transforms.double())
    inverse[:, 3] = torch.tensor([0.0, 0.0, 0.0, 1.0]).double()
    return _float(inverse)


def _animation(
    buffer: GlbBuffer, mesh: SkinnedMesh, title: str, motion: SkeletonMotion
) -> dict[str, Any]:
    """Rotations of all joints, places of those that move, weights of all expressions."""
    frames, rest = len(motion.rotations), mesh.rest
    still = relative(rest, rest.transforms[None])[0, :, :3, 3]
    seconds = (np.arange(frames) / motion.fps).astype(np.float32)
    times = {n: buffer.add(seconds[:n], "SCALAR", bounds=True) for n in {1, frames}}
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []

    def track(node: int, path: str, values: Tensor, kind: Kind) -> None:
        if bool(((values - values[:1]).abs() <= _CONSTANT).all()):
            values = values[:1]
        given = values.reshape(-1) if kind == "SCALAR" else values
        sampler = {"input": times[len(values)], "output": buffer.add(_float(given), kind)}
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({**sampler, "interpolation": "LINEAR"})

    for i, parent in enumerate(rest.joint_parents):
        track(2 + i, "rotation", motion.rotations[:, i], "VEC4")
        moved = (motion.translations[:, i] - still[i]).norm(dim=-1).max()
        if parent < 0 or moved > _AT_REST:
            track(2 + i, "translation", motion.translations[:, i], "VEC3")
    track(0, "weights", motion.weights, "SCALAR")
    return {"name": title, "channels": channels, "samplers": samplers}


def _png(texture: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(texture).save(data, "PNG", optimize=True)
    return data.getvalue()


def _float(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().cpu().numpy(), dtype=np.float32)
