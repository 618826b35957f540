"""Reading what calibrations of cameras are kept in: our JSON, OpenCV's, ROS', COLMAP's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from avatar_kit.errors import UserError, near
from avatar_kit.io.calibration import Calibration
from avatar_kit.io.documents import PlainLoader, parse_json, parse_yaml, read_text

#: A file that is larger holds something else.
_MAX_BYTES = 1 << 20
#: Coefficients by name, in the order of OpenCV.
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_OURS = ("fx", "fy", "cx", "cy", "width", "height", *COEFFICIENTS)
#: Names that others give to a 3x3 matrix of OpenCV's convention, to its coefficients and to sizes.
_MATRIX = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "intrinsic_matrix", "mtx", "K")
_DISTORTION = (
    *("distortion_coefficients", "Distortion_Coefficients", "dist_coeffs", "dist_coeff"),
    *("distCoeffs", "distortion", "dist", "D"),
)
_SIZES = (("image_width", "image_height"), ("width", "height"), ("image_Width", "image_Height"))
#: Models of COLMAP -> names of their parameters.
_COLMAP = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", *COEFFICIENTS),
}
#: Names of models in a mapping that are those of ``COEFFICIENTS``.
_KNOWN_MODELS = {"plumb_bob", "rational_polynomial", "perspective", "radtan", *_COLMAP}
_EXPECTED = (
    "expected JSON with fx, fy, cx, cy, width and height in pixels, JSON or YAML of OpenCV or ROS "
    "(camera_matrix), or cameras.txt of COLMAP"
)


def read_calibration(path: Path) -> Calibration:
    """Read the intrinsics of a camera.

    Args:
        path: JSON with ``fx fy cx cy width height`` and, of the lens, ``k1 k2 p1 p2 k3``; the same
            by the names of nerfstudio (``fl_x``, ``w``); JSON or YAML of OpenCV or ROS with
            ``camera_matrix``; ``cameras.txt`` of COLMAP with one camera.

    Raises:
        UserError: The file cannot be read, has another form or a fisheye lens, or lacks a value.
    """
    text = _text(path)
    lines = [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]
    if lines and len(lines[0]) > 3 and lines[0][0].isdigit() and lines[0][1].isupper():
        return _of_colmap(lines, path)
    data = _parsed(text, path)
    if any(name in data for name in _MATRIX):
        return _of_opencv(data, path)
    if "fl_x" in data:
        return _of_nerfstudio(data, path)
    return _of_ours(data, path)


def _text(path: Path) -> str:
    try:
        return read_text(path, what="calibration", limit=_MAX_BYTES)
    except UserError as error:
        how = (
            "run  colmap model_converter --output_type TXT" if path.suffix == ".bin" else _EXPECTED
        )
        raise UserError(f"--camera {error}; {how}") from None


class _Loader(PlainLoader):
    """Plain YAML in which a matrix of OpenCV is the mapping that it is written as."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


for _matrix in ("opencv-matrix", "opencv-nd-matrix"):  # the second by OpenCV 5, of vectors
    _Loader.add_constructor(f"tag:yaml.org,2002:{_matrix}", _mapping)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    if text.lstrip().startswith("<"):
        raise UserError(f"--camera {path}: is XML; let OpenCV write it as .json or .yml")
    body = text.split("\n", 1)[-1] if text.startswith("%YAML:") else text
    try:
        if body.lstrip().startswith("{"):
            data = parse_json(body, f"--camera {path}")
        else:
            data = parse_yaml(body, f"--camera {path}", _Loader)
    except UserError as error:
        raise UserError(f"{error}; {_EXPECTED}") from None
    if not isinstance(data, dict):
        raise UserError(f"--camera {path}: holds no named values; {_EXPECTED}")
    return data


def _of_ours(data: Mapping[str, Any], path: Path) -> Calibration:
    for key in data:
        if key not in _OURS:
            raise UserError(
                f"--camera {path}: unknown key '{key}'{near(key, list(_OURS))}; {_EXPECTED}"
            )
    for key in _OURS[:6]:
        if key not in data:
            raise UserError(f"--camera {path}: key '{key}' is missing; {_EXPECTED}")
    return _named({key: _number(data[key], key, path) for key in data}, path)


