"""Model files of the SMPL family: found, read without running code, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avatar_kit.errors import Unavailable, UserError
from avatar_kit.io.cache import cache_dir
from avatar_kit.io.digest import file_digest
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit.io.plain_pickle import read_pickle
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit_smplx.config import SmplxConfig

Family = Literal["smplx", "smplh", "smpl"]

#: Number of joints -> family.
_FAMILIES: dict[int, Family] = {55: "smplx", 52: "smplh", 24: "smpl"}

#: Family -> names of its joints.
JOINTS: dict[Family, tuple[str, ...]] = {
    "smplx": SMPLX_JOINTS,
    "smplh": (*SMPLX_JOINTS[:22], *SMPLX_JOINTS[25:]),
    "smpl": (*SMPLX_JOINTS[:22], "left_hand", "right_hand"),
}

#: No value of a model is larger; the parent of the root is stored as 2^32 - 1.
_LARGEST = 1e10

#: How files in a folder begin, the richest model first.
_STEMS = ("SMPLX", "SMPLH", "SMPL")

#: Heights in metres that the mean person of a file may have.
_HEIGHTS = (1.2, 2.4)

#: SMPL-X files of version 1.1 hold 300 coefficients of shape, then 100 of expression; older ones 10
#: and 10.
_SPACES = ((400, 300), (20, 10))

_WHERE = (
    "register at https://smpl-x.is.tue.mpg.de (SMPL-X), https://mano.is.tue.mpg.de (SMPL-H) or "
    "https://smpl.is.tue.mpg.de (SMPL), whose licences allow non-commercial research, and download "
    "the model"
)


@dataclass(frozen=True)
class ModelData:
    """Content of a model file.

    V vertices, J joints, F triangles, S shape and E expression coefficients.

    Attributes:
        path: The file.
        sha256: Its digest.
        family: Which model it is.
        gender: As the file's name says; empty if it does not.
        template: [V, 3] the mean person in the T-pose, metres.
        faces: [F, 3].
        weights: [V, J].
        regressor: [J, V] joints from the vertices at rest.
        parents: [J], -1 for the root.
        shapes: [V, 3, S] metres for a coefficient of 1.
        expressions: [V, 3, E].
        correctives: [V, 3, 9 (J - 1)].
        hand_components: [2, 45, 45], left and right, one component a row; None for SMPL.
        hand_means: [2, 45] radians; None for SMPL.
        uvs: [U, 2], origin bottom-left; None where the file has none.
        uv_faces: [F, 3].
        landmarks: 51 landmarks of the face, iBUG order without the jaw line: triangle [51] and
            barycentric coordinates [51, 3]; None where the file has none.
    """

    path: Path
    sha256: str
    family: Family
    gender: str
    template: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    regressor: np.ndarray
    parents: tuple[int, ...]
    shapes: np.ndarray
    expressions: np.ndarray
    correctives: np.ndarray
    hand_components: np.ndarray | None
    hand_means: np.ndarray | None
    uvs: np.ndarray | None
    uv_faces: np.ndarray | None
    landmarks: tuple[np.ndarray, np.ndarray] | None


def find_model(config: SmplxConfig) -> Path:
    """The file that a config means.

    Raises:
        Unavailable: There is none; says where to get it and what its licence allows.
        UserError: The file's name says another gender than the config.
    """
    place = config.model or cache_dir("models") / "smplx"
    if place.is_file():
        named = _gender(place)
        if config.gender and named and named != config.gender:
            raise UserError(
                f"{place}: the name says that this is the {named} model, but "
                f"gender={config.gender}; name the other file, or omit gender"
            )
        return place
    gender = config.gender or "neutral"
    names = [f"{stem}_{gender.upper()}{kind}" for stem in _STEMS for kind in (".npz", ".pkl")]
    for folder in (place, *(place / stem.lower() for stem in _STEMS)):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise Unavailable(
        f"body 'smplx' needs a model file, but {place} is not one and contains none of "
        f"{', '.join(names)}: {_WHERE}; then give body.model=FILE, or put it into "
        f"{cache_dir('models') / 'smplx'}. The body 'anny' is free and needs no file"
    )


def read_model(path: Path) -> ModelData:
    """Read and check a model file; nothing in it is run.

    Raises:
        UserError: The file is missing, damaged, no body model, or its arrays do not fit together.
    """
    entries: Mapping[str, Any]
    entries = read_npz(path) if path.suffix.lower() == ".npz" else read_pickle(path)
    if not isinstance(entries, Mapping):
        raise UserError(f"{path}: not a model of the SMPL family (no named arrays)")
    file = _Entries(path, entries)
    template = file.array("v_template", (None, 3))
    count = len(template)
    parents = _parents(file)
    joints, family = len(parents), _FAMILIES[len(parents)]
    faces = file.indices("f", (None, 3), count)
    shapes, expressions = _split(file.array("shapedirs", (count, 3, None)), family)
    data = ModelData(
        path=path,
        sha256=file_digest(path),
        family=family,
        gender=_gender(path),
        template=template,
        faces=faces,
        weights=file.array("weights", (count, joints)),
        regressor=file.array("J_regressor", (joints, count)),
        parents=parents,
        shapes=shapes,
        expressions=expressions,
        correctives=file.array("posedirs", (count, 3, 9 * (joints - 1))),
        hand_components=_hands(file, "hands_components", (45, 45), family),
        hand_means=_hands(file, "hands_mean", (45,), family),
        **_texture(file, len(faces)),
        landmarks=_landmarks(file, len(faces)),
    )
    _check_person(data)
    return data


class _Entries:
    """The entries of a file, checked as they are taken."""

    def __init__(self, path: Path, entries: Mapping[str, Any]):
        self.path, self.entries = path, entries

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def array(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Numbers of a shape; None stands for any length."""
        if key not in self.entries:
            known = ", ".join(sorted(map(str, self.entries))) or "none"
            raise UserError(
                f"{self.path}: not a model of the SMPL family: key '{key}' is missing (keys: "
                f"{known})"
            )
        try:
            found = np.asarray(self.entries[key])
        except ValueError:  # lists of several lengths
            found = np.zeros((), dtype=object)
        fits = found.ndim == len(shape) and found.dtype.kind in "biuf"
        if not fits or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True)):
            wanted = " x ".join("N" if n is None else str(n) for n in shape)
            raise UserError(
                f"{self.path}: key '{key}' is {found.shape} of {found.dtype}, expected numbers "
                f"{wanted}"
            )
        if not found.size:
            raise UserError(f"{self.path}: key '{key}' is empty")
        if not (np.abs(found.astype(np.float64)) <= _LARGEST).all():
            raise UserError(f"{self.path}: key '{key}' holds NaN or a value beyond {_LARGEST:g}")
        return found.astype(np.float64)

    def indices(self, key: str, shape: tuple[int | None, ...], below: int) -> np.ndarray:
        """Whole numbers of a shape, from 0 up to another."""
        found = self.array(key, shape)
        if found.min() < 0 or found.max() >= below or (found != np.floor(found)).any():
            raise UserError(f"{self.path}: key '{key}' holds no indices of 0 to {below - 1}")
        return found.astype(np.int64)


