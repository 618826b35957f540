"""Gaussians in the rest pose with their rig, as safetensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from avatar_kit import __version__
from avatar_kit.errors import UserError
from avatar_kit.exporters.clouds import chosen
from avatar_kit.exporters.config import RiggedGaussiansConfig
from avatar_kit.gaussians.covariances import THINNEST
from avatar_kit.interfaces import Avatar, Encoder, Exported, Exporter, ExportSource, Report
from avatar_kit.io.rigged_file import save_rigged_gaussians
from avatar_kit.scene import RiggedGaussians
from avatar_kit.scene.rigged import rigged_shapes

_WHAT = "a file of rigged Gaussians"


class RiggedGaussiansFile(Exporter):
    """What linear blend skinning needs, and the light; ``io.load_rigged_gaussians`` reads it."""

    config: RiggedGaussiansConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the avatar."""
        found = rigged_encoders(source.avatar)
        if not found:
            names = ", ".join(source.avatar.encoders) or "none"
            raise UserError(
                f"{_WHAT} needs an encoder with rigged_gaussians(); the encoders of method "
                f"'{source.method}' ({names}) have none"
            )
        gaussians, lost = finite_gaussians(found[chosen(list(found), self.config.encoder, _WHAT)])
        asset = source.avatar.body.asset
        about = {**source.about(), "writer": f"avatar-kit {__version__}"}
        save_rigged_gaussians(out, gaussians, about)
        notes = [
            f"skinning weights are those of the body {asset.name} ({asset.licence})",
            "expressions and other shapes of the body beside its bones are not in it",
        ]
        notes += ["no light"] if gaussians.light is None else []
        notes += [f"{lost:,} Gaussians that are not finite are left out"] if lost else []
        count, joints = len(gaussians), len(gaussians.joint_names)
        return Exported(f"{count:,} Gaussians, {joints} joints", tuple(notes))


def rigged_encoders(avatar: Avatar) -> dict[str, RiggedGaussians]:
    """Name of each encoder that has Gaussians at rest -> these."""
    encoders = {n: e for n, e in avatar.encoders.items() if isinstance(e, Encoder)}
    return {n: g for n, e in encoders.items() if (g := e.rigged_gaussians()) is not None}


def finite_gaussians(gaussians: RiggedGaussians) -> tuple[RiggedGaussians, int]:
    """Those that are finite in every value, and the number of the others."""
    scales = gaussians.scales.clamp(min=THINNEST)  # the logarithm must be finite
    gaussians, count = replace(gaussians, scales=scales), len(gaussians)
    names = [name for name in rigged_shapes(0, 0) if name != "transforms"]
    values = {name: getattr(gaussians, name) for name in names}
    good = torch.stack([v.reshape(count, -1).isfinite().all(1) for v in values.values()]).all(0)
    if not bool(good.any()):
        raise UserError("no Gaussian of the avatar is finite: the training has failed")
    kept: dict[str, Any] = {name: value[good] for name, value in values.items()}
    return replace(gaussians, **kept), int((~good).sum())
