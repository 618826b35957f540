"""Gaussians in the rest pose with their rig, as safetensors."""

from __future__ import annotations

from pathlib import Path

from avatar_kit import __version__
from avatar_kit.errors import UserError
from avatar_kit.exporters.clouds import chosen
from avatar_kit.exporters.config import RiggedGaussiansConfig
from avatar_kit.interfaces import Encoder, Exported, Exporter, ExportSource, Report
from avatar_kit.io.rigged_file import save_rigged_gaussians

_WHAT = "a file of rigged Gaussians"


class RiggedGaussiansFile(Exporter):
    """What linear blend skinning needs, and the light; ``io.load_rigged_gaussians`` reads it."""

    config: RiggedGaussiansConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the avatar."""
        encoders = {n: e for n, e in source.avatar.encoders.items() if isinstance(e, Encoder)}
        found = {n: g for n, e in encoders.items() if (g := e.rigged_gaussians()) is not None}
        if not found:
            raise UserError(
                f"{_WHAT} needs an encoder with rigged_gaussians(); the encoders of method "
                f"'{source.method}' ({', '.join(encoders) or 'none'}) have none"
            )
        gaussians = found[chosen(list(found), self.config.encoder, _WHAT)]
        asset = source.avatar.body.asset
        about = {
            "name": source.name,
            "method": source.method,
            "body": asset.name,
            "body_sha256": asset.sha256,
            "body_licence": asset.licence,
            "writer": f"avatar-kit {__version__}",
        }
        save_rigged_gaussians(out, gaussians, about)
        notes = [
            f"skinning weights are those of the body {asset.name} ({asset.licence})",
            "expressions and other shapes of the body beside its bones are not in it",
        ]
        if gaussians.light is None:
            notes.append("no light")
        count, joints = len(gaussians), len(gaussians.joint_names)
        return Exported(f"{count:,} Gaussians, {joints} joints", tuple(notes))
