"""Gaussians of one pose as PLY."""

from __future__ import annotations

from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.exporters.clouds import posed_gaussians
from avatar_kit.exporters.config import GaussianPlyConfig
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Report
from avatar_kit.io.gaussian_ply import write_gaussian_ply

_AXES = {"y_down": "x right, y down, z forward", "y_up": "x right, y up, z backward"}


class GaussianPly(Exporter):
    """Nothing is rounded beyond float32; colours are not clipped."""

    config: GaussianPlyConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the one pose."""
        posed = posed_gaussians(source, self.config.encoder, self.config.axes, "a PLY of Gaussians")
        harmonics = posed.cloud.spherical_harmonics
        if harmonics is not None and harmonics.shape[2] > (self.config.degree + 1) ** 2:
            raise UserError(
                f"degree={self.config.degree}: the Gaussians have spherical harmonics of a higher "
                f"degree ({harmonics.shape[2]} coefficients); say degree=3"
            )
        axes = _AXES[self.config.axes]
        write_gaussian_ply(
            out, posed.cloud, degree=self.config.degree, comment=f"avatar-kit: metres, {axes}"
        )
        return Exported(f"{posed.cloud.means.shape[1]:,} Gaussians", posed.notes)
