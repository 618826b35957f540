"""The Gaussians of `mmlp`: how the pose changes them, and how the body carries them."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.gaussians import (
    Anchors,
    Skin,
    carried,
    completed_colours,
    face_density,
    faces_camera,
    farthest_points,
    hull_points,
    joined,
    sample_surface,
    skin_gaussians,
)
from avatar_kit.graphics import host_copy, in_full_precision
from avatar_kit.interfaces import Encoder, Samples, Setup
from avatar_kit.light import LearnedLight
from avatar_kit.scene import FrameContext, GaussianCloud
from avatar_kit.surface import nearest_points, painted_colours
from avatar_kit_mmlp.appearance import DEGREE_0, canonical_means, colours, with_basis
from avatar_kit_mmlp.checks import check_body, check_numbers
from avatar_kit_mmlp.config import MlpGaussiansConfig
from avatar_kit_mmlp.interpolation import interpolated, nearest_weights
from avatar_kit_mmlp.networks import AnchorMlps
from avatar_kit_mmlp.pose_input import PoseInput
from avatar_kit_mmlp.start import first_shape

logger = logging.getLogger(__name__)

#: Of Gaussians [B, N, C] and of control points [B, V, C]; None while bases do not count.
Coefficients = tuple[Tensor, Tensor] | None

#: Near control points that are compared, itself among them.
NEAR_CONTROLS = 7

#: Opacity to begin with, and how far from 0 basis vectors do.
_OPACITY, _BASIS = 0.8, 0.002

#: Training samples at most whose poses are looked at, and the seed of places.
_POSES, _SEED = 1000, 20250416

#: What follows from the places of Gaussians, control points and anchors.
_TIES = (
    "off_surface",
    "near_controls",
    "point_anchors",
    "point_anchors_weights",
    "control_anchors",
    "control_anchors_weights",
    "point_controls",
    "point_controls_weights",
)

#: Parameters with a row for each Gaussian, and what these rows look like.
_ROWS = ("log_scales", "quaternions", "opacities", "sh0", "sh1", "free", "basis", "sh1_basis")


class MlpGaussians(Encoder):
    """Gaussians whose properties are theirs plus bases, combined by coefficients of the pose.

    Each of A anchors has an MLP from the pose to coefficients. A Gaussian, and a control point,
    takes those of its three nearest anchors. See ``docs/methods/mmlp.md`` for the equations.

    Attributes:
        live_bases: Whether the pose changes anything yet.
        live_harmonics: Whether colours depend on the direction of view yet.
    """

    config: MlpGaussiansConfig
    sized_by_training: ClassVar[tuple[str, ...]] = (
        "faces",
        "barycentrics",
        "anchor_offsets",
        *_ROWS,
    )

    faces: Tensor
    barycentrics: Tensor
    anchor_offsets: Tensor
    control_places: Tensor
    anchor_places: Tensor
    live_bases: Tensor
    live_harmonics: Tensor
    point_anchors: Tensor
    point_anchors_weights: Tensor
    control_anchors: Tensor
    control_anchors_weights: Tensor
    point_controls: Tensor
    point_controls_weights: Tensor
    near_controls: Tensor
    off_surface: Tensor
    skin_places: Tensor
    log_scales: Tensor
    quaternions: Tensor
    opacities: Tensor
    sh0: Tensor
    sh1: Tensor
    free: Tensor
    basis: Tensor
    sh1_basis: Tensor

    def __init__(self, config: MlpGaussiansConfig, setup: Setup):
        super().__init__(config, setup)
        check_body(setup.body)
        check_numbers(config)
        density = face_density(setup.body, {"head": config.head, "hand": config.hands}, config.face)
        for name in ("faces", "barycentrics", "anchor_offsets"):
            self.register_buffer(name, torch.zeros(0))
        for name in _ROWS:
            self.register_parameter(name, nn.Parameter(torch.zeros(0)))
        self.register_buffer("control_places", torch.zeros(config.controls, 3))
        self.register_buffer("anchor_places", torch.zeros(config.anchors, 3))
        for name in ("live_bases", "live_harmonics"):
            self.register_buffer(name, torch.ones((), dtype=torch.bool))
        for name in (*_TIES, *(f"skin_{field.name}" for field in fields(Skin))):
            self.register_buffer(name, torch.zeros(0), persistent=False)
        width = config.coefficients
        draw = torch.empty(width, 3).uniform_(-_BASIS, _BASIS)
        self.control_offsets = nn.Parameter(torch.zeros(config.controls, 3))
        self.control_basis = nn.Parameter(draw.repeat(config.controls, 1, 1))
        self.pose_input = PoseInput(config)
        self.mlps = AnchorMlps(config.anchors, self.pose_input.width, config.widths, 2 * width)
        self.light = LearnedLight(self_shadow=config.self_shadow) if config.light else None
        generator = torch.Generator().manual_seed(_SEED)
        self._place(sample_surface(setup.body, config.points, density, generator))
        self.register_load_state_dict_post_hook(lambda module, keys: module._settle())

    @property
    def anchors(self) -> Anchors:
        """Where the Gaussians are tied to the body."""
        return Anchors(self.faces, self.barycentrics, self.anchor_offsets)

    @property
    def skin(self) -> Skin:
        """How the body carries them."""
        return Skin(*(getattr(self, f"skin_{field.name}") for field in fields(Skin)))

    def begin(self, samples: Samples) -> None:
        """Find the light, what lies off the surface, the training poses; paint the Gaussians."""
        device, generator = self.sh0.device, torch.Generator().manual_seed(_SEED + 1)
        looked_at = torch.linspace(0, len(samples) - 1, min(_POSES, len(samples))).long().tolist()
        poses = torch.cat([samples.context(i).motion.body_pose for i in looked_at])
        self.pose_input.fit(poses)
        if len(poses.unique(dim=0)) == 1:
            logger.warning(
                "the training shows only one pose: the effect of the pose cannot be learned, "
                "and other poses are shown by linear blend skinning only"
            )
        if self.light is not None:
            self.light.begin(samples, self.setup.plates)
        anchors = self.anchors.to("cpu")
        if self.config.hull:
            hull = hull_points(self.setup.body, samples, self.config.hull, generator=generator)
            anchors = joined(anchors, hull)
        self._place(anchors)
        self.to(device)
        painted, weight = painted_colours(samples, self._seen, len(self.faces))
        full = completed_colours(painted, weight, self.anchors.to("cpu"), self.setup.body)
        self.sh0.copy_((full - 0.5) / DEGREE_0)

    @in_full_precision
    def forward(self, context: FrameContext) -> GaussianCloud:
        """The cloud of B frames; ``extras`` are its scales and the offsets of control points."""
        batch = len(context)
        coefficients = self.coefficients(context)
        means, control_offsets = self.canonical(coefficients, batch)
        log_scales, turns, opacities, sh0, sh1 = self.properties(coefficients, batch)
        blended = self.skin.blended(context.body)
        posed, covariances = skin_gaussians(blended, means, turns, scales := log_scales.exp())
        normals = self._normals(context)
        centre = context.camera.expand(batch).position.to(posed)
        colour = colours(sh0, sh1, posed, centre, blended[..., :3])
        if self.light is not None:
            colour = colour * self.light(context, normals, self.skin.at_vertices)
        return GaussianCloud(
            means=posed,
            quaternions=None,
            scales=None,
            opacities=torch.sigmoid(opacities[..., 0]),
            features=colour,
            covariances=covariances,
            visible=faces_camera(posed, normals, context.camera) | self.off_surface,
            extras={"scales": scales, "control_offsets": control_offsets},
        )

    def coefficients(self, context: FrameContext) -> Coefficients:
        """What the MLPs make of the poses."""
        if not bool(host_copy(self.live_bases)):
            return None
        found = self.mlps(self.pose_input(context.motion))
        of_points, of_controls = found.split(self.config.coefficients, dim=-1)
        return (
            interpolated(of_points, self.point_anchors, self.point_anchors_weights),
            interpolated(of_controls, self.control_anchors, self.control_anchors_weights),
        )

    def canonical(self, coefficients: Coefficients, batch: int) -> tuple[Tensor, Tensor]:
        """Means [B, N, 3] in the canonical pose and the offsets [B, V, 3] of control points."""
        offsets = self.control_offsets.expand(batch, -1, -1)
        if coefficients is not None:
            offsets = with_basis(self.control_offsets, coefficients[1], self.control_basis)
        carried = interpolated(offsets, self.point_controls, self.point_controls_weights)
        return canonical_means(self.skin_places, carried, self.free), offsets

    def properties(
        self, coefficients: Coefficients, batch: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Before activations: scales, rotations, opacities [B, N, 1], harmonics of both degrees."""
        own = torch.cat([self.log_scales, self.quaternions, self.opacities, self.sh0], dim=1)
        values, sh1 = own.expand(batch, -1, -1), self.sh1.expand(batch, -1, -1, -1)
        if coefficients is not None:
            values = with_basis(own, coefficients[0], self.basis)
            if bool(host_copy(self.live_harmonics)):
                flat = with_basis(self.sh1.flatten(1), coefficients[0], self.sh1_basis)
                sh1 = flat.unflatten(2, (3, 3))
        scales, turns, opacities, sh0 = values.split([3, 4, 1, 3], dim=2)
        return scales, turns, opacities, sh0, sh1 if bool(host_copy(self.live_harmonics)) else None

    def _normals(self, context: FrameContext) -> Tensor:
        """[B, N, 3] unit normals of the posed surface where Gaussians are tied."""
        return F.normalize(self.skin.at_vertices(context.body.normals), dim=-1)

    def _seen(self, context: FrameContext) -> tuple[Tensor, Tensor]:
        """Means and normals of fresh Gaussians."""
        means, _ = self.canonical(None, len(context))
        blended = self.skin.blended(context.body)
        return carried(blended, means), self._normals(context)

    def _place(self, anchors: Anchors) -> None:
        """Tie Gaussians to these places, in their first shape; choose controls and anchors."""
        rest, count, width = self.setup.body, len(anchors), self.config.coefficients
        places = anchors.rest(rest)
        normals = F.normalize(anchors.at_vertices(rest.normals, rest.topology.faces), dim=1)
        on_surface = anchors.offsets.norm(dim=1) == 0
        thickness = torch.where(on_surface, self.config.thickness, 1.0)
        quaternions, scales = first_shape(places, normals, thickness)
        chosen = farthest_points(places, max(self.config.controls, self.config.anchors))
        values = {
            "faces": anchors.faces,
            "barycentrics": anchors.barycentrics,
            "anchor_offsets": anchors.offsets,
            "control_places": places[chosen[: len(self.control_places)]],
            "anchor_places": places[chosen[: len(self.anchor_places)]],
            "log_scales": (self.config.spread * scales).log(),
            "quaternions": quaternions,
            "opacities": torch.full((count, 1), _OPACITY).logit(),
            "sh0": torch.zeros(count, 3),
            "sh1": torch.zeros(count, 3, 3),
            "free": torch.zeros(count, 3),
            "basis": torch.empty(width, 11).uniform_(-_BASIS, _BASIS).repeat(count, 1, 1),
            "sh1_basis": torch.zeros(count, width, 9),
        }
        for name, value in values.items():
            own = getattr(self, name)
            own.data = value.to(own.device)
        self._settle()

    @torch.no_grad()
    def _settle(self) -> None:
        """What follows from the places alone: computed once, not for every frame."""
        like = self.barycentrics
        faces, *ties = (v.cpu() for v in (self.faces, self.barycentrics, self.anchor_offsets))
        anchors = Anchors(faces, *(v.float() for v in ties))
        skin = Skin.of(anchors, self.setup.body, self.config.grid)
        controls, mlps = (v.cpu().float() for v in (self.control_places, self.anchor_places))
        values = {f"skin_{field.name}": getattr(skin, field.name) for field in fields(skin)}
        for kind, (points, places) in {
            "point_anchors": (skin.places, mlps),
            "control_anchors": (controls, mlps),
            "point_controls": (skin.places, controls),
        }.items():
            values[kind], values[f"{kind}_weights"] = nearest_weights(points, places)
        values["near_controls"], _ = nearest_points(
            controls, controls, min(NEAR_CONTROLS, len(controls))
        )
        values["off_surface"] = skin.off_surface
        for name, value in values.items():
            moved = value.to(like) if value.is_floating_point() else value.to(like.device)
            setattr(self, name, moved)
