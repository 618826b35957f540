"""The body of the Momentum Human Rig."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.interfaces import Asset, Body
from avatar_kit.scene import BodyParameters, Motion, ParameterSpec, PosedBody, Topology
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS
from avatar_kit.surface.regions import (
    PART_NAMES,
    Mannequin,
    face_region,
    keypoint_rule,
    vertex_parts,
)
from avatar_kit_mhr.config import MhrConfig
from avatar_kit_mhr.expression import EXPRESSIONS, channel_coefficients
from avatar_kit_mhr.rig_file import IDENTITY, Rig, read_rig
from avatar_kit_mhr.skeleton import METRES, RigSkeleton, State

_LICENCE = "Momentum Human Rig (Meta): Apache-2.0, https://github.com/facebookresearch/MHR"

#: Coefficients of identity that shape the body; the others are of head and hands.
_OF_BODY = 20

#: Rotation of the jaw about x that ``jawOpen`` = 1 shows, radians.
JAW_OPEN = math.radians(25.0)

_JAW = ARKIT_CHANNELS.index("jawOpen")


class MhrBody(Body):
    """MHR: 45 coefficients of identity and the lengths of bones; 72 expressions by FACS.

    The forward pass is ours: blend shapes, joints by the rotations of a motion, blend skinning with
    scaled joints.
    """

    template: Tensor
    shapes: Tensor
    faces: Tensor
    uvs: Tensor
    uv_faces: Tensor
    face_region: Tensor
    parts: Tensor
    bind_turns: Tensor
    bind_places: Tensor
    channels: Tensor
    keypoint_vertices: Tensor
    keypoint_weights: Tensor
    corrective_weights: Tensor
    corrective_shapes: Tensor

    def __init__(self, config: MhrConfig, rig: Rig | None = None):
        super().__init__()
        rig = rig or read_rig(config)
        self.config = config
        self.asset = Asset(f"mhr-lod{config.lod}", rig.sha256, _LICENCE)
        self.skeleton = RigSkeleton(rig)
        self.joint_names, self.joint_parents = self.skeleton.names, self.skeleton.parents
        self.shape_names = (
            *(f"identity_{i}" for i in range(IDENTITY)), *self.skeleton.scale_names
        )  # fmt: skip
        self.fitted_shape = self.shape_names[:_OF_BODY]
        self.shape_limits = (-float("inf"), float("inf"))
        for key, value in _surface(rig, self.skeleton).items():
            self.register_buffer(key, value, False)
        for key, value in self._regions(rig).items():
            self.register_buffer(key, value, False)
        self.corrected = rig.correctives is not None
        self.parameter_specs = _specs(len(self.shape_names))

    def _regions(self, rig: Rig) -> dict[str, Tensor]:
        """Parts, the face, and what key points rest on, of the mean person at rest."""
        shape = torch.zeros(len(self.shape_names))
        told = self.skeleton.told.tolist()
        driving = torch.zeros(len(self.joint_names), len(SMPLX_JOINTS))
        driving[range(len(self.joint_names)), self.skeleton.driving] = 1.0
        person = Mannequin(
            self.rest_vertices(shape).numpy(),
            rig.faces,
            (self.skinning_weights @ driving).numpy(),
            self.rest_transforms(shape)[told, :3, 3].numpy(),
            SMPLX_JOINTS,
        )
        parts, rule = vertex_parts(person), keypoint_rule(person)
        return {
            "parts": torch.from_numpy(parts),
            "face_region": torch.from_numpy(face_region(person, parts)),
            "keypoint_vertices": torch.from_numpy(rule.vertices),
            "keypoint_weights": torch.from_numpy(rule.weights).float(),
        }

    @property
    def topology(self) -> Topology:
        """The asset's triangles; see :class:`~avatar_kit.scene.Topology`."""
        return Topology(
            self.faces, self.uvs, self.uv_faces, self.face_region, self.parts, PART_NAMES
        )

    def forward(self, parameters: BodyParameters) -> PosedBody:
        """Pose the body; see :meth:`~avatar_kit.interfaces.Body.forward`."""
        state, shift = self._posed(parameters)
        vertices = self._skinned(parameters, state, slice(None)) + shift
        places = state.places + shift
        points = torch.cat([places[:, self.skeleton.told], vertices[:, self.keypoint_vertices]], 1)
        return PosedBody(
            vertices=vertices,
            joints=places,
            bone_transforms=_homogeneous(state.turns, places),
            hands=(self.keypoint_weights[23:] @ points).unflatten(1, (2, 21)),
            topology=self.topology,
        )

    def keypoints(self, parameters: BodyParameters) -> Tensor:
        """Key points without the surface; see :meth:`~avatar_kit.interfaces.Body.keypoints`."""
        state, shift = self._posed(parameters)
        own = self._skinned(parameters, state, self.keypoint_vertices)
        points = torch.cat([state.places[:, self.skeleton.told], own], 1)
        return self.keypoint_weights @ points + shift

    def from_motion(self, motion: Motion, shape: Tensor) -> BodyParameters:
        """The joints are those of the motion; a jaw that turns takes from the channel ``jawOpen``.

        Channels that MHR has no expression for (the tongue) are left out.
        """
        channels = list(motion.expression.unbind(1))
        shown = motion.jaw_pose[:, 0].clamp(min=0) / JAW_OPEN
        channels[_JAW] = channels[_JAW] - torch.minimum(channels[_JAW], shown)
        zeros = motion.expression.new_zeros(len(motion), len(EXPRESSIONS))
        return BodyParameters(
            {
                "transl": motion.transl,
                "pose": motion.rotvec(),
                "expression": torch.stack(channels, 1),
                "expression_coefficients": zeros,
                "shape": shape.expand(len(motion), -1),
            }
        )

    def to_motion(self, parameters: BodyParameters, fps: float) -> Motion:
        """The inverse; coefficients of expression have no place in a motion."""
        pose, transl = parameters["pose"], parameters["transl"]
        channels = list(parameters["expression"].unbind(1))
        motion = Motion.from_rotvec(
            fps, transl, pose, parameters["expression"], transl.new_ones(len(transl))
        )
        channels[_JAW] = channels[_JAW] + motion.jaw_pose[:, 0].clamp(min=0) / JAW_OPEN
        return replace(motion, expression=torch.stack(channels, 1))

    def rest_transforms(self, shape: Tensor) -> Tensor:
        """[J, 4, 4] of the rig's rest pose, the root where the rig has it."""
        state = self.skeleton.rest(shape[None, IDENTITY:])
        return _homogeneous(state.turns[0], state.places[0])

    def rest_vertices(self, shape: Tensor) -> Tensor:
        """[V, 3] metres: the rest pose."""
        state = self.skeleton.rest(shape[None, IDENTITY:])
        return self._carried(self._shaped(shape[None], None, slice(None)), state, slice(None))[0]

    def default_shape(self) -> Tensor:
        """[S] zeros: the mean person."""
        return self.template.new_zeros(len(self.shape_names))

    def _posed(self, parameters: BodyParameters) -> tuple[State, Tensor]:
        """Joints, and what brings the root to where the motion has the pelvis."""
        state = self.skeleton(parameters["pose"], parameters["shape"][:, IDENTITY:])
        return state, (parameters["transl"] - state.places[:, 0])[:, None]

    def _skinned(self, parameters: BodyParameters, state: State, own: slice | Tensor) -> Tensor:
        """[B, K, 3] some of the vertices, posed."""
        held = parameters["expression"] @ self.channels + parameters["expression_coefficients"]
        surface = self._shaped(parameters["shape"], held, own)
        if self.corrected:
            surface = surface + self._corrections(state, own)
        return self._carried(surface, state, own)

    def _shaped(self, shape: Tensor, expression: Tensor | None, own: slice | Tensor) -> Tensor:
        """[B, K, 3] vertices before the joints carry them."""
        values = shape[:, :IDENTITY]
        shapes = self.shapes[:IDENTITY, own]
        if expression is not None:
            values, shapes = torch.cat([values, expression], 1), self.shapes[:, own]
        return self.template[own] + torch.einsum("bs,svd->bvd", values, shapes)

    def _corrections(self, state: State, own: slice | Tensor) -> Tensor:
        """[B, K, 3] how the surface bulges with the turns of the joints below the root."""
        above = self.skeleton.parents[1:]
        rest, turns = self.skeleton.rest_turns, state.turns
        local = turns[:, list(above)].mT @ turns[:, 1:]
        own_turn = (rest[list(above)].mT @ rest[1:]).mT @ local
        columns = torch.cat([own_turn[..., 0], own_turn[..., 1]], -1)
        features = (columns - columns.new_tensor([1.0, 0, 0, 0, 1.0, 0])).flatten(1)
        hidden = torch.relu(features @ self.corrective_weights.mT)
        return torch.einsum("bh,hvd->bvd", hidden, self.corrective_shapes[:, own])

    def _carried(self, surface: Tensor, state: State, own: slice | Tensor) -> Tensor:
        """[B, K, 3] vertices as the joints carry them from the pose in which they were bound."""
        sized = state.turns * state.scales[..., None, None]
        turns = sized @ self.bind_turns
        places = state.places + (sized @ self.bind_places[..., None])[..., 0]
        whole = torch.cat([turns, places[..., None]], -1).flatten(2)
        blended = (self.skinning_weights[own] @ whole).unflatten(2, (3, 4))
        return (blended[..., :3] @ surface[..., None])[..., 0] + blended[..., 3]


