"""Rigged Gaussians as the page of the player takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar_kit.exporters.rigged import finite_gaussians, rigged_encoders
from avatar_kit.exporters.skinned_mesh import SkinnedMesh, largest_four, skinning_matrices
from avatar_kit.interfaces import Avatar, ExportSource
from avatar_kit.light import lit_points
from avatar_kit.scene import RiggedGaussians

#: Training poses whose shadows are averaged.
_SHADOWS = 8

#: A Gaussian that an expression moves by less, metres, is not moved.
_STILL = 5e-5


@dataclass(frozen=True)
class PageGaussians:
    """N Gaussians, and what the page must know to draw them.

    Attributes:
        data: float32: N rows of 28 (mean, opacity; quaternion xyzw; standard deviations, 1 where it
            is seen from behind; colour, how much of the distant light arrives; normal, 0; four
            joints; their weights), then rows of 4 for each expression (which Gaussian; how far
            it moves).
        facts: ``count``; ``moved``, rows of each expression; ``scale``, pixels a metre of the
            training; ``light`` or None.
    """

    data: np.ndarray
    facts: dict[str, Any]


@torch.no_grad()
def page_gaussians(source: ExportSource, mesh: SkinnedMesh) -> PageGaussians | None:
    """The Gaussians of an avatar; None where no encoder has some at rest, or several have.

    Shadows are the means over some training poses: what casts them moves, and a page finds none.
    """
    found = list(rigged_encoders(source.avatar).values())
    if len(found) != 1:
        return None
    gaussians, _ = finite_gaussians(found[0].to("cpu"))
    if tuple(gaussians.joint_names) != tuple(mesh.rest.joint_names):
        return None
    weights, joints = largest_four(gaussians.skinning_weights).topk(4, dim=1)
    one = torch.ones(len(gaussians), 1)
    columns = [
        gaussians.means, gaussians.opacities[:, None], gaussians.quaternions.roll(-1, 1),
        gaussians.scales, gaussians.two_sided[:, None].float(), gaussians.colours,
        _mean_lit(source, gaussians)[:, None], gaussians.normals, 0 * one, joints.float(), weights,
    ]  # fmt: skip
    moves = _moves(mesh, gaussians)
    rows = torch.cat([torch.cat(columns, 1).reshape(-1), *(move.reshape(-1) for move in moves)])
    facts = {
        "count": len(gaussians),
        "moved": [len(move) for move in moves],
        "scale": _trained_scale(source),
        "light": _light(gaussians),
    }
    return PageGaussians(rows.numpy().astype("<f4"), facts)


def _mean_lit(source: ExportSource, gaussians: RiggedGaussians) -> Tensor:
    """[N] how much of the distant light arrives, in the mean over some training poses."""
    light, avatar = gaussians.light, source.avatar
    if light is None or not bool(light.direct.any()):
        return torch.ones(len(gaussians))
    motion = source.training_motion
    chosen = torch.linspace(0, len(motion) - 1, min(_SHADOWS, len(motion))).long().tolist()
    total = torch.zeros(len(gaussians))
    for index in chosen:
        bones = _bones(avatar, motion[index])
        carry = skinning_matrices(avatar.body.rest(avatar.shape).to("cpu"), bones)
        blend = (gaussians.skinning_weights @ carry[0].flatten(1)).unflatten(1, (4, 4))
        surface = gaussians.means - gaussians.offsets
        points = (blend[:, :3, :3] @ surface[..., None])[..., 0] + blend[:, :3, 3]
        normals = (blend[:, :3, :3] @ gaussians.normals[..., None])[..., 0]
        normals = torch.nn.functional.normalize(normals, dim=-1)
        alone = ~gaussians.two_sided
        total += lit_points(points[None], normals[None], light.direction, casters=alone)[0]
    return total / len(chosen)


def _bones(avatar: Avatar, pose) -> Tensor:
    parameters = avatar.body.from_motion(pose.to(avatar.shape.device), avatar.shape)
    return avatar.body(parameters).bone_transforms.cpu()


def _moves(mesh: SkinnedMesh, gaussians: RiggedGaussians) -> list[Tensor]:
    """For each expression [K, 4]: the number of a Gaussian, and how far it moves at rest."""
    corners, found = mesh.rest.topology.faces[gaussians.faces], []
    for moved in mesh.expressions.values():
        shift = (gaussians.barycentrics[..., None] * moved[corners]).sum(1)
        rows = (shift.norm(dim=1) > _STILL).nonzero()[:, 0]
        found.append(torch.cat([rows[:, None].float(), shift[rows]], 1))
    return found


def _trained_scale(source: ExportSource) -> float:
    """Pixels a metre at the person, of the training camera that sees them largest."""
    stand = source.training_motion.transl.median(0).values[None, None]
    scales = []
    for camera in source.cameras.values():
        _, depth = camera.to("cpu").project(stand.expand(len(camera), 1, 3))
        scales.append(float((camera.K[:, 1, 1].cpu() / depth[:, 0].clamp(min=1e-3)).max()))
    return max(scales)


def _light(gaussians: RiggedGaussians) -> dict[str, list[float]] | None:
    light = gaussians.light
    if light is None:
        return None
    return {
        "direction": light.direction.tolist(),
        "ambient": light.ambient.flatten().tolist(),
        "direct": light.direct.tolist(),
        "limits": list(light.limits),
    }
