"""A person as one web page: mesh and Gaussians in three.js, which comes with avatar-kit.

``page/three.min.js`` is built by ``tools/three``; nothing is fetched, when the page is written nor
when it is opened.
"""

from __future__ import annotations

import base64
import json
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from avatar_kit import __version__
from avatar_kit.exporters.config import PlayerConfig
from avatar_kit.exporters.mesh import skin_error, textured_person
from avatar_kit.exporters.page_gaussians import page_gaussians
from avatar_kit.exporters.page_skeleton import page_skeleton
from avatar_kit.exporters.skinned_mesh import SkeletonMotion, largest_four, skeleton_motion
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Report

#: What the training motion is called on the page.
_IDLE = "idle (of the training)"

#: Degrees that bones may be off what the page's solver makes of joints: to say nothing, and at all.
_FOLLOWS, _DRIVABLE = 2.0, 20.0

_PAGE = files("avatar_kit.exporters") / "page"


class Player(Exporter):
    """Turn it, choose a motion, move the face."""

    config: PlayerConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the page, with the motion where there is one, and with an idle one."""
        person = textured_person(source, self.config.texture, self.config.pictures, report)
        motions: dict[str, SkeletonMotion] = {}
        if source.motion is not None:
            motions[source.title] = skeleton_motion(source.avatar, person.mesh, source.motion)
        training = source.training_motion
        if count := min(len(training), round(self.config.idle * training.fps)):
            idle = training[list(range(count))]
            motions[_IDLE] = skeleton_motion(source.avatar, person.mesh, idle)
        weights = largest_four(person.mesh.rest.skinning_weights)
        off = skin_error(source, person.mesh, weights)
        notes = (*person.notes(), f"skin of four weights a vertex, {off}")
        cloud = page_gaussians(source, person.mesh) if self.config.gaussians else None
        shown = "shows the mesh of the body"
        if cloud is not None:
            shown = f"shows {cloud.facts['count']:,} Gaussians, with mean shadows, or the mesh"
        skeleton, driving = _skeleton(source)
        notes = (shown, *notes, *driving)
        about: dict[str, Any] = {
            "gaussians": None if cloud is None else cloud.facts,
            "motions": [{"title": name, "back": name == _IDLE} for name in motions],
            "skeleton": skeleton,
            "notes": [*_about(source), *notes],
        }
        data = b"" if cloud is None else cloud.data.tobytes()
        glb = person.glb(source, motions, weights)
        out.write_text(page(source.name, glb, data, about), "utf-8")
        return Exported(f"{person.what()}, motions: {', '.join(motions) or 'none'}", notes)


def page(title: str, glb: bytes, gaussians: bytes, about: dict[str, Any]) -> str:
    """The whole page.

    Args:
        title: What the person is called.
        glb: The mesh with its motions.
        gaussians: The data of :class:`PageGaussians`; empty without some.
        about: ``motions``, each with its ``title`` and whether it goes ``back`` at its end, in the
            order of the file; ``gaussians``, their facts, or None; ``skeleton``, the facts of
            :class:`PageSkeleton`, or None; ``notes``, lines to show.
    """
    parts = {
        "title": escape(title),
        "generator": f"avatar-kit {__version__}",
        "style": _read("page.css"),
        "about": json.dumps(about).replace("<", "\\u003c"),
        "avatar": base64.b64encode(glb).decode(),
        "gaussians": base64.b64encode(gaussians).decode(),
        "licence": _read("three.LICENSE"),
        "three": _read("three.min.js"),
        "splats": _read("splats.js"),
        "solver": _read("solver.js"),
        "webcam": _read("webcam.js"),
        "script": _read("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("page.html"))


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8").strip()


def _skeleton(source: ExportSource) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What a camera drives, and a note where it cannot, or only about."""
    skeleton = page_skeleton(source.avatar)
    if skeleton.off < _FOLLOWS:
        return skeleton.facts(), ()
    note = f"bones do not follow the joints of SMPL-X: {skeleton.off:.0f} degrees off"
    if skeleton.off < _DRIVABLE:
        return skeleton.facts(), (f"driven by a camera, {note}",)
    return None, (f"a camera cannot drive the page, {note}",)


def _about(source: ExportSource) -> tuple[str, str]:
    asset = source.avatar.body.asset
    method = f"made by avatar-kit {__version__}, method {source.method}"
    return method, f"body {asset.name} ({asset.licence})"
