"""Rigged Gaussians as one safetensors file, for programs that know nothing of avatar-kit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.tensor_file import read_tensors
from avatar_kit.scene import RiggedGaussians, SurfaceLight
from avatar_kit.scene.rigged import rigged_shapes

#: Marks the layout; another one is another format.
FORMAT = "avatar-kit rigged gaussians 1"

#: Name of the metadata: a JSON object.
KEY = "rigged_gaussians"

#: What every file says of its axes and units.
AXES = "x to the person's left, y up, z forward; right-handed; metres; quaternions wxyz"

#: Name in the file -> attribute, where the file holds a function of it.
_STORED = {"log_scales": "scales", "opacity_logits": "opacities"}

#: Opacities are kept this far from 0 and 1, so that their logits are finite.
_MARGIN = 1e-6

#: What may be missing from 1 in the length of a unit vector or a sum of weights.
_SLACK = 1e-3

_LIGHT = {"light_direction": (3,), "light_ambient": (8, 3), "light_direct": (3,)}
_INTEGERS = {"faces": torch.int32, "two_sided": torch.uint8}


@dataclass(frozen=True)
class RiggedFile:
    """Content of a file of rigged Gaussians.

    Attributes:
        gaussians: The Gaussians.
        about: What made them: texts by name, such as ``name``, ``method``, ``body``.
    """

    gaussians: RiggedGaussians
    about: Mapping[str, str] = field(default_factory=dict)


def save_rigged_gaussians(
    path: str | Path, gaussians: RiggedGaussians, about: Mapping[str, str] | None = None
) -> None:
    """Write rigged Gaussians, whole or not at all.

    Args:
        path: Where to, ``.safetensors``.
        gaussians: The Gaussians.
        about: Texts that the file shall say of them beside the format and the axes.

    Raises:
        ValueError: A value is not finite, or a standard deviation is 0.
    """
    stored = {name: getattr(gaussians, name) for name in rigged_shapes(0, 0)}
    stored["log_scales"] = stored.pop("scales").double().log()
    opacities = stored.pop("opacities").double().clamp(_MARGIN, 1 - _MARGIN)
    stored["opacity_logits"] = torch.logit(opacities)
    light = gaussians.light
    if light is not None:
        stored |= dict(zip(_LIGHT, (light.direction, light.ambient, light.direct), strict=True))
    tensors = {
        name: value.detach().cpu().to(_INTEGERS.get(name, torch.float32)).contiguous()
        for name, value in stored.items()
    }
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        raise ValueError(f"{', '.join(broken)}: a value is not finite")
    facts = {
        "format": FORMAT,
        "axes": AXES,
        "joint_names": gaussians.joint_names,
        "joint_parents": gaussians.joint_parents,
        "light_limits": None if light is None else light.limits,
        "about": dict(about or {}),
    }
    # one text: safetensors writes several in an order of its own
    metadata = {KEY: json.dumps(facts, ensure_ascii=False)}
    with atomic_path(path) as partial:
        partial.write_bytes(safetensors.torch.save(tensors, metadata))


def load_rigged_gaussians(path: str | Path) -> RiggedFile:
    """Read rigged Gaussians; every key, shape and value is checked.

    Raises:
        UserError: No such file, cut off, another kind of file, a key that is missing, of another
            shape or not finite, or values that are no rotations, weights or joints; says which.
    """
    path = Path(path)
    file = read_tensors(path)
    facts = file.facts(KEY)
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise UserError(
            f"{path}: its metadata say format={found!r}, expected {FORMAT!r}; "
            "write one with 'avatar-kit export RUN --to FILE.safetensors'"
        )
    reader = _Reader(path, facts, file.tensors)
    names, parents = reader.joints()
    count = len(reader.tensor("means", None))
    values: dict[str, Any] = {}
    for attribute, shape in rigged_shapes(count, len(names)).items():
        name = next((n for n, a in _STORED.items() if a == attribute), attribute)
        values[attribute] = reader.tensor(name, shape)
    values["scales"] = values["scales"].exp()
    values["opacities"] = values["opacities"].sigmoid()
    values["two_sided"] = values["two_sided"] > 0
    values["faces"] = values["faces"].long()
    if int(values["faces"].min()) < 0:
        raise reader.wrong("'faces' holds a negative index")
    reader.unit("quaternions", values["quaternions"].norm(dim=1))
    reader.unit("normals", values["normals"].norm(dim=1))
    reader.unit("skinning_weights", values["skinning_weights"].sum(1))
    reader.unit("barycentrics", values["barycentrics"].sum(1))
    light = reader.light()
    gaussians = RiggedGaussians(**values, joint_names=names, joint_parents=parents, light=light)
    return RiggedFile(gaussians, reader.fact("about", dict))


@dataclass(frozen=True)
class _Reader:
    """The content of a file, checked key by key."""

    path: Path
    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def tensor(self, name: str, shape: tuple[int, ...] | None) -> Tensor:
        """A tensor of a shape; None: of at least one row."""
        if name not in self.tensors:
            raise self.wrong(f"no tensor '{name}'")
        value = self.tensors[name]
        if shape is not None and tuple(value.shape) != shape:
            raise self.wrong(f"'{name}' has the shape {tuple(value.shape)}, expected {shape}")
        if shape is None and (value.ndim < 1 or not len(value)):
            raise self.wrong(f"'{name}' is empty")
        kind = _INTEGERS.get(name, torch.float32)
        if value.dtype != kind:
            raise self.wrong(f"'{name}' is {value.dtype}, expected {kind}")
        if not bool(value.isfinite().all()):
            raise self.wrong(f"'{name}' is not finite")
        return value

    def unit(self, name: str, sizes: Tensor) -> None:
        """Lengths or sums must be 1."""
        off = float((sizes - 1).abs().max())
        if off > _SLACK:
            raise self.wrong(f"a row of '{name}' misses 1 by {off:.2g} in its length or sum")

    def fact(self, name: str, kind: type) -> Any:
        """A value of the metadata."""
        value = self.facts.get(name)
        if not isinstance(value, kind):
            raise self.wrong(f"the metadata '{name}' are {value!r:.40}, expected a {kind.__name__}")
        return value

    def joints(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Names and parents."""
        names, parents = self.fact("joint_names", list), self.fact("joint_parents", list)
        fits = len(names) == len(parents) and all(isinstance(n, str) for n in names)
        fits &= all(isinstance(p, int) and -1 <= p < len(names) for p in parents)
        if not names or not fits:
            raise self.wrong("joint_names and joint_parents are not a skeleton")
        return tuple(names), tuple(parents)

    def light(self) -> SurfaceLight | None:
        """The light, if there is one."""
        if not any(name in self.tensors for name in _LIGHT):
            return None
        direction, ambient, direct = (self.tensor(n, shape) for n, shape in _LIGHT.items())
        self.unit("light_direction", direction.norm())
        limits = self.fact("light_limits", list)
        numbers = len(limits) == 2 and all(isinstance(v, (int, float)) for v in limits)
        if not numbers or not 0 <= limits[0] < limits[1]:
            raise self.wrong(f"light_limits are {limits}, expected two numbers, the lesser first")
        return SurfaceLight(direction, ambient, direct, (float(limits[0]), float(limits[1])))

    def wrong(self, what: str) -> UserError:
        """The error that says what is wrong with the file."""
        return UserError(f"{self.path}: {what}; write it again with 'avatar-kit export'")