def _parents(file: _Entries) -> tuple[int, ...]:
    above = file.array("kintree_table", (2, None))[0].astype(np.int64)
    if len(above) not in _FAMILIES:
        known = ", ".join(f"{name} ({count})" for count, name in _FAMILIES.items())
        also = " (MANO is a hand alone)" if len(above) == 16 else ""
        raise UserError(
            f"{file.path}: a model of {len(above)} joints{also}; known by their joints: {known}"
        )
    rows = (-1, *(int(parent) for parent in above[1:]))  # the root's is stored as a huge number
    if any(not 0 <= parent < joint for joint, parent in enumerate(rows) if joint):
        raise UserError(f"{file.path}: key 'kintree_table' is no tree in which parents come first")
    return rows


def _split(shapes: np.ndarray, family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Directions of shape and of expression, which share an array in SMPL-X."""
    if family == "smplx":
        for whole, first in _SPACES:
            if shapes.shape[2] >= whole:
                return shapes[:, :, :first], shapes[:, :, first:whole]
    return shapes, shapes[:, :, :0]


def _hands(file: _Entries, key: str, shape: tuple[int, ...], family: Family) -> np.ndarray | None:
    if family == "smpl":
        return None
    return np.stack([file.array(key + side, shape) for side in "lr"])


def _texture(file: _Entries, faces: int) -> dict[str, np.ndarray | None]:
    if "vt" not in file or "ft" not in file:
        return {"uvs": None, "uv_faces": None}
    uvs = file.array("vt", (None, 2))
    return {"uvs": uvs, "uv_faces": file.indices("ft", (faces, 3), len(uvs))}


def _landmarks(file: _Entries, faces: int) -> tuple[np.ndarray, np.ndarray] | None:
    if "lmk_faces_idx" not in file or "lmk_bary_coords" not in file:
        return None
    triangles = file.indices("lmk_faces_idx", (None,), faces)
    weights = file.array("lmk_bary_coords", (len(triangles), 3))
    return (triangles, weights) if len(triangles) == 51 else None


def _gender(path: Path) -> str:
    """What the name says: SMPLX_MALE, basicmodel_f_lbs, ..."""
    words = path.stem.lower().replace("-", "_").split("_")
    for gender in ("neutral", "female", "male"):
        if gender in words or (gender[0] in words and "basicmodel" in words):
            return gender
    return ""


def _check_person(data: ModelData) -> None:
    """Refuse a mean person of another unit or in other axes."""
    low, high = _HEIGHTS
    size = np.ptp(data.template, axis=0)
    if not low < size[1] < high:
        raise UserError(
            f"{data.path}: the mean person is {size[0]:.3g} x {size[1]:.3g} x {size[2]:.3g} "
            f"(x, y, z); expected {low:g} to {high:g} m along y: metres, y up"
        )
    off = float(np.abs(data.weights.sum(1) - 1).max())
    if off > 1e-3:
        raise UserError(f"{data.path}: key 'weights': a row misses 1 by {off:.2g}")
