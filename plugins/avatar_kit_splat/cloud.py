"""The Gaussians: where they are on the posed body, and how the light makes them look."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.gaussians import (
    Anchors,
    Attachment,
    completed_colours,
    face_density,
    faces_camera,
    hull_points,
    joined,
    sample_surface,
)
from avatar_kit.graphics import host_copy, in_full_precision
from avatar_kit.interfaces import Encoder, Samples, Setup
from avatar_kit.light import DistantLight, find_light, lit_vertices, surface_shade
from avatar_kit.scene import FrameContext, GaussianCloud, RiggedGaussians, SurfaceLight
from avatar_kit.surface import nearest_neighbours, painted_colours
from avatar_kit_splat.checks import check_body, check_budget
from avatar_kit_splat.config import SurfaceGaussiansConfig

#: Neighbours that are compared by the regularisers.
NEIGHBOURS = 4

#: Standard deviation of a Gaussian to begin with, as a share of the distance to its neighbours, and
#: how much flatter it is along the normal.
_SPREAD, _FLATNESS = 0.7, -1.2

#: Opacity logits to begin with, on the surface and off it.
_SOLID, _HALF = 2.0, 0.0

#: What the shade of a colour is limited to.
_SHADE = (0.2, 2.0)

_SEED = 20230808


class SurfaceGaussians(Encoder):
    """A colour a Gaussian, times a shade that follows the posed body's normals and shadows.

    ``shade = 1 + H(n) P - (1 - lit) max(n.L, 0) d`` with the harmonics H of the posed normal n,
    learned P [8, 3] and d [3], the direction L of the light and ``lit`` from the shadow map.
    """

    config: SurfaceGaussiansConfig
    sized_by_training: ClassVar[tuple[str, ...]] = (
        "faces",
        "barycentrics",
        "anchor_offsets",
        "neighbours",
        "offsets",
        "log_scales",
        "quaternions",
        "opacities",
        "colours",
    )

    faces: Tensor
    barycentrics: Tensor
    anchor_offsets: Tensor
    neighbours: Tensor
    slope: Tensor
    floor: Tensor
    found: Tensor
    corners: Tensor
    bones: Tensor
    weights: Tensor
    unrest: Tensor
    off_surface: Tensor
    offsets: Tensor
    log_scales: Tensor
    quaternions: Tensor
    opacities: Tensor
    colours: Tensor

    def __init__(self, config: SurfaceGaussiansConfig, setup: Setup):
        super().__init__(config, setup)
        check_body(setup.body)
        density = face_density(setup.body, {"head": config.head, "hand": config.hands}, config.face)
        generator = torch.Generator().manual_seed(_SEED)
        anchors = sample_surface(setup.body, config.points, density, generator)
        check_budget(anchors, setup.body)
        for name in ("faces", "barycentrics", "anchor_offsets", "neighbours"):
            self.register_buffer(name, torch.zeros(0))
        for name in ("offsets", "log_scales", "quaternions", "opacities", "colours"):
            self.register_parameter(name, nn.Parameter(torch.zeros(0)))
        for name in ("corners", "bones", "weights", "unrest", "off_surface"):
            self.register_buffer(name, torch.zeros(0), persistent=False)
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))
        self.register_buffer("found", torch.zeros((), dtype=torch.bool))
        self.ambient = nn.Parameter(torch.zeros(8, 3))
        self.direct = nn.Parameter(torch.full((3,), 0.3))
        self._lit: dict[tuple[int, int], np.ndarray] = {}
        self._place(anchors)
        self.register_load_state_dict_post_hook(lambda module, keys: module._settle())

    @property
    def anchors(self) -> Anchors:
        """Where the Gaussians are tied."""
        return Anchors(self.faces, self.barycentrics, self.anchor_offsets)

    @property
    def attachment(self) -> Attachment:
        """How they hang on the body."""
        fixed = (self.corners, self.barycentrics, self.anchor_offsets)
        return Attachment(*fixed, self.bones, self.weights, self.unrest)

    @property
    def light(self) -> DistantLight:
        """The light that was found; straight above where none was."""
        return DistantLight(self.slope, self.floor)

    def begin(self, samples: Samples) -> None:
        """Find the light and what lies off the surface; paint the Gaussians."""
        device, generator = self.colours.device, torch.Generator().manual_seed(_SEED + 1)
        found = find_light(samples, self.setup.plates)
        anchors = Anchors(*(v.cpu() for v in (self.faces, self.barycentrics, self.anchor_offsets)))
        if self.config.hull:
            hull = hull_points(self.setup.body, samples, self.config.hull, generator=generator)
            anchors = joined(anchors, hull)
        self._place(anchors)
        self.to(device)
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)
        self.found.fill_(found.found)
        place = lambda context: self.carried(context)[:2]  # noqa: E731
        colours, weight = painted_colours(samples, place, len(self.faces))
        ties = self.anchors.to("cpu"), self.setup.body
        self.colours.copy_(completed_colours(colours, weight, *ties))

    @in_full_precision
    def forward(self, context: FrameContext) -> GaussianCloud:
        """The cloud of B frames."""
        means, normals, covariances = self.carried(context)
        batch = len(means)
        shade = self.shade(context, normals) if self.config.light else torch.ones_like(means)
        return GaussianCloud(
            means=means,
            quaternions=None,
            scales=None,
            opacities=torch.sigmoid(self.opacities).expand(batch, -1),
            features=self.colours * shade,
            covariances=covariances,
            visible=self.visible(context, means, normals),
        )

    @torch.no_grad()
    def visible(self, context: FrameContext, means: Tensor, normals: Tensor) -> Tensor:
        """[B, N] bool: not on the body's far side. Off the surface everything may be seen."""
        return faces_camera(means, normals, context.camera) | self.off_surface

    def carried(self, context: FrameContext) -> tuple[Tensor, Tensor, Tensor]:
        """Means [B, N, 3], unit normals [B, N, 3] and covariances [B, N, 3, 3]."""
        parameters = self.offsets, self.quaternions, self.log_scales
        return self.attachment.carry(context.body, *parameters)

    def shade(self, context: FrameContext, normals: Tensor) -> Tensor:
        """[B, N, 3] what colours are multiplied by; without a light it is the soft one alone."""
        direction, lit = self.light.direction, None
        if self.config.self_shadow and host_copy(self.found):
            lit = self.lit(context, direction)
        elif self.config.self_shadow:
            lit = torch.ones_like(normals[..., 0])
        return surface_shade(self._surface_light(), normals, lit)

    def _surface_light(self) -> SurfaceLight:
        return SurfaceLight(self.light.direction, self.ambient, self.direct, _SHADE)

    @torch.no_grad()
    def rigged_gaussians(self) -> RiggedGaussians:
        """The Gaussians in the rest pose, with the light; where no shadow is cast, ``direct`` is 0.

        The skinning weights are those of the surface below, so that in a pose the surface, whose
        triangles do not follow one blend of bones, may be some millimetres away.
        """
        rest, anchors = self.setup.body.to(self.colours.device), self.anchors
        light = None
        if self.config.light:
            shadowed = self.config.self_shadow and bool(self.found)
            learned = self._surface_light()
            light = learned if shadowed else replace(learned, direct=torch.zeros_like(self.direct))
        offsets = self.anchor_offsets + self.offsets
        surface = replace(anchors, offsets=torch.zeros_like(offsets)).rest(rest)
        return RiggedGaussians(
            means=surface + offsets,
            quaternions=F.normalize(self.quaternions, dim=1),
            scales=self.log_scales.exp(),
            opacities=torch.sigmoid(self.opacities),
            colours=self.colours,
            normals=F.normalize(anchors.at_vertices(rest.normals, rest.topology.faces), dim=1),
            two_sided=self.off_surface,
            skinning_weights=anchors.at_vertices(rest.skinning_weights, rest.topology.faces),
            transforms=rest.transforms,
            joint_parents=tuple(rest.joint_parents),
            joint_names=tuple(rest.joint_names),
            faces=self.faces,
            barycentrics=self.barycentrics,
            offsets=offsets,
            light=light,
        )

    @torch.no_grad()
    def lit(self, context: FrameContext, direction: Tensor) -> Tensor:
        """[B, N] how much of the light reaches each Gaussian; kept for training frames."""
        if not self.training:
            at_vertices = lit_vertices(context.body, direction)
            return self.attachment.at_vertices(at_vertices[..., None])[..., 0]
        rows = []
        for b, index in enumerate(context.index.tolist()):
            key = (context.person, index)
            if index < 0 or key not in self._lit:
                at_vertices = lit_vertices(context.body[b], direction)
                found = self.attachment.at_vertices(at_vertices[..., None])[..., 0]
                if index < 0:
                    rows.append(found)
                    continue
                self._lit[key] = (255 * found).round().byte().cpu().numpy()
            kept = torch.from_numpy(self._lit[key]).to(context.body.vertices)
            rows.append(kept / 255)
        return torch.cat(rows)

    def _place(self, anchors: Anchors) -> None:
        """Tie Gaussians to these places, in their first shape."""
        rest, count = self.setup.body, len(anchors)
        points = anchors.rest(rest)
        neighbours, away = nearest_neighbours(points, min(NEIGHBOURS, count - 1))
        spacing = away.mean(1).clamp(1e-3, 0.05)
        normals = F.normalize(anchors.at_vertices(rest.normals, rest.topology.faces), dim=1)
        log_scales = (_SPREAD * spacing).log()[:, None].repeat(1, 3)
        on_surface = anchors.offsets.norm(dim=1) == 0
        log_scales[on_surface, 2] += _FLATNESS
        values = {
            "faces": anchors.faces,
            "barycentrics": anchors.barycentrics,
            "anchor_offsets": anchors.offsets,
            "neighbours": neighbours,
            "offsets": torch.zeros(count, 3),
            "log_scales": log_scales,
            "quaternions": _facing(normals),
            "opacities": torch.where(on_surface, _SOLID, _HALF),
            "colours": torch.full((count, 3), 0.5),
        }
        for name, value in values.items():
            own = getattr(self, name)
            own.data = value.to(own.device)
        self._settle()

    def _settle(self) -> None:
        """What follows from the places alone."""
        ties = Attachment.of(self.anchors.to("cpu"), self.setup.body).to(self.colours.device)
        self.corners, self.bones = ties.corners, ties.bones
        self.weights, self.unrest = ties.weights, ties.unrest
        self.off_surface = self.anchor_offsets.norm(dim=1) > 0
        self._lit.clear()


def _facing(normals: Tensor) -> Tensor:
    """[N, 4] wxyz rotations that carry the z axis to unit normals [N, 3]."""
    x, y, z = normals.unbind(1)
    turned = torch.stack([1 + z, -y, x, torch.zeros_like(z)], dim=1)
    behind = turned.norm(dim=1) < 1e-4  # straight back: half a turn about x
    turned[behind] = turned.new_tensor([0.0, 1.0, 0.0, 0.0])
    return F.normalize(turned, dim=1)