def _surface(rig: Rig, skeleton: RigSkeleton) -> dict[str, Tensor]:
    kept = skeleton.kept
    bind = torch.from_numpy(np.asarray(rig.inverse_bind)[kept]).float()
    weights = torch.from_numpy(rig.weights).float()
    lost = weights.sum(1) - weights[:, kept].sum(1)  # on what is above the root
    weights = weights[:, kept]
    weights[:, 0] += lost
    floats = {
        "template": torch.from_numpy(rig.template).float() * METRES,
        "shapes": torch.from_numpy(np.asarray(rig.shapes)).float() * METRES,
        "uvs": torch.from_numpy(_upright(np.asarray(rig.uvs))).float(),
        "skinning_weights": weights,
        "bind_turns": roma.unitquat_to_rotmat(bind[:, 3:7]) * bind[:, 7, None, None],
        "bind_places": bind[:, :3] * METRES,
        "channels": torch.from_numpy(channel_coefficients()),
    }
    first, shapes = rig.correctives or (np.zeros((0, 0)), np.zeros((0, len(rig.template), 3)))
    floats["corrective_weights"] = torch.from_numpy(np.asarray(first)).float()
    floats["corrective_shapes"] = torch.from_numpy(np.asarray(shapes)).float() * METRES
    return floats | {
        "faces": torch.from_numpy(rig.faces), "uv_faces": torch.from_numpy(rig.uv_faces)
    }  # fmt: skip


