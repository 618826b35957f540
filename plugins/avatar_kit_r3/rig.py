"""The rig: corrected rotations of joints, moved skinning weights, and skinning with both.

Pure functions first; two small networks give the corrections.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import roma
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.gaussians import Attachment
from avatar_kit.scene import FrameContext, PosedBody, RestBody
from avatar_kit_r3.config import RigConfig

#: Added to squared lengths of rotation vectors, so that a vector of zero has a gradient.
_ROUND = 1e-5

#: Added to skinning weights before their logarithm.
_LEAST = 1e-9

#: Frequencies of the positional encoding, and the last layers' weights to begin with.
_FREQUENCIES, _STILL = 10, 1e-5

#: Values of ``Motion.body_pose``.
_POSE = 63


def rotations(vectors: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of vectors [..., 3], by Rodrigues' formula.

    The angle is ``sqrt(1e-5 + |v|^2)`` and the axis ``v`` over it, so that a vector of zero has a
    gradient. The axis of a short vector is shorter than one, and the matrix less than a rotation by
    up to 5e-6.
    """
    angle = (_ROUND + vectors.square().sum(-1)).sqrt()[..., None, None]
    axis = vectors / angle[..., 0]
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    along = axis[..., :, None] * axis[..., None, :]
    return angle.cos() * torch.eye(3).to(cross) + angle.sin() * cross + (1 - angle.cos()) * along


def kinematics(local: Tensor, parents: tuple[int, ...]) -> Tensor:
    """Bone-to-world transforms from transforms relative to parents [..., J, 4, 4].

    Parents stand before their children.
    """
    world: list[Tensor] = []
    for bone, parent in enumerate(parents):
        own = local[..., bone, :, :]
        world.append(own if parent < 0 else world[parent] @ own)
    return torch.stack(world, dim=-3)


def relative(world: Tensor, parents: tuple[int, ...]) -> Tensor:
    """The inverse of :func:`kinematics`."""
    above = torch.linalg.inv(world)[..., [max(p, 0) for p in parents], :, :]
    root = torch.tensor([p < 0 for p in parents], device=world.device)[:, None, None]
    return torch.where(root, world, above @ world)


def skinning_weights(weights: Tensor, offset: Tensor) -> Tensor:
    """``softmax(log(w + 1e-9) + offset)`` of weights and offsets [N, J]."""
    return torch.softmax((weights + _LEAST).log() + offset, dim=-1)


def blended(weights: Tensor, transforms: Tensor) -> Tensor:
    """[..., N, R, C] what skinning weights [N, J] make of transforms [..., J, R, C]."""
    shape = transforms.shape[-2:]
    return (weights.to(transforms) @ transforms.flatten(-2)).unflatten(-1, shape)


def corrected(body: PosedBody, rest: RestBody, vectors: Tensor) -> PosedBody:
    """A posed body whose joints turn a little further; its surface follows by skinning.

    What the body model did to the surface besides (expressions, corrective shapes) goes along.

    Args:
        body: B posed bodies.
        rest: The same person at rest.
        vectors: [B, J, 3] rotation vectors of the bones, in their own axes.
    """
    bones = body.bone_transforms
    local = relative(bones, rest.joint_parents)
    further = local.clone()
    further[..., :3, :3] = local[..., :3, :3] @ rotations(vectors)
    moved = kinematics(further, rest.joint_parents)
    carry = moved @ torch.linalg.inv(bones)
    of_vertices = blended(rest.skinning_weights, carry)
    vertices = (of_vertices[..., :3, :3] @ body.vertices[..., None])[..., 0]
    vertices = vertices + of_vertices[..., :3, 3]
    return replace(body, vertices=vertices, bone_transforms=moved)


