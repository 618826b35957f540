"""The animation of a glTF file: its skeleton in motion, and the weights of its expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError, shown
from avatar_kit.io.gltf_file import GltfFile
from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.clock import Clock, even_clock, rate_of_keys
from avatar_kit.io.motion.node_tree import NodeTree

_WIDTHS = {"translation": 3, "rotation": 4, "scale": 3}


def clock_of(file: GltfFile, animation: dict[str, Any], rate: float | None) -> Clock:
    """The frames at which an animation is read: its keys, or even times between them.

    Raises:
        UserError: It has no keys, they do not rise, or there are too many frames.
    """
    keys = []
    for number, sampler in enumerate(_samplers(file, animation)):
        times = file.values(sampler.get("input"))[:, 0]
        if not len(times) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise UserError(f"{file.path}: the times of sampler {number} are not finite and rising")
        keys.append(times)
    if not keys:
        raise UserError(f"{file.path}: its animation has no keys")
    start, end = min(t[0] for t in keys), max(t[-1] for t in keys)
    fps, stated = (rate, True) if rate else rate_of_keys(keys)
    return even_clock(start, end, fps, stated, file.path)


def skeleton_in_motion(file: GltfFile, animation: dict[str, Any], clock: Clock) -> Animated:
    """The joints of the largest skin in the world; all nodes where there is no skin.

    Raises:
        UserError: Nodes that hang in a circle, or numbers that do not fit each other.
    """
    nodes = file.items("nodes")
    names = [str(node.get("name", f"node {i}")) for i, node in enumerate(nodes)]
    tree = NodeTree(file.path, names, _parents(file, nodes))
    tree.check_frames(len(nodes), clock)
    order = tree.order
    local = _local(file, animation, nodes, clock)
    world: dict[int, Tensor] = {}
    for node in order:
        above = world.get(tree.parents[node])
        world[node] = local[node] if above is None else above @ local[node]
    skins = file.items("skins")
    skin = max(skins, key=lambda s: len(_listed(file, s, "joints")), default=None)
    chosen = _listed(file, skin, "joints") if skin else list(range(len(nodes)))
    for node in chosen:
        file.item("nodes", node)
    wanted = set(chosen)
    kept = [node for node in order if node in wanted]
    if not kept:
        raise UserError(f"{file.path}: its skeleton has no joint")
    return tree.animated(kept, clock, world, _built(file, skin, kept, nodes, tree))


def weights_in_motion(
    file: GltfFile, animation: dict[str, Any], clock: Clock
) -> dict[str, np.ndarray]:
    """[T] weight of each named morph target that moves."""
    found: dict[str, np.ndarray] = {}
    for target, sampler in _channels(file, animation):
        if target.get("path") != "weights":
            continue
        mesh = file.item("meshes", file.item("nodes", target.get("node")).get("mesh"))
        extras = mesh.get("extras")
        names = extras.get("targetNames") if isinstance(extras, dict) else None
        if isinstance(names, list) and names:
            values = _sampled(file, sampler, clock, len(names))
            found |= {str(name): values[:, i] for i, name in enumerate(names)}
    return found


def _samplers(file: GltfFile, animation: dict[str, Any]) -> list[dict[str, Any]]:
    found = animation.get("samplers", [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UserError(f"{file.path}: the samplers of its animation are no list")
    return found


def _channels(
    file: GltfFile, animation: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Target and sampler of each channel."""
    samplers, found = _samplers(file, animation), []
    for channel in _listed(file, animation, "channels"):
        target = channel.get("target") if isinstance(channel, dict) else None
        number = channel.get("sampler") if isinstance(channel, dict) else None
        if not isinstance(target, dict) or not isinstance(number, int) or not (
            0 <= number < len(samplers)
        ):  # fmt: skip
            raise UserError(f"{file.path}: a channel of its animation has no target or sampler")
        found.append((target, samplers[number]))
    return found


