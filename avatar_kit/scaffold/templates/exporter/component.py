"""The exporter: the posed body as a Wavefront OBJ."""

from __future__ import annotations

from pathlib import Path

from avatar_kit_myplugin.config import MyPluginConfig

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Report


class MyPlugin(Exporter):
    """Vertices in metres, texture coordinates and triangles."""

    config: MyPluginConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the body in the one pose; ``out`` is renamed when this returns."""
        if source.context is None:
            raise UserError("an OBJ holds one pose, and none was given")
        body = source.context.body
        surface = body.topology
        lines = [f"# {source.name} in metres, y up"]
        for x, y, z in (self.config.scale * body.vertices[0]).tolist():
            lines.append(f"v {x:.6f} {y:.6f} {z:.6f}")
        for u, v in surface.uvs.tolist():
            lines.append(f"vt {u:.6f} {1 - v:.6f}")  # OBJ counts from the lower left corner
        for corner, uv in zip(surface.faces.tolist(), surface.uv_faces.tolist(), strict=True):
            pairs = (f"{c + 1}/{t + 1}" for c, t in zip(corner, uv, strict=True))
            lines.append(f"f {' '.join(pairs)}")
        out.write_text("\n".join([*lines, ""]))
        notes = ("the body alone: no colours, no hair or clothes that stand off it",)
        return Exported(f"{body.vertices.shape[1]:,} vertices", notes)