def _upright(uvs: np.ndarray) -> np.ndarray:
    """Texture coordinates with the origin at the top-left corner; FBX has it at the bottom."""
    return np.stack([uvs[:, 0], 1 - uvs[:, 1]], 1).clip(0, 1)


def _specs(shape: int) -> tuple[ParameterSpec, ...]:
    return (
        ParameterSpec("transl", (3,), "root", None, "Position of the root joint in metres."),
        ParameterSpec(
            *("pose", (len(SMPLX_JOINTS), 3), "pose", "axis_angle"),
            "Axis-angle of SMPL-X's joints against their parents, radians; zero is the T-pose.",
        ),
        ParameterSpec("expression", (52,), "expression", None, "ARKit in [0, 1]."),
        ParameterSpec(
            *("expression_coefficients", (len(EXPRESSIONS),), "expression", None),
            "MHR's own expressions, added to what the channels give; about -1 to 1.",
        ),
        ParameterSpec("shape", (shape,), "shape", None, "Identity and sizes of bones, unbounded."),
    )


def _homogeneous(rotation: Tensor, position: Tensor) -> Tensor:
    """[..., 4, 4] from rotations [..., 3, 3] and positions [..., 3]."""
    top = torch.cat([rotation, position[..., None]], -1)
    bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], -2)