def carry_weighted(
    ties: Attachment,
    body: PosedBody,
    rest: RestBody,
    weights: Tensor,
    offsets: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """:meth:`Attachment.carry` with skinning weights of each Gaussian's own.

    With the skinning matrix M of the own weights w' and S of those of the surface w, the mean is
    ``p + M (a + o) - S a``: what linear blend skinning misses of the posed surface p stays. Equal
    to :meth:`Attachment.carry` where w' = w.

    Args:
        ties: How N Gaussians hang on the body.
        body: B posed bodies.
        rest: The person at rest.
        weights: [N, J] own skinning weights.
        offsets: [N, 3] metres at rest, from the anchored place.
        quaternions: [N, 4] wxyz at rest.
        log_scales: [N, 3].

    Returns:
        Means [B, N, 3], unit normals [B, N, 3], covariances [B, N, 3, 3].
    """
    bones = body.bone_transforms @ torch.linalg.inv(rest.transforms.to(body.bone_transforms))
    surface = ties.at_vertices(rest.vertices[None].to(offsets))[0]
    own = blended(weights, bones)
    of_surface = (bones[:, ties.bones] * ties.weights[..., None, None]).sum(2)
    place = (surface + ties.offsets + offsets)[..., None]
    means = ties.at_vertices(body.vertices)
    means = means + (own[..., :3, :3] @ place)[..., 0] + own[..., :3, 3]
    means = means - (of_surface[..., :3, :3] @ surface[..., None])[..., 0] - of_surface[..., :3, 3]
    shape = roma.unitquat_to_rotmat(F.normalize(quaternions, dim=1).roll(-1, 1))
    axes = own[..., :3, :3] @ (shape * log_scales.exp()[:, None])
    normals = F.normalize(ties.at_vertices(body.normals), dim=-1)
    return means, normals, axes @ axes.mT


class PoseCorrection(nn.Module):
    """Rotation vectors of a body's bones from a pose; close to none to begin with.

    Args:
        pose: Values of a pose.
        bones: J.
        width: Of the two hidden layers.
    """

    def __init__(self, pose: int, bones: int, width: int):
        super().__init__()
        sizes = (pose, width, width, 3 * bones)
        layers: list[nn.Module] = []
        for inner, outer in pairwise(sizes):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        for value in self.layers[-1].parameters():
            nn.init.uniform_(value, -_STILL, _STILL)

    def forward(self, pose: Tensor) -> Tensor:
        """[B, J, 3] radians, of poses [B, P]."""
        found: Tensor = self.layers(pose)
        return found.unflatten(1, (-1, 3))


class WeightOffset(nn.Module):
    """Offsets of the logarithms of skinning weights at places at rest; none to begin with.

    Four layers see the place with its sines and cosines at ten frequencies, the third once more.

    Args:
        bones: J.
        width: Of the layers.
    """

    def __init__(self, bones: int, width: int):
        super().__init__()
        encoded = 3 * (1 + 2 * _FREQUENCIES)
        self.first = nn.Linear(encoded, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width + encoded, width)
        self.fourth = nn.Linear(width, width)
        self.last = nn.Linear(width, bones)
        nn.init.uniform_(self.last.weight, -_STILL, _STILL)
        nn.init.zeros_(self.last.bias)

    def forward(self, places: Tensor) -> Tensor:
        """[N, J], of places [N, 3] in [-1, 1]."""
        seen = positional_encoding(places)
        hidden = F.relu(self.second(F.relu(self.first(seen))))
        hidden = F.relu(self.third(torch.cat([hidden, seen], dim=1)))
        offset: Tensor = self.last(F.relu(self.fourth(hidden)))
        return offset


def positional_encoding(places: Tensor) -> Tensor:
    """[..., 3 (1 + 2 F)]: places, and the sines and cosines of pi times powers of two of them."""
    powers = math.pi * 2.0 ** torch.arange(_FREQUENCIES, device=places.device)
    turned = (places[..., None] * powers.to(places)).flatten(-2)
    return torch.cat([places, turned.sin(), turned.cos()], dim=-1)


class Rig(nn.Module):
    """Both corrections, where the config asks for them.

    Args:
        config: Their widths.
        bones: J.
    """

    def __init__(self, config: RigConfig, bones: int):
        super().__init__()
        pose, weights = config.pose_width, config.weights_width
        self.pose_correction = PoseCorrection(_POSE, bones, pose) if pose else None
        self.weight_offset = WeightOffset(bones, weights) if weights else None

    def corrected(self, context: FrameContext, rest: RestBody) -> PosedBody:
        """The posed bodies of a context, their joints corrected."""
        if self.pose_correction is None:
            return context.body
        vectors = self.pose_correction(context.motion.body_pose)
        return corrected(context.body, rest.to(vectors.device), vectors)

    def carried(
        self,
        ties: Attachment,
        body: PosedBody,
        rest: RestBody,
        places: Tensor,
        shape: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """:func:`carry_weighted` by the moved weights.

        Args:
            ties: How N Gaussians hang on the body.
            body: B posed bodies.
            rest: The person at rest.
            places: [N, 3] of the Gaussians, in [-1, 1].
            shape: Offsets [N, 3], quaternions [N, 4], log scales [N, 3].
        """
        assert self.weight_offset is not None
        offset = self.weight_offset(places)
        own = torch.zeros_like(offset).scatter_add(1, ties.bones, ties.weights.to(offset))
        return carry_weighted(ties, body, rest, skinning_weights(own, offset), *shape)
