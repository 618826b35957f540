"""A person as a textured, skinned mesh: binary glTF 2.0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from avatar_kit.exporters.config import SkinnedMeshConfig
from avatar_kit.exporters.gltf import glb_bytes
from avatar_kit.exporters.skinned_mesh import (
    SkeletonMotion,
    SkinnedMesh,
    largest_four,
    skeleton_motion,
    skinned_mesh,
    skinning_error,
)
from avatar_kit.exporters.texture import BakedTexture, baked_texture
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Report

#: Training poses that the error of skinning is measured in, at most.
_MEASURED = 100


class SkinnedMeshFile(Exporter):
    """The body alone: what lies off it, as hair and wide clothes do, is painted on its surface."""

    config: SkinnedMeshConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the avatar, with the motion where there is one."""
        person = textured_person(source, self.config.texture, self.config.pictures, report)
        four = self.config.weights == "four"
        weights = largest_four(person.mesh.rest.skinning_weights) if four else None
        motions = {}
        if source.motion is not None:
            motions[source.title] = skeleton_motion(source.avatar, person.mesh, source.motion)
        data = person.glb(source, motions, weights)
        out.write_bytes(data)
        return Exported(person.what(), (*person.notes(), self._skinning(source, person.mesh)))

    def _skinning(self, source: ExportSource, mesh: SkinnedMesh) -> str:
        """How far the skin is off the body's, in words."""
        exact, cut = (
            skin_error(source, mesh, weights)
            for weights in (mesh.rest.skinning_weights, largest_four(mesh.rest.skinning_weights))
        )
        if self.config.weights == "four":
            return f"skin of four weights a vertex, {cut}"
        return f"skin {exact}; in programs that read four weights a vertex {cut}"


@dataclass(frozen=True)
class TexturedPerson:
    """What files of meshes are made of."""

    mesh: SkinnedMesh
    texture: BakedTexture

    def glb(
        self,
        source: ExportSource,
        motions: dict[str, SkeletonMotion],
        weights: Tensor | None = None,
    ) -> bytes:
        """The whole file; ``weights`` [V, J] are those of the body where none are given."""
        about = source.about()
        weights = self.mesh.rest.skinning_weights if weights is None else weights
        return glb_bytes(self.mesh, weights, self.texture.picture, motions, source.name, about)

    def what(self) -> str:
        """What it is, with its numbers."""
        rest = self.mesh.rest
        return (
            f"{len(self.mesh.source):,} vertices, {len(rest.joint_names)} joints, "
            f"{len(self.mesh.expressions)} expressions"
        )

    def notes(self) -> tuple[str, ...]:
        """What was painted where, and what the mesh leaves out."""
        baked = self.texture
        unseen = f"{100 * baked.unseen:.0f} % of the surface was never seen"
        unseen += f", of the {' and '.join(baked.sides)} most" if baked.sides else ""
        return (
            f"colours are means of {baked.frames} training poses with the light in them",
            f"{unseen}: filled from the other side or from around",
            "hair and clothes are painted on the body's surface",
        )


def textured_person(
    source: ExportSource, texture: int, pictures: int, report: Report
) -> TexturedPerson:
    """The mesh of an avatar and its texture.

    Args:
        source: The avatar.
        texture: Side of the texture in pixels.
        pictures: How many training poses it is baked from, at most.
        report: Is told how many pictures are done.
    """
    mesh = skinned_mesh(source.avatar)
    return TexturedPerson(mesh, baked_texture(source, texture, pictures, report))


def skin_error(source: ExportSource, mesh: SkinnedMesh, weights: Tensor) -> str:
    """How far skinning is off the body over the training poses, in words."""
    motion = source.training_motion
    motion = motion[list(range(0, len(motion), -(-len(motion) // _MEASURED)))]
    off = 1000 * skinning_error(source.avatar, mesh, weights, motion)
    if float(off.max()) < 0.01:
        return "as the body's"
    return f"{float(off.max()):.2g} mm off the body's at most, {float(off.mean()):.1g} in the mean"