def _of_nerfstudio(data: Mapping[str, Any], path: Path) -> Calibration:
    _check_model(data.get("camera_model"), path)
    names = {"fl_x": "fx", "fl_y": "fy", "cx": "cx", "cy": "cy", "w": "width", "h": "height"}
    values = {"fl_y": data["fl_x"]} | dict(data)
    for key in names:
        if key not in values:
            raise UserError(f"--camera {path}: key '{key}' is missing beside fl_x")
    found = {new: _number(values[old], old, path) for old, new in names.items()}
    lens = {k: _number(data[k], k, path) for k in COEFFICIENTS if k in data}
    return _named(found | lens, path)


def _of_colmap(lines: list[list[str]], path: Path) -> Calibration:
    if len(lines) != 1:
        raise UserError(
            f"--camera {path}: holds {len(lines)} cameras; keep the line of the one that filmed"
        )
    _, model, *numbers = lines[0]
    _check_model(model, path)
    names = ("width", "height", *_COLMAP[model])
    if len(numbers) != len(names):
        raise UserError(
            f"--camera {path}: {model} has {len(numbers)} numbers after its name, expected "
            f"{len(names)}: {' '.join(names)}"
        )
    found = {n: _number(v, n, path) for n, v in zip(names, numbers, strict=True)}
    if "f" in found:
        found["fx"] = found["fy"] = found.pop("f")
    return _named(found, path)


def _of_opencv(data: Mapping[str, Any], path: Path) -> Calibration:
    if data.get("fisheye_model"):
        _check_model("fisheye", path)
    _check_model(data.get("distortion_model"), path)
    name = next(n for n in _MATRIX if n in data)
    K = _numbers(data[name], name, path)
    if len(K) != 9 or [K[3], *K[6:]] != [0, 0, 0, 1]:
        raise UserError(
            f"--camera {path}: {name} must be 3x3: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]"
        )
    if abs(K[1]) > 1e-3 * abs(K[0]):
        raise UserError(f"--camera {path}: {name} has a skew of {K[1]:g}; expected none, 0")
    named = next((n for n in _DISTORTION if n in data), None)
    lens = _numbers(data[named], named, path) if named else []
    if len(lens) not in (0, 4, 5, 8, 12, 14) or any(lens[8:]):
        raise UserError(
            f"--camera {path}: {named} has {len(lens)} numbers; expected 4, 5 or 8 of the model "
            "k1 k2 p1 p2 k3 k4 k5 k6, without a thin prism"
        )
    sides = next((s for s in _SIZES if s[0] in data and s[1] in data), None)
    width, height = (_number(data[n], n, path) for n in sides) if sides else (0.0, 0.0)
    notes = () if named else ("it names no distortion of the lens: taken as none",)
    return Calibration(
        file=path,
        focal=(K[0], K[4]),
        centre=(K[2] + 0.5, K[5] + 0.5),  # OpenCV's pixel centres are whole numbers
        distortion=tuple(lens[:8]),
        size=_size(width, height, path) if sides else None,
        notes=notes,
    )


def _named(values: Mapping[str, float], path: Path) -> Calibration:
    lens = [values.get(k, 0.0) for k in COEFFICIENTS]
    while lens and not lens[-1]:
        lens.pop()
    return Calibration(
        file=path,
        focal=(values["fx"], values["fy"]),
        centre=(values["cx"], values["cy"]),
        distortion=(*lens, *[0.0] * (4 - len(lens))) if lens else (),
        size=_size(values["width"], values["height"], path),
    )


def _check_model(model: Any, path: Path) -> None:
    if model in (None, "", *_KNOWN_MODELS):
        return
    raise UserError(
        f"--camera {path}: a camera of the model {model} is not read; expected "
        f"{', '.join(_COLMAP)}, or plumb_bob: calibrate the lens without its fisheye model"
    )


def _size(width: float, height: float, path: Path) -> tuple[int, int]:
    if min(width, height) < 16 or width != int(width) or height != int(height):
        raise UserError(
            f"--camera {path}: width and height are {width:g} and {height:g}; expected whole "
            "numbers of pixels"
        )
    return int(width), int(height)


def _numbers(value: Any, name: str, path: Path) -> list[float]:
    """The numbers of a list, of nested lists, or of a matrix with ``data``."""
    if isinstance(value, Mapping):
        value = value.get("data")
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UserError(f"--camera {path}: {name} is {value!r}; expected a list of numbers")
    found: list[float] = []
    for item in value:
        nested = isinstance(item, Sequence) and not isinstance(item, str)
        found += _numbers(item, name, path) if nested else [_number(item, name, path)]
    return found


def _number(value: Any, name: str, path: Path) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise UserError(f"--camera {path}: {name} is {value!r}; expected a number")
    return found
