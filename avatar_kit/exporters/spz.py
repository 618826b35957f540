"""Gaussians of one pose as SPZ, by the package gsply."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import torch
from gsply import GSData, write_spz
from torch import Tensor

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.exporters.clouds import posed_gaussians
from avatar_kit.exporters.config import SpzConfig
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Report
from avatar_kit.io.gaussian_ply import C0
from avatar_kit.scene import GaussianCloud

#: SPZ keeps a colour's constant harmonic in a byte: ``255 (0.15 f_dc + 0.5)``.
_COLOUR = 0.15

#: The logarithm of a standard deviation is a byte: ``16 (log s + 10)``.
_SCALES = (-10.0, 5.9375)


class Spz(Exporter):
    """Version 3 or 4 of the format: all but positions and rotations in a byte a value."""

    config: SpzConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the one pose."""
        posed = posed_gaussians(source, self.config.encoder, self.config.axes, "an SPZ file")
        cloud, bits = posed.cloud, self.config.fractional_bits
        reach, limit = float(cloud.means.abs().max()), 2.0 ** (23 - bits)
        if reach >= limit:
            raise UserError(
                f"fractional_bits={bits}: positions reach {reach:.0f} m, the file would hold "
                f"{limit:g} m; say fractional_bits={23 - math.ceil(math.log2(reach + 1))}"
            )
        data, clipped = _data(cloud)
        if self.config.version == 4 and not importlib.util.find_spec("zstandard"):
            raise MissingExtra("version 4 of SPZ", "export", "zstandard")
        write_spz(out, data, version=self.config.version, fractional_bits=bits)
        notes = [
            *posed.notes,
            f"rounded: positions to {1000 * 2.0**-bits:.2g} mm, scales to 3 %, colours and "
            "opacities to 8 bits",
        ]
        notes += [f"{clipped:,} have a colour beyond -0.44 to 1.44, clipped"] if clipped else []
        return Exported(f"{cloud.means.shape[1]:,} Gaussians", tuple(notes))


def _data(cloud: GaussianCloud) -> tuple[GSData, int]:
    """The cloud as gsply takes it, and how many colours it will clip."""
    assert cloud.quaternions is not None and cloud.scales is not None
    if cloud.spherical_harmonics is None:
        assert cloud.features is not None
        harmonics = ((cloud.features[0] - 0.5) / C0)[:, None]
    else:
        harmonics = cloud.spherical_harmonics[0]
    opacities = torch.logit(cloud.opacities[0].double().clamp(1e-6, 1 - 1e-6))
    clipped = (_COLOUR * harmonics[:, 0]).abs().amax(1) > 0.5
    data = GSData(
        means=_array(cloud.means[0]),
        scales=_array(cloud.scales[0].log().clamp(*_SCALES)),
        quats=_array(torch.nn.functional.normalize(cloud.quaternions[0], dim=1)),
        opacities=_array(opacities),
        sh0=_array(harmonics[:, 0]),
        shN=_array(harmonics[:, 1:]),
    )
    return data, int(clipped.sum())


def _array(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.numpy(), dtype=np.float32)