def _sampled(file: GltfFile, sampler: dict[str, Any], clock: Clock, width: int) -> np.ndarray:
    """[T, width] the values of a sampler at the frames."""
    keys = file.values(sampler.get("input"))[:, 0]
    how = sampler.get("interpolation", "LINEAR")
    values = file.values(sampler.get("output")).reshape(-1)
    per_key = 3 * width if how == "CUBICSPLINE" else width
    if len(values) != len(keys) * per_key:
        raise UserError(
            f"{file.path}: a sampler has {len(values)} values for {len(keys)} keys of {per_key}"
        )
    table = values.reshape(len(keys), -1, width)
    if len(keys) == 1:
        return np.repeat(table[:, table.shape[1] // 2], len(clock.times), axis=0)
    at = clock.times.clip(keys[0], keys[-1])
    low = np.searchsorted(keys, at, side="right").clip(1, len(keys) - 1) - 1
    step = keys[low + 1] - keys[low]
    share = np.where(step > 0, (at - keys[low]) / np.where(step > 0, step, 1), 0.0)[:, None]
    if how == "STEP":
        return table[np.searchsorted(keys, at, side="right") - 1, 0]
    if how == "CUBICSPLINE":
        return _cubic(table, low, step[:, None], share)
    if width == 4:
        return _slerp(table[low, 0], table[low + 1, 0], share)
    return table[low, 0] + share * (table[low + 1, 0] - table[low, 0])


def _cubic(table: np.ndarray, low: np.ndarray, step: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Hermite splines: each key has a tangent in, a value and a tangent out."""
    a, out, b, into = table[low, 1], table[low, 2], table[low + 1, 1], table[low + 1, 0]
    return (
        (2 * t**3 - 3 * t**2 + 1) * a
        + step * (t**3 - 2 * t**2 + t) * out
        + (3 * t**2 - 2 * t**3) * b
        + step * (t**3 - t**2) * into
    )


def _slerp(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[T, 4] between quaternions [T, 4], the shorter way, by parts [T, 1]."""
    start, end = (
        torch.nn.functional.normalize(torch.from_numpy(np.ascontiguousarray(q)), dim=1)
        for q in (a, b)
    )
    step = roma.quat_product(roma.quat_conjugation(start), end)
    turn = roma.unitquat_to_rotvec(step, shortest_arc=True) * torch.from_numpy(share)
    return roma.quat_product(start, roma.rotvec_to_unitquat(turn)).numpy()


def _local(
    file: GltfFile, animation: dict[str, Any], nodes: list[dict[str, Any]], clock: Clock
) -> list[Tensor]:
    """[T or 1, 4, 4] of each node relative to its parent."""
    moved: dict[int, dict[str, np.ndarray]] = {}
    for target, sampler in _channels(file, animation):
        path, node = target.get("path"), target.get("node")
        if isinstance(path, str) and path in _WIDTHS and node is not None:
            file.item("nodes", node)
            moved.setdefault(node, {})[path] = _sampled(file, sampler, clock, _WIDTHS[path])
    return [_matrix(file, node, moved.get(i, {})) for i, node in enumerate(nodes)]


def _matrix(file: GltfFile, node: dict[str, Any], moved: dict[str, np.ndarray]) -> Tensor:
    if "matrix" in node and not moved:
        return _numbers(file, node["matrix"], 16).reshape(1, 4, 4).mT
    turn = torch.from_numpy(moved["rotation"]) if "rotation" in moved else (
        _numbers(file, node.get("rotation", [0, 0, 0, 1]), 4)[None]
    )  # fmt: skip
    place = torch.from_numpy(moved["translation"]) if "translation" in moved else (
        _numbers(file, node.get("translation", [0, 0, 0]), 3)[None]
    )  # fmt: skip
    scale = torch.from_numpy(moved["scale"]) if "scale" in moved else (
        _numbers(file, node.get("scale", [1, 1, 1]), 3)[None]
    )  # fmt: skip
    length = turn.norm(dim=1, keepdim=True)
    if bool((length < 1e-6).any()):
        raise UserError(f"{file.path}: node {node.get('name', '')!r:.40}: a quaternion of length 0")
    frames = max(len(turn), len(place), len(scale))
    matrix = torch.zeros(frames, 4, 4, dtype=torch.float64)
    matrix[:, :3, :3] = roma.unitquat_to_rotmat(turn / length) * scale[:, None, :]
    matrix[:, :3, 3] = place
    matrix[:, 3, 3] = 1.0
    return matrix


def _numbers(file: GltfFile, value: Any, count: int) -> Tensor:
    try:
        found = torch.tensor([float(v) for v in value], dtype=torch.float64)
    except (TypeError, ValueError):
        found = torch.zeros(0)
    if len(found) != count or not bool(found.isfinite().all()):
        raise UserError(f"{file.path}: a node with {value!r:.60}, expected {count} finite numbers")
    return found


def _listed(file: GltfFile, item: dict[str, Any], key: str) -> list[Any]:
    """The list under a key of an item; empty where there is none."""
    found = item.get(key, [])
    if not isinstance(found, list):
        raise UserError(f"{file.path}: '{key}' is {shown(found)}, expected a list")
    return found


def _parents(file: GltfFile, nodes: list[dict[str, Any]]) -> list[int]:
    parents = [-1] * len(nodes)
    for i, node in enumerate(nodes):
        for child in _listed(file, node, "children"):
            file.item("nodes", child)
            parents[child] = i
    return parents


def _built(
    file: GltfFile,
    skin: dict[str, Any] | None,
    kept: list[int],
    nodes: list[dict[str, Any]],
    tree: NodeTree,
) -> Tensor:
    """[J, 4, 4] joints as the skin was bound to them; as nodes stand where it does not say."""
    if skin and "inverseBindMatrices" in skin:
        given = file.values(skin["inverseBindMatrices"])
        if given.shape != (len(skin["joints"]), 16):
            raise UserError(
                f"{file.path}: {len(given)} inverseBindMatrices for {len(skin['joints'])} joints"
            )
        matrices = torch.from_numpy(given).reshape(-1, 4, 4).mT
        affine = (matrices[:, 3] - torch.tensor([0.0, 0.0, 0.0, 1.0])).abs() < 1e-3
        if not bool(affine.all()) or not bool(matrices.isfinite().all()):
            raise UserError(f"{file.path}: inverseBindMatrices that move and turn no joint")
        if bool((torch.linalg.det(matrices[:, :3, :3]).abs() < 1e-18).any()):
            raise UserError(f"{file.path}: inverseBindMatrices that have no inverse")
        rows = {node: i for i, node in reversed(list(enumerate(skin["joints"])))}
        return torch.linalg.inv(matrices)[[rows[node] for node in kept]]
    world: dict[int, Tensor] = {}
    for node in tree.order:
        own, above = _matrix(file, nodes[node], {})[0], world.get(tree.parents[node])
        world[node] = own if above is None else above @ own
    return torch.stack([world[node] for node in kept])
