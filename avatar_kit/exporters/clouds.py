"""The cloud of a pose as files of Gaussians hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError, near
from avatar_kit.exporters.config import Axes
from avatar_kit.gaussians import principal_axes
from avatar_kit.gaussians.covariances import THINNEST
from avatar_kit.graphics import spherical_harmonics
from avatar_kit.interfaces import ExportSource
from avatar_kit.scene import FeatureMap, GaussianCloud, Vector

_WORDS = {FeatureMap: "feature maps", Vector: "vectors", GaussianCloud: "gaussians"}

#: Half a turn about x: y up to y down, and z towards the camera to z away from it.
_HALF_TURN = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


@dataclass(frozen=True)
class PosedGaussians:
    """One frame of Gaussians, ready to be written.

    Attributes:
        cloud: A batch of one on the CPU, with quaternions and scales.
        notes: What was left out, and what viewers will show otherwise.
    """

    cloud: GaussianCloud
    notes: tuple[str, ...]


def posed_gaussians(
    source: ExportSource, encoder: str | None, axes: Axes, what: str
) -> PosedGaussians:
    """The Gaussians of the pose that is exported.

    Args:
        source: What is exported; holds a pose.
        encoder: Whose Gaussians; None: those of the one encoder that yields some.
        axes: World axes of the file.
        what: The format, for messages.

    Raises:
        UserError: No encoder, or several, yield Gaussians with colours.
    """
    found = {n: c for n, c in source.conditions.items() if isinstance(c, GaussianCloud)}
    if not found:
        yields = ", ".join(f"{n}: {_WORDS[type(c)]}" for n, c in source.conditions.items())
        raise UserError(
            f"{what} needs an encoder that yields gaussians; the encoders of method "
            f"'{source.method}' yield other conditions ({yields or 'there is none'})"
        )
    cloud = found[chosen(list(found), encoder, what)]
    colours = cloud.features if cloud.features is not None else cloud.spherical_harmonics
    assert colours is not None  # a cloud has one of them
    if colours.shape[-1] != 3:
        raise UserError(
            f"{what} needs Gaussians with three channels of colour; method '{source.method}' "
            f"yields {colours.shape[-1]} features, which only its renderer can read"
        )
    cloud, lost = _finite_on_cpu(cloud)
    notes = ["colours and shadows are those of this pose"]
    notes += [f"{lost:,} Gaussians that are not finite are left out"] if lost else []
    if cloud.visible is not None and not bool(cloud.visible.all()):
        notes.append("sides turned away from the camera are drawn, too")
    dark = 0 if cloud.features is None else int((cloud.features < 0).any(-1).sum())
    notes += [f"{dark:,} have a colour below 0, which viewers show as 0"] if dark else []
    return PosedGaussians(turned(_with_axes(cloud), axes), tuple(notes))


def chosen(names: list[str], encoder: str | None, what: str) -> str:
    """The name of the encoder to take.

    Raises:
        UserError: It is not there, or there are several and none was named.
    """
    if encoder is None and len(names) == 1:
        return names[0]
    if encoder is None:
        raise UserError(f"{what} holds one cloud, there are {', '.join(names)}; say encoder=NAME")
    if encoder not in names:
        near_match = near(encoder, names) or f"; there is {', '.join(names)}"
        raise UserError(f"encoder={encoder}: has no gaussians for {what}{near_match}")
    return encoder


def turned(cloud: GaussianCloud, axes: Axes) -> GaussianCloud:
    """The cloud in a world with these axes; it has quaternions."""
    if axes == "y_up":
        return cloud
    assert cloud.quaternions is not None
    half = roma.rotmat_to_unitquat(_HALF_TURN).to(cloud.quaternions)
    turn = roma.quat_product(
        half.expand(cloud.quaternions.shape), cloud.quaternions.roll(-1, -1)
    ).roll(1, -1)
    harmonics = cloud.spherical_harmonics
    if harmonics is not None:
        harmonics = harmonics * _harmonic_signs(harmonics.shape[2]).to(harmonics)[:, None]
    return replace(
        cloud,
        means=cloud.means @ _HALF_TURN.to(cloud.means),
        quaternions=turn,
        spherical_harmonics=harmonics,
    )


def _harmonic_signs(count: int) -> Tensor:
    """[K] 1 for each harmonic that the half turn keeps, -1 for each whose sign it changes."""
    direction = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64)
    degree = round(count**0.5) - 1
    before = spherical_harmonics(direction, degree)
    return (spherical_harmonics(_HALF_TURN.double() @ direction, degree) / before).round()


def _finite_on_cpu(cloud: GaussianCloud) -> tuple[GaussianCloud, int]:
    """The Gaussians that are finite in every value, on the CPU, and the number of the others."""
    found = {k: v.detach().cpu() for k, v in vars(cloud).items() if isinstance(v, Tensor)}
    found = {k: v.float() if v.is_floating_point() else v for k, v in found.items()}
    if cloud.scales is not None:
        found["scales"] = found["scales"].clamp(min=THINNEST)  # the logarithm must be finite
    count = cloud.means.shape[1]
    good = torch.stack([v[0].isfinite().reshape(count, -1).all(1) for v in found.values()]).all(0)
    if not bool(good.any()):
        raise UserError("no Gaussian of this pose is finite: the training has failed")
    kept: dict[str, Any] = {name: value[:, good] for name, value in found.items()}
    return replace(cloud, **kept, extras={}), int((~good).sum())


def _with_axes(cloud: GaussianCloud) -> GaussianCloud:
    if cloud.covariances is None:
        return cloud
    quaternions, scales = principal_axes(cloud.covariances)
    return replace(cloud, quaternions=quaternions, scales=scales, covariances=None)
