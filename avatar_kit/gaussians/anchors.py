"""Points that are tied to a body's surface and follow it, whatever the body model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.scene import RestBody


@dataclass(frozen=True)
class Anchors:
    """Where N points are attached to the surface of a body.

    Attributes:
        faces: [N] long, triangle of each point.
        barycentrics: [N, 3] position in the triangle, rows sum to one.
        offsets: [N, 3] metres from there in the rest pose; zero on the surface.
    """

    faces: Tensor
    barycentrics: Tensor
    offsets: Tensor

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, which: Tensor) -> Anchors:
        """The points of these indices, or where ``which`` [N] is true."""
        return Anchors(*(v[which] for v in (self.faces, self.barycentrics, self.offsets)))

    def to(self, device: torch.device | str) -> Anchors:
        """The same points on another device."""
        return Anchors(*(v.to(device) for v in (self.faces, self.barycentrics, self.offsets)))

    def at_vertices(self, values: Tensor, topology_faces: Tensor) -> Tensor:
        """Values given at vertices [..., V, C], interpolated at the points: [..., N, C]."""
        corners = topology_faces[self.faces]  # [N, 3]
        chosen = values.index_select(-2, corners.reshape(-1)).unflatten(-2, (-1, 3))
        return (chosen * self.barycentrics[..., None]).sum(-2)

    def rest(self, body: RestBody) -> Tensor:
        """[N, 3] places of the points in the rest pose, metres."""
        return self.at_vertices(body.vertices, body.topology.faces) + self.offsets


def sample_surface(
    rest: RestBody, count: int, density: Tensor, generator: torch.Generator | None = None
) -> Anchors:
    """Points spread over the surface by area, and by a relative density.

    Systematic sampling along the triangles in order: every triangle gets its share to within one
    point, so randomness never leaves a part without points.

    Args:
        rest: The body at rest.
        count: Number of points.
        density: [F] relative density of points per area, not negative.
        generator: For the places within triangles.
    """
    corners = rest.vertices[rest.topology.faces].double()
    edges = corners[:, 1:] - corners[:, :1]
    area = torch.linalg.cross(edges[:, 0], edges[:, 1], dim=-1).norm(dim=-1) / 2
    weight = area * density.to(area)
    ends = weight.cumsum(0) / weight.sum()
    places = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    faces = torch.searchsorted(ends, places).clamp(max=len(ends) - 1)
    draw = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    root = draw[:, 0].sqrt()
    barycentrics = torch.stack([1 - root, root * (1 - draw[:, 1]), root * draw[:, 1]], dim=1)
    return Anchors(faces, barycentrics.float(), torch.zeros(count, 3))


def face_density(rest: RestBody, parts: dict[str, float], face: float = 1.0) -> Tensor:
    """[F] density of points: 1, or the value of a part, times ``face`` in the face.

    Args:
        rest: The body at rest.
        parts: Name of a part, or of its kind without a side ("hand") -> density.
        face: Factor in the face region.
    """
    topology = rest.topology
    of_part = torch.ones(len(topology.part_names))
    for i, name in enumerate(topology.part_names):
        for wanted, value in parts.items():
            if name == wanted or name.split("_", 1)[-1] == wanted:
                of_part[i] = value
    # the part that two of a triangle's corners agree on, or its middle one
    part = topology.parts[topology.faces].median(1).values
    density = of_part[part]
    return torch.where(topology.face_region, density * face, density)
