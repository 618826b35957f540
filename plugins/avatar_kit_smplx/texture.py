"""Texture coordinates: the model file's, a template's, or made by xatlas and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit_smplx.model_file import ModelData


def texture(data: ModelData, template: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates [U, 2] in [0, 1], origin top-left, and [F, 3] indices into them.

    Args:
        data: The model.
        template: OBJ of the same mesh; None: what the model file has, or xatlas.

    Raises:
        UserError: The template is no OBJ of this mesh.
        MissingExtra: There are none, and xatlas is not installed.
    """
    if template is not None:
        uvs, faces = read_obj(template, data.faces)
    elif data.uvs is not None and data.uv_faces is not None:
        uvs, faces = data.uvs, data.uv_faces
    else:
        return _unwrapped(data)
    low, high = float(uvs.min()), float(uvs.max())
    if low < -0.01 or high > 1.01:
        raise UserError(
            f"{template or data.path}: texture coordinates from {low:.3g} to {high:.3g}; they must "
            "lie in [0, 1]"
        )
    return (uvs * [1.0, -1.0] + [0.0, 1.0]).clip(0, 1), faces


def read_obj(path: Path, mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates [U, 2], origin bottom-left, and their triangles, of an OBJ.

    Args:
        path: The file.
        mesh: [F, 3] the triangles it must have; they may start at another corner and stand in
            another order.

    Raises:
        UserError: It cannot be read, or its mesh is another one.
    """
    uvs, corners, uv_corners = [], [], []
    try:
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["vt"]:
                uvs.append([float(word) for word in words[1:3]])
            elif words[:1] == ["f"]:
                pairs = [word.split("/") for word in words[1:]]
                corners.append([int(pair[0]) - 1 for pair in pairs])
                uv_corners.append([int(pair[1]) - 1 for pair in pairs])
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, IndexError):
        raise UserError(
            f"{path}: a face has no texture coordinates; expected lines  f 1/1 2/2 3/3"
        ) from None
    wanted = {_turned(triangle)[0]: i for i, triangle in enumerate(mesh.tolist())}
    found = np.full(mesh.shape, -1)
    for triangle, uv_triangle in zip(corners, uv_corners, strict=True):
        key, start = _turned(triangle)
        if key in wanted:
            at = _turned(mesh[wanted[key]].tolist())[1]
            found[wanted[key]] = np.roll(np.roll(uv_triangle, -start), at)
    missing = int((found < 0).any(1).sum())
    if missing or found.max() >= len(uvs):
        raise UserError(
            f"{path}: {missing} of the model's {len(mesh)} triangles are not in it; give the OBJ "
            "of this very mesh"
        )
    return np.array(uvs), found


def _turned(triangle: list[int]) -> tuple[tuple[int, ...], int]:
    """A triangle that starts at its lowest vertex, and where that was."""
    start = int(np.argmin(triangle))
    return tuple(triangle[start:] + triangle[:start]), start


def _unwrapped(data: ModelData) -> tuple[np.ndarray, np.ndarray]:
    """Charts by xatlas, made once for a mesh and kept in the cache."""
    path = cache_dir("smplx") / f"uvs-{data.sha256[:32]}.npz"
    if path.exists():
        kept = read_npz(path)
        return kept["uvs"], kept["uv_faces"]
    try:
        import xatlas
    except ModuleNotFoundError:
        raise MissingExtra(
            f"body 'smplx': {data.path} holds no texture coordinates (name an OBJ of the mesh with "
            "body.uvs=FILE, or let them be made), which",
            "smplx",
            "xatlas",
        ) from None
    _, faces, uvs = xatlas.parametrize(
        data.template.astype(np.float32), data.faces.astype(np.uint32)
    )
    uvs, faces = uvs.astype(np.float64).clip(0, 1), faces.astype(np.int64)
    with atomic_path(path) as partial:
        np.savez(partial, uvs=uvs, uv_faces=faces)
    return uvs, faces
