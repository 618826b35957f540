"""The body of a person as files of meshes hold it: surface, skin, skeleton, expressions, motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar
from avatar_kit.scene import Motion, PosedBody, RestBody
from avatar_kit.scene.joints import ARKIT_CHANNELS

#: Frames that are posed at once.
_AT_ONCE = 32

#: A vertex that an expression moves by less, metres, is not moved: far below what can be seen.
_STILL = 1e-6

#: How far from a rotation a bone's matrix may be.
_RIGID = 1e-3


@dataclass(frozen=True)
class SkinnedMesh:
    """A person at rest; a vertex for each pair of a body's vertex and its texture coordinates.

    Attributes:
        rest: The person [V vertices] that it was made of.
        source: [N] long, the body's vertex that each vertex is.
        uvs: [N, 2] texture coordinates, origin at the top-left corner.
        faces: [F, 3] long.
        expressions: Name -> [V, 3] metres that it moves the vertices of the body at rest by.
        parameter: The body's own parameter that has these expressions in this order, if one has.
    """

    rest: RestBody
    source: Tensor
    uvs: Tensor
    faces: Tensor
    expressions: dict[str, Tensor]
    parameter: str | None = None


@dataclass(frozen=True)
class SkeletonMotion:
    """T frames of a skeleton, each joint relative to its parent.

    Attributes:
        fps: Frames a second.
        rotations: [T, J, 4] unit quaternions xyzw; neighbours in time have the nearer sign.
        translations: [T, J, 3] metres.
        weights: [T, 52] of the expressions, in [0, 1].
    """

    fps: float
    rotations: Tensor
    translations: Tensor
    weights: Tensor


@torch.no_grad()
def skinned_mesh(avatar: Avatar) -> SkinnedMesh:
    """The person of an avatar at rest.

    Raises:
        UserError: The body has no texture coordinates, or bones that are scaled or sheared.
    """
    body = avatar.body
    rest = body.rest(avatar.shape).to("cpu")
    surface, name = rest.topology, body.asset.name
    if not len(surface.uvs) or surface.uv_faces.shape != surface.faces.shape:
        raise UserError(
            f"body '{name}' has no texture coordinates for its {len(surface.faces)} triangles; a "
            "mesh with a picture on it needs a body whose topology has uvs and uv_faces"
        )
    turn = rest.transforms[:, :3, :3]
    off = float((turn @ turn.mT - torch.eye(3)).abs().max())
    if not off < _RIGID:
        raise UserError(
            f"body '{name}' has bones that are scaled or sheared at rest (by {off:.2g}); a file of "
            "meshes holds bones that are turned and moved"
        )
    count = len(surface.uvs)
    pairs, faces = torch.unique(surface.faces * count + surface.uv_faces, return_inverse=True)
    uvs = surface.uvs[pairs % count]
    return SkinnedMesh(rest, pairs // count, uvs, faces, *_expressions(avatar, rest))


def _expressions(avatar: Avatar, rest: RestBody) -> tuple[dict[str, Tensor], str | None]:
    """How each ARKit channel moves the skin, carried back from the T-pose to rest.

    Returns:
        That, and the body's own parameter that has these channels, if one has.
    """
    body, count = avatar.body, len(ARKIT_CHANNELS)
    expression = torch.cat([torch.zeros(1, count), torch.eye(count)])
    motion = Motion.rest(count + 1, expression=expression).to(avatar.shape.device)
    parameters = body.from_motion(motion, avatar.shape)
    own = [s.name for s in body.parameter_specs if s.role == "expression"]
    same = [name for name in own if torch.equal(parameters[name], motion.expression)]
    still = body(parameters[0])
    blend = blended(skinning_matrices(rest, still.bone_transforms.cpu()), rest.skinning_weights)
    back = torch.linalg.inv(blend[0, :, :, :3])
    found: dict[str, Tensor] = {}
    for first in range(0, count, _AT_ONCE):
        names = ARKIT_CHANNELS[first : first + _AT_ONCE]
        posed = body(parameters[first + 1 : first + 1 + len(names)])
        moved = (posed.vertices - still.vertices).cpu()
        moved = (back @ moved[..., None])[..., 0]
        moved[moved.norm(dim=-1) < _STILL] = 0
        found |= dict(zip(names, moved, strict=True))
    return found, next(iter(same), None)


def skinning_matrices(rest: RestBody, bones: Tensor) -> Tensor:
    """[B, J, 4, 4] what carries points at rest along with bones [B, J, 4, 4]."""
    return bones @ torch.linalg.inv(rest.transforms)


def blended(matrices: Tensor, weights: Tensor) -> Tensor:
    """[B, V, 3, 4] the matrices [B, J, 4, 4] of linear blend skinning of vertices [V, J]."""
    rows = matrices[:, :, :3].flatten(2)
    return (weights @ rows).unflatten(2, (3, 4))


def largest_four(weights: Tensor) -> Tensor:
    """[V, J] the four largest weights of each vertex, scaled to sum to one."""
    values, joints = weights.topk(min(4, weights.shape[1]), dim=1)
    values = values / values.sum(1, keepdim=True)
    return torch.zeros_like(weights).scatter(1, joints, values)


@torch.no_grad()
def skeleton_motion(avatar: Avatar, mesh: SkinnedMesh, motion: Motion) -> SkeletonMotion:
    """A motion in the world of the avatar, as its skeleton and expressions move."""
    frames = list(_posed(avatar, mesh, motion))
    local = torch.cat([relative(mesh.rest, posed.bone_transforms.cpu()) for posed, _ in frames])
    turns = continued(roma.rotmat_to_unitquat(local[..., :3, :3]))
    weights = torch.cat([weights for _, weights in frames])
    return SkeletonMotion(motion.fps, turns, local[..., :3, 3], weights)


@torch.no_grad()
def skinning_error(avatar: Avatar, mesh: SkinnedMesh, weights: Tensor, motion: Motion) -> Tensor:
    """[T, V] metres between linear blend skinning of a mesh, with its expressions, and the body.

    Args:
        avatar: The avatar.
        mesh: Its mesh.
        weights: [V, J] the weights to skin with.
        motion: Poses to compare in.
    """
    table = torch.stack(list(mesh.expressions.values())).flatten(1)
    found = []
    for posed, shown in _posed(avatar, mesh, motion):
        points = mesh.rest.vertices + (shown @ table).unflatten(1, (-1, 3))
        blend = blended(skinning_matrices(mesh.rest, posed.bone_transforms.cpu()), weights)
        carried = (blend[..., :3] @ points[..., None])[..., 0] + blend[..., 3]
        found.append((carried - posed.vertices.cpu()).norm(dim=-1))
    return torch.cat(found)


def _posed(avatar: Avatar, mesh: SkinnedMesh, motion: Motion) -> Iterator[tuple[PosedBody, Tensor]]:
    """Some frames at a time: the bodies, and [B, 52] what their faces show in [0, 1].

    A body whose own parameter has the channels may have counted what jaw and eyes say by their
    bones, too; that is what it shows.
    """
    for first in range(0, len(motion), _AT_ONCE):
        poses = motion[first : first + _AT_ONCE].to(avatar.shape.device)
        parameters = avatar.body.from_motion(poses, avatar.shape)
        shown = poses.expression if mesh.parameter is None else parameters[mesh.parameter]
        yield avatar.body(parameters), shown.detach().cpu().clamp(0, 1)


def relative(rest: RestBody, bones: Tensor) -> Tensor:
    """[B, J, 4, 4] bones relative to their parents; roots in the world."""
    parents = torch.tensor(rest.joint_parents)
    above = bones[:, parents.clamp(min=0)].clone()
    above[:, parents < 0] = torch.eye(4)
    return torch.linalg.inv(above) @ bones


def continued(quaternions: Tensor) -> Tensor:
    """Quaternions [T, ..., 4] with the signs that keep each next to the one before."""
    agree = (quaternions[1:] * quaternions[:-1]).sum(-1, keepdim=True)
    signs = torch.where(agree < 0, -1.0, 1.0).cumprod(0)
    return torch.cat([quaternions[:1], quaternions[1:] * signs.to(quaternions)])
