"""The body of the SMPL family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar_kit.interfaces import Asset, Body
from avatar_kit.io.motion.smplx_rest import from_smplx_rest, to_smplx_rest
from avatar_kit.scene import BodyParameters, Motion, ParameterSpec, PosedBody, Topology
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.surface.regions import (
    PART_NAMES,
    Mannequin,
    face_region,
    keypoint_rule,
    vertex_parts,
)
from avatar_kit_smplx.config import SmplxConfig
from avatar_kit_smplx.expression import channel_coefficients, turned_by_channels
from avatar_kit_smplx.hands import Hands
from avatar_kit_smplx.model_file import JOINTS, ModelData, find_model, read_model
from avatar_kit_smplx.skinning import Skeleton, blend_skinning, correction_features, rotations
from avatar_kit_smplx.texture import texture

_LICENCES = {
    "smplx": "SMPL-X: for non-commercial research, https://smpl-x.is.tue.mpg.de",
    "smplh": "SMPL-H: for non-commercial research, https://mano.is.tue.mpg.de",
    "smpl": "SMPL: for non-commercial research, https://smpl.is.tue.mpg.de",
}

#: The joint of a motion that turns SMPL's hand, which has no fingers.
_HAND = {"left_hand": "left_middle1", "right_hand": "right_middle1"}


class SmplxBody(Body):
    """SMPL-X (55 joints), SMPL-H (52) or SMPL (24), by the user's file.

    Shape values are ``beta_0``, ``beta_1``, ...: the coefficients as every program of the field
    counts them, unbounded.
    """

    template: Tensor
    faces: Tensor
    uvs: Tensor
    uv_faces: Tensor
    face_region: Tensor
    parts: Tensor
    shapes: Tensor
    expressions: Tensor
    correctives: Tensor
    joint_template: Tensor
    joint_shapes: Tensor
    joint_expressions: Tensor
    channels: Tensor
    told: Tensor
    known: Tensor
    keypoint_vertices: Tensor
    keypoint_weights: Tensor

    def __init__(self, config: SmplxConfig, data: ModelData | None = None):
        super().__init__()
        data = data or read_model(find_model(config))
        self.config, self.family = config, data.family
        name = "-".join(word for word in (data.family, data.gender) if word)
        self.asset = Asset(name, data.sha256, _LICENCES[data.family])
        self.joint_names, self.joint_parents = JOINTS[data.family], data.parents
        count = min(config.betas, data.shapes.shape[2])
        self.shape_names = tuple(f"beta_{i}" for i in range(count))
        self.fitted_shape = self.shape_names[:10]
        self.shape_limits = (-float("inf"), float("inf"))
        self.skeleton = Skeleton(data.parents)
        self.hands = None if data.family == "smpl" else Hands(config, data)
        for key, value in _buffers(data, config, count).items():
            self.register_buffer(key, torch.from_numpy(np.ascontiguousarray(value)), False)
        self.parameter_specs = self._specs()

    @property
    def topology(self) -> Topology:
        """The file's triangles; see :class:`~avatar_kit.scene.Topology`."""
        return Topology(
            self.faces, self.uvs, self.uv_faces, self.face_region, self.parts, PART_NAMES
        )

    def forward(self, parameters: BodyParameters) -> PosedBody:
        """Pose the body; see :meth:`~avatar_kit.interfaces.Body.forward`."""
        skeleton = self._posed(parameters)
        vertices = self._surface(parameters, skeleton, slice(None))
        _, turns, places, joints = skeleton
        shift = (parameters["transl"] - joints[:, 0])[:, None]
        vertices, places = vertices + shift, places + shift
        points = torch.cat([places, vertices[:, self.keypoint_vertices]], 1)
        return PosedBody(
            vertices=vertices,
            joints=places,
            bone_transforms=_homogeneous(turns, places),
            hands=(self.keypoint_weights[23:] @ points).unflatten(1, (2, 21)),
            topology=self.topology,
        )

    def keypoints(self, parameters: BodyParameters) -> Tensor:
        """Key points without the surface; see :meth:`~avatar_kit.interfaces.Body.keypoints`."""
        skeleton = self._posed(parameters)
        vertices = self._surface(parameters, skeleton, self.keypoint_vertices)
        _, _, places, joints = skeleton
        shift = (parameters["transl"] - joints[:, 0])[:, None]
        return self.keypoint_weights @ torch.cat([places, vertices], 1) + shift

    def from_motion(self, motion: Motion, shape: Tensor) -> BodyParameters:
        """The joints are those of a motion, from the model's own rest pose on.

        SMPL's hand follows the middle finger.
        """
        if self.family == "smplx":
            turned: dict[str, Any] = turned_by_channels(motion)
            motion = to_smplx_rest(replace(motion, **turned))
        pose = motion.rotvec().index_select(1, self.told)
        values = {"transl": motion.transl, "shape": shape.expand(len(motion), -1)}
        values |= {"pose": pose} if self.hands is None else self.hands.given(pose)
        if self.expressions.shape[2]:
            zeros = motion.expression.new_zeros(len(motion), self.expressions.shape[2])
            values |= {"expression": motion.expression, "expression_coefficients": zeros}
        return BodyParameters(values)

    def to_motion(self, parameters: BodyParameters, fps: float) -> Motion:
        """The inverse; what coefficients of expression add to the channels has no place in it."""
        pose = self._pose(parameters)
        frames, told = len(pose), self.told.tolist()
        zero = pose.new_zeros(frames, 3)
        rows = [pose[:, told.index(j)] if j in told else zero for j in range(len(SMPLX_JOINTS))]
        channels = parameters.get("expression", pose.new_zeros(frames, 52))
        sure = pose.new_ones(frames)
        rotvec = torch.stack(rows, 1)
        motion = Motion.from_rotvec(fps, parameters["transl"], rotvec, channels, sure)
        return from_smplx_rest(motion) if self.family == "smplx" else motion

    def rest_transforms(self, shape: Tensor) -> Tensor:
        """[J, 4, 4] of the T-pose, the pelvis where the model has it."""
        joints = self._joints(shape[None])[0]
        return _homogeneous(torch.eye(3).to(joints).expand(len(joints), 3, 3), joints)

    def rest_vertices(self, shape: Tensor) -> Tensor:
        """[V, 3] metres: the T-pose."""
        return self.template + self.shapes @ shape

    def default_shape(self) -> Tensor:
        """[S] zeros: the mean person."""
        return self.template.new_zeros(len(self.shape_names))

    def _joints(self, shape: Tensor) -> Tensor:
        """[B, J, 3] joints at rest of shapes [B, S]."""
        return self.joint_template + torch.einsum("jds,bs->bjd", self.joint_shapes, shape)

    def _pose(self, parameters: BodyParameters) -> Tensor:
        """[B, J, 3] axis-angle of all joints."""
        return parameters["pose"] if self.hands is None else self.hands.pose(parameters)

    def _expressed(self, parameters: BodyParameters) -> Tensor | None:
        """[B, E] coefficients of expression; None where the model has no expression."""
        if not self.expressions.shape[2]:
            return None
        return parameters["expression"] @ self.channels + parameters["expression_coefficients"]

    def _posed(self, parameters: BodyParameters) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Local and world rotations, posed joints, and joints at rest.

        An expression moves joints at rest, too, as in every program of the field.
        """
        joints, local = self._joints(parameters["shape"]), rotations(self._pose(parameters))
        if (held := self._expressed(parameters)) is not None:
            joints = joints + torch.einsum("jde,be->bjd", self.joint_expressions, held)
        return local, *self.skeleton(local, joints), joints

    def _surface(
        self,
        parameters: BodyParameters,
        skeleton: tuple[Tensor, Tensor, Tensor, Tensor],
        own: slice | Tensor,
    ) -> Tensor:
        """[B, K, 3] some of the vertices, posed about the pelvis at rest."""
        local, turns, places, joints = skeleton
        shaped = torch.einsum("vds,bs->bvd", self.shapes[own], parameters["shape"])
        rest = self.template[own] + shaped
        if (held := self._expressed(parameters)) is not None:
            rest = rest + torch.einsum("vde,be->bvd", self.expressions[own], held)
        if self.config.pose_correctives:
            features = correction_features(local)
            flat = features @ self.correctives[own].flatten(0, 1).mT
            rest = rest + flat.unflatten(1, (-1, 3))
        return blend_skinning(rest, self.skinning_weights[own], turns, places, joints)

    def _specs(self) -> tuple[ParameterSpec, ...]:
        about = "Axis-angle of the joints against their parents, radians; zero is the T-pose."
        count = len(self.joint_names)
        specs = [ParameterSpec("transl", (3,), "root", None, "Position of the pelvis in metres.")]
        if self.hands is None:
            specs.append(ParameterSpec("pose", (count, 3), "pose", "axis_angle", about))
        else:
            specs += self.hands.specs(count, about)
        if coefficients := self.expressions.shape[2]:
            specs += [
                ParameterSpec("expression", (52,), "expression", None, "ARKit in [0, 1]."),
                ParameterSpec(
                    *("expression_coefficients", (coefficients,), "expression", None),
                    "The model's own coefficients, added to what the channels give; unbounded.",
                ),
            ]
        betas = len(self.shape_names)
        specs.append(ParameterSpec("shape", (betas,), "shape", None, "Betas, unbounded."))
        return tuple(specs)


def _buffers(data: ModelData, config: SmplxConfig, betas: int) -> dict[str, np.ndarray]:
    uvs, uv_faces = texture(data, config.uvs)
    joints = data.regressor @ data.template
    person = Mannequin(data.template, data.faces, data.weights, joints, JOINTS[data.family])
    parts, rule = vertex_parts(person), keypoint_rule(person)
    shapes = data.shapes[:, :, :betas]
    expressions = data.expressions[:, :, : config.expression_coefficients]
    told = [SMPLX_JOINTS.index(_HAND.get(name, name)) for name in JOINTS[data.family]]
    weights = data.weights.clip(0)
    floats = {
        "template": data.template,
        "skinning_weights": weights / weights.sum(1, keepdims=True),
        "uvs": uvs,
        "shapes": shapes,
        "expressions": expressions,
        "correctives": data.correctives,
        "joint_template": joints,
        "joint_shapes": np.einsum("jv,vds->jds", data.regressor, shapes),
        "joint_expressions": np.einsum("jv,vde->jde", data.regressor, expressions),
        "channels": channel_coefficients(data, config.expression_coefficients),
        "keypoint_weights": rule.weights,
    }
    whole = {
        "faces": data.faces,
        "uv_faces": uv_faces,
        "face_region": face_region(person, parts),
        "parts": parts,
        "told": np.array(told),
        "keypoint_vertices": rule.vertices,
    }
    return {key: value.astype(np.float32) for key, value in floats.items()} | whole


def _homogeneous(rotation: Tensor, position: Tensor) -> Tensor:
    """[..., 4, 4] from rotations [..., 3, 3] and positions [..., 3]."""
    top = torch.cat([rotation, position[..., None]], -1)
    bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], -2)
