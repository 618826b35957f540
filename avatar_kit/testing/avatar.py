"""A small avatar that needs no training: the default body with a Gaussian at some vertices."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import torch

from avatar_kit.config import EncoderConfig, RendererConfig
from avatar_kit.declarations import Holds
from avatar_kit.graphics import splat
from avatar_kit.interfaces import Avatar, Body, Encoder, ExportSource, Renderer, Setup
from avatar_kit.registry import catalog
from avatar_kit.scene import (
    Camera,
    Condition,
    FeatureMap,
    FrameContext,
    GaussianCloud,
    RenderOutput,
    RiggedGaussians,
    SurfaceLight,
)
from avatar_kit.testing.capture import default_body
from avatar_kit.testing.poses import swaying_motion

#: Every so many vertices there is a Gaussian.
_STRIDE = 16

#: Standard deviations in metres, another along each axis.
_SCALES = (0.02, 0.015, 0.01)

_SIZE = 64


class VertexGaussians(Encoder):
    """Gaussians at vertices, coloured by where they are at rest, under a light from above."""

    def forward(self, context: FrameContext) -> GaussianCloud:
        """The cloud of B frames."""
        rigged = self.rigged_gaussians()
        means = context.body.vertices[:, ::_STRIDE]
        batch = len(means)
        return GaussianCloud(
            means=means,
            quaternions=rigged.quaternions.expand(batch, -1, 4),
            scales=rigged.scales.expand(batch, -1, 3),
            opacities=rigged.opacities.expand(batch, -1),
            features=rigged.colours.expand(batch, -1, 3),
        )

    def rigged_gaussians(self) -> RiggedGaussians:
        """The same at rest."""
        rest = self.setup.body
        means, normals = rest.vertices[::_STRIDE], rest.normals[::_STRIDE]
        count = len(means)
        faces, corners = _tied(rest.topology.faces, count)
        low, high = means.amin(0), means.amax(0)
        return RiggedGaussians(
            means=means,
            quaternions=torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(count, 4),
            scales=torch.tensor(_SCALES).expand(count, 3),
            opacities=torch.linspace(0.2, 0.9, count),
            colours=(means - low) / (high - low),
            normals=normals,
            two_sided=torch.zeros(count, dtype=torch.bool),
            skinning_weights=rest.skinning_weights[::_STRIDE],
            transforms=rest.transforms,
            joint_parents=tuple(rest.joint_parents),
            joint_names=tuple(rest.joint_names),
            faces=faces,
            barycentrics=corners,
            offsets=torch.zeros(count, 3),
            light=SurfaceLight(
                torch.tensor([0.0, 1.0, 0.0]),
                0.1 * torch.ones(8, 3),
                0.5 * torch.ones(3),
                (0.2, 2.0),
            ),
        )


class Silhouette(Encoder):
    """Where the body is seen: nothing that a file of Gaussians could hold."""

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 1, H, W]."""
        return FeatureMap(context.fragments.mask.float())


class CloudRenderer(Renderer):
    """The one cloud on black; of a map, its first channel in grey."""

    camera_moves = True

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """The picture."""
        for cloud in conditions.values():
            if isinstance(cloud, GaussianCloud) and cloud.features is not None:
                values = (cloud.quaternions, cloud.scales, cloud.opacities, cloud.features)
                return RenderOutput(splat(cloud.means, *values, camera).features)
        (seen,) = (c.values for c in conditions.values() if isinstance(c, FeatureMap))
        return RenderOutput(0.5 * seen[:, :1].expand(-1, 3, -1, -1))


def camera() -> Camera:
    """The camera that the avatar was recorded with."""
    return Camera.look_at((0, 1, 3.6), (0, 0.95, 0), width=_SIZE, height=_SIZE, fov_y=33)


@functools.cache
def _body() -> Body:
    return default_body()[1]


def small_avatar(*, gaussians: bool = True) -> Avatar:
    """A new one, in evaluation mode on the CPU; the body model is shared.

    Args:
        gaussians: Whether its encoder yields Gaussians; else a feature map.
    """
    body = _body()
    shape = body.default_shape()
    setup = Setup(body.rest(shape), (camera(),), training_frames=4)
    made = VertexGaussians if gaussians else Silhouette
    encoder = made(EncoderConfig(type="small"), setup)
    renderer = CloudRenderer(RendererConfig(type="small"), setup, {})
    component = catalog().get("aligner", catalog().default("aligner"))
    aligner = component.load()(component.config.model_validate({"type": component.name}))
    avatar = Avatar(body, shape, {"points": encoder}, renderer, aligner)
    return avatar.eval().requires_grad_(False)


@torch.no_grad()
def export_source(holds: Holds, *, frame: int = 0, gaussians: bool = True) -> ExportSource:
    """The small avatar as an exporter gets it.

    Args:
        holds: What the exporter's config declares.
        frame: Which of four poses it stands in, where it holds one.
        gaussians: See :func:`small_avatar`.
    """
    avatar, motion = small_avatar(gaussians=gaussians), swaying_motion(4)
    source = ExportSource(avatar, "small", "small", motion, {"main": camera()})
    if holds == "avatar":
        return source
    if holds == "motion":
        return replace(source, motion=motion)
    pose = motion[frame]
    body = avatar.body(avatar.body.from_motion(pose, avatar.shape))
    context = FrameContext(
        body=body,
        previous=body,
        camera=camera(),
        motion=pose,
        time=torch.zeros(1),
        clip_start=torch.ones(1, dtype=torch.bool),
        index=torch.tensor([-1]),
    )
    conditions, _ = avatar.encode(context, None)
    return replace(source, motion=pose, context=context, conditions=conditions)


def _tied(faces: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A triangle at each of the vertices, and the corner that it is."""
    vertices = torch.arange(count) * _STRIDE
    at = torch.zeros(int(faces.max()) + 1, dtype=torch.long)
    at[faces.flatten()] = torch.arange(faces.numel())
    return at[vertices] // 3, torch.eye(3)[at[vertices] % 3]
