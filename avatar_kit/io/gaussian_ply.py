"""Gaussians as PLY, in the layout of 3D Gaussian splatting (Kerbl et al., 2023).

One vertex a Gaussian, all values float32: ``x y z``, ``nx ny nz`` (0), ``f_dc_0..2`` and
``f_rest_*`` (spherical harmonics, the rest channel by channel), ``opacity`` (logit), ``scale_0..2``
(natural logarithm) and ``rot_0..3`` (wxyz).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import read_bytes
from avatar_kit.scene import GaussianCloud

#: The constant harmonic: a colour is ``0.5 + C0 f_dc``.
C0 = 0.28209479177387814

#: Opacities are kept this far from 0 and 1, so that their logits are finite.
_MARGIN = 1e-6

#: Bytes of a file: eight million Gaussians with all their harmonics.
_LARGEST = 2 << 30

#: Bytes that a header has at most.
_HEADER = 65536

_TYPES = {
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2",
    "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
}  # fmt: skip


def _names(rest: int) -> list[str]:
    return [
        *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
        *(f"f_rest_{i}" for i in range(rest)),
        *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
    ]


def write_gaussian_ply(
    path: str | Path, cloud: GaussianCloud, *, degree: int = 3, comment: str = ""
) -> None:
    """Write one frame of Gaussians, whole or not at all.

    Args:
        path: Where to.
        cloud: A batch of one, with quaternions and scales, and with three features, taken for
            colours, or spherical harmonics of three channels. ``visible`` and extras are not
            written.
        degree: Degree of the harmonics that are written, 0 to 3; higher ones are 0 where the cloud
            has none. Some importers take degree 3 alone.
        comment: A line for the header.

    Raises:
        ValueError: The cloud is another, has harmonics above ``degree``, or holds values that are
            not finite.
    """
    if len(cloud.means) != 1 or cloud.quaternions is None or cloud.scales is None:
        raise ValueError("a PLY takes a cloud of one frame with quaternions and scales")
    harmonics = _harmonics(cloud)
    extra = (degree + 1) ** 2 - harmonics.shape[1]
    if not 0 <= degree <= 3 or extra < 0:
        raise ValueError(f"{harmonics.shape[1]} harmonics do not fit into degree {degree}")
    rest = torch.nn.functional.pad(harmonics[:, 1:], (0, 0, 0, extra)).mT.flatten(1)
    opacities = cloud.opacities[0].double().clamp(_MARGIN, 1 - _MARGIN)
    columns = [
        cloud.means[0],
        torch.zeros_like(cloud.means[0]),
        harmonics[:, 0],
        rest,
        torch.logit(opacities)[:, None],
        cloud.scales[0].double().log(),
        torch.nn.functional.normalize(cloud.quaternions[0], dim=1),
    ]
    table = torch.cat([c.detach().cpu().double() for c in columns], dim=1).numpy().astype("<f4")
    if not np.isfinite(table).all():
        raise ValueError("a value of a Gaussian is not finite")
    names = _names(rest.shape[1])
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"comment {' '.join(comment.split())}"] if comment else []
    header += [f"element vertex {len(table)}", *(f"property float {n}" for n in names)]
    with atomic_path(path) as partial:
        text = "\n".join([*header, "end_header", ""])
        partial.write_bytes(text.encode("ascii") + table.tobytes())


def _harmonics(cloud: GaussianCloud) -> Tensor:
    """[N, K, 3] coefficients of the one frame."""
    if cloud.spherical_harmonics is not None:
        values = cloud.spherical_harmonics[0]
    else:
        assert cloud.features is not None  # a cloud has one of them
        values = ((cloud.features[0] - 0.5) / C0)[:, None]
    if values.shape[-1] != 3:
        raise ValueError(f"a PLY holds three channels of colour, the cloud has {values.shape[-1]}")
    return values


def read_gaussian_ply(path: str | Path) -> GaussianCloud:
    """Read Gaussians that this or another program wrote.

    Args:
        path: A binary, little-endian PLY in the layout of 3D Gaussian splatting, harmonics of
            degree 0 to 3. Further properties of a vertex are passed over.

    Returns:
        A batch of one with quaternions of unit length, scales and spherical harmonics, float32.

    Raises:
        UserError: No such file, not such a PLY, cut off, or a value that is not finite; says which.
    """
    path = Path(path)
    data = read_bytes(path, what="PLY file", limit=_LARGEST)
    count, properties, start = _read_header(path, data)
    layout = np.dtype(properties)
    if len(data) - start != count * layout.itemsize:
        raise UserError(
            f"{path}: holds {len(data) - start} bytes of Gaussians, the header promises "
            f"{count * layout.itemsize}; it is cut off or has further elements, write it again"
        )
    table = np.frombuffer(data, layout, count, start)
    rest = sum(name.startswith("f_rest_") for name in layout.names or ())
    if rest not in (0, 9, 24, 45):
        raise UserError(f"{path}: {rest} properties f_rest_*, expected 0, 9, 24 or 45")
    columns = {}
    for name in _names(rest):
        if name in ("nx", "ny", "nz"):
            continue
        if name not in (layout.names or ()):
            raise UserError(f"{path}: no property '{name}'; is this a PLY of Gaussians?")
        columns[name] = table[name].astype(np.float32)
        if not np.isfinite(columns[name]).all():
            at = int(np.flatnonzero(~np.isfinite(columns[name]))[0])
            raise UserError(f"{path}: '{name}' of Gaussian {at} is not finite; write it again")

    def stacked(*wanted: str) -> Tensor:
        return torch.from_numpy(np.stack([columns[name] for name in wanted], axis=1))

    quaternions = stacked(*(f"rot_{i}" for i in range(4)))
    if bool((quaternions.norm(dim=1) < 1e-6).any()):
        raise UserError(f"{path}: a rotation has length 0; write it again")
    harmonics = stacked(*(f"f_dc_{i}" for i in range(3)))[:, None]
    if rest:
        higher = stacked(*(f"f_rest_{i}" for i in range(rest))).unflatten(1, (3, -1)).mT
        harmonics = torch.cat([harmonics, higher], dim=1)
    return GaussianCloud(
        means=stacked("x", "y", "z")[None],
        quaternions=torch.nn.functional.normalize(quaternions, dim=1)[None],
        scales=stacked("scale_0", "scale_1", "scale_2").exp()[None],
        opacities=stacked("opacity")[:, 0].sigmoid()[None],
        spherical_harmonics=harmonics[None],
    )


def _read_header(path: Path, data: bytes) -> tuple[int, list[tuple[str, str]], int]:
    """Number of Gaussians, name and type of each property, and where the values start."""
    end = data.find(b"end_header\n", 0, _HEADER)
    if not data.startswith(b"ply\n") or end < 0:
        raise UserError(f"{path}: is no PLY file (no header from 'ply' to 'end_header')")
    count, properties = -1, []
    for line in data[:end].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        if words[0] == "format" and words[1:2] != ["binary_little_endian"]:
            raise UserError(f"{path}: '{line}', expected binary_little_endian")
        if words[0] == "element":
            if count >= 0 or len(words) != 3 or words[1] != "vertex" or not words[2].isdigit():
                raise UserError(f"{path}: '{line}', expected the one element vertex with its count")
            count = int(words[2])
        if words[0] == "property":
            if len(words) != 3 or words[1] not in _TYPES:
                raise UserError(f"{path}: '{line}', expected a property of one number")
            properties.append((words[2], _TYPES[words[1]]))
    if len({name for name, _ in properties}) != len(properties):
        raise UserError(f"{path}: a property stands there twice")
    if count < 1:
        raise UserError(f"{path}: holds no Gaussian")
    return count, properties, end + len(b"end_header\n")
