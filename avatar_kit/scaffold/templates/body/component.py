"""The body: a parametric human surface."""

from __future__ import annotations

import hashlib

import roma
import torch
from avatar_kit_myplugin import skeleton, surface
from avatar_kit_myplugin.config import MyPluginConfig
from torch import Tensor

from avatar_kit.interfaces import Asset, Body
from avatar_kit.scene import BodyParameters, Motion, ParameterSpec, PosedBody, Topology
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

_SPECS = (
    ParameterSpec("transl", (3,), "root", None, "Position of the pelvis in metres."),
    ParameterSpec("pose", (55, 3), "pose", "axis_angle", "SMPL-X joints, radians."),
    ParameterSpec("expression", (52,), "expression", None, "ARKit channels in [0, 1]."),
    ParameterSpec("shape", (2,), "shape", None, "Height and girth in [0, 1]."),
)


class MyPlugin(Body):
    """Forward kinematics over the SMPL-X joints, rigid octahedra for flesh."""

    shape_names = fitted_shape = ("height", "girth")
    parameter_specs = _SPECS
    joint_names, joint_parents = SMPLX_JOINTS, SMPLX_PARENTS
    offsets: Tensor
    length: Tensor
    girth: Tensor
    owner: Tensor
    basis: Tensor
    faces: Tensor
    uvs: Tensor
    face_region: Tensor
    parts: Tensor

    def __init__(self, config: MyPluginConfig):
        super().__init__()
        self.config = config
        length, girth = surface.octahedra(*skeleton.bones())
        owner = torch.arange(len(SMPLX_JOINTS)).repeat_interleave(6)
        still = surface.topology()
        buffers = {
            "offsets": skeleton.offsets(),
            "length": length,
            "girth": girth,
            "owner": owner,
            "basis": surface.expression_basis().flatten(1),
            "skinning_weights": torch.eye(len(SMPLX_JOINTS))[owner],
            "faces": still.faces,
            "uvs": still.uvs,
            "face_region": still.face_region,
            "parts": still.parts,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        digest = hashlib.sha256(length.numpy().tobytes() + girth.numpy().tobytes())
        self.asset = Asset("myplugin-0.1.0", digest.hexdigest(), "Apache-2.0")

    @property
    def topology(self) -> Topology:
        """The octahedra."""
        return Topology(
            self.faces, self.uvs, self.faces, self.face_region, self.parts, surface.PART_NAMES
        )

    def forward(self, parameters: BodyParameters) -> PosedBody:
        """Pose the mannequin."""
        turns, heads = self._joints(parameters)
        moved = (parameters["expression"] @ self.basis).unflatten(1, (-1, 3))
        rest = self._flesh(parameters["shape"]) + moved
        vertices = (turns[:, self.owner] @ rest[..., None])[..., 0] + heads[:, self.owner]
        hands = self.keypoints(parameters)[:, 23:].unflatten(1, (2, 21))
        return PosedBody(vertices, heads, _transforms(turns, heads), hands, self.topology)

    def keypoints(self, parameters: BodyParameters) -> Tensor:
        """[B, 65, 3] without the surface."""
        return skeleton.keypoints(*self._joints(parameters), _size(parameters["shape"]))

    def from_motion(self, motion: Motion, shape: Tensor) -> BodyParameters:
        """The mannequin's joints are those of a motion."""
        values = {"transl": motion.transl, "pose": motion.rotvec(), "expression": motion.expression}
        return BodyParameters(values | {"shape": shape.expand(len(motion), -1)})

    def to_motion(self, parameters: BodyParameters, fps: float) -> Motion:
        """The other way round."""
        transl, pose = parameters["transl"], parameters["pose"]
        sure = transl.new_ones(len(transl))
        return Motion.from_rotvec(fps, transl, pose, parameters["expression"], sure)

    def rest_transforms(self, shape: Tensor) -> Tensor:
        """[55, 4, 4] of the T-pose with the pelvis at the origin."""
        return _transforms(*self._joints(self._rest(shape)))[0]

    def rest_vertices(self, shape: Tensor) -> Tensor:
        """[V, 3] of the T-pose."""
        return self.forward(self._rest(shape)).vertices[0]

    def default_shape(self) -> Tensor:
        """[2] in the middle."""
        return self.offsets.new_full((2,), 0.5)

    def _rest(self, shape: Tensor) -> BodyParameters:
        rest = Motion.rest(1).to(self.offsets.device)
        values = self.from_motion(rest, shape)
        return BodyParameters({name: v.to(self.offsets.dtype) for name, v in values.items()})

    def _flesh(self, shape: Tensor) -> Tensor:
        """[B, V, 3] rest vertices about their joints."""
        size, girth = _size(shape)[:, None], (0.7 + 0.6 * shape[:, None, 1:])
        return size * (self.length + girth * self.girth)

    def _joints(self, parameters: BodyParameters) -> tuple[Tensor, Tensor]:
        """World rotations [B, 55, 3, 3] and positions [B, 55, 3] of the joints."""
        local = roma.rotvec_to_rotmat(parameters["pose"])
        size = _size(parameters["shape"])
        turns, heads = [local[:, 0]], [parameters["transl"]]
        for joint in range(1, len(SMPLX_JOINTS)):
            parent = SMPLX_PARENTS[joint]
            bone = (size * self.offsets[joint])[..., None]
            heads.append(heads[parent] + (turns[parent] @ bone)[..., 0])
            turns.append(turns[parent] @ local[:, joint])
        return torch.stack(turns, 1), torch.stack(heads, 1)


def _size(shape: Tensor) -> Tensor:
    """[B, 1] size of shapes [B, 2]."""
    return 0.8 + 0.4 * shape[:, :1]


def _transforms(turns: Tensor, heads: Tensor) -> Tensor:
    """[B, J, 4, 4]."""
    top = torch.cat([turns, heads[..., None]], dim=-1)
    bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], dim=-2)
