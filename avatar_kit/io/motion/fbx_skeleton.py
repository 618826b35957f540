"""The skeleton of an FBX file: which of its nodes are joints, and how it was built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import UserError, shown
from avatar_kit.io.fbx import FbxNode, FbxObject, FbxScene
from avatar_kit.io.motion.fbx_transforms import Local, local_transform, world_transforms
from avatar_kit.io.motion.node_tree import NodeTree

#: Types of Models that are joints; if there are none, those that are not drawn.
_JOINTS = {"LimbNode", "Limb", "Root", "Effector"}
_DRAWN = {"Mesh", "Camera", "CameraSwitcher", "CameraStereo", "Light", "NurbsCurve", "Line"}

#: Joints of a skeleton with all nodes above them.
_MOST_JOINTS = 2048


@dataclass(frozen=True)
class FbxSkeleton:
    """The largest skeleton of a file.

    Attributes:
        scene: The file.
        models: All its nodes.
        tree: How they hang on each other.
    """

    scene: FbxScene
    models: list[FbxObject]
    tree: NodeTree

    @cached_property
    def kept(self) -> list[int]:
        """The joints, parents before children.

        They are the joints of the tree that has most of them, and the nodes that join them: a file
        may hold hips that are no joint, or several people.

        Raises:
            UserError: The file has no nodes.
        """
        chosen = {i for i, m in enumerate(self.models) if m.type in _JOINTS or self._turns(m)}
        chosen = chosen or {i for i, m in enumerate(self.models) if m.type not in _DRAWN}
        if not chosen:
            raise UserError(
                f"{self.scene.path}: holds no skeleton (no Model of type LimbNode or Null); export "
                "it with its armature"
            )
        parents, order = self.tree.parents, self.tree.order
        below = [0] * len(self.models)  # joints at and below each node
        for node in chosen:
            below[node] = 1
        for node in reversed(order):
            if parents[node] >= 0:
                below[parents[node]] += below[node]
        top = max((n for n in order if parents[n] < 0), key=lambda node: below[node])
        for node in order:  # down to the first joint, or to where several nodes hang
            joint = self.models[top].type in _JOINTS
            if parents[node] == top and below[node] == below[top] - (top in chosen) and not joint:
                top = node
        inside = {top}
        for node in order:
            if parents[node] in inside and below[node]:
                inside.add(node)
        return [node for node in order if node in inside]

    def _turns(self, model: FbxObject) -> bool:
        """Whether a node that is not drawn has an animated rotation: hips may be a Null."""
        nodes = self.scene.sources(model, "AnimationCurveNode")
        return model.type not in _DRAWN and any(name == "Lcl Rotation" for _, name in nodes)

    @cached_property
    def needed(self) -> list[int]:
        """The joints and all nodes above them, parents before children."""
        wanted = set(self.kept)
        for node in reversed(self.tree.order):
            if node in wanted and self.tree.parents[node] >= 0:
                wanted.add(self.tree.parents[node])
        return [node for node in self.tree.order if node in wanted]

    @property
    def left_out(self) -> int:
        """How many joints belong to other skeletons."""
        joints = {i for i, model in enumerate(self.models) if model.type in _JOINTS}
        return len(joints - set(self.kept))

    @cached_property
    def places(self) -> dict[int, int]:
        """Number of an object -> its node, of those that are needed."""
        return {self.models[node].number: node for node in self.needed}

    @cached_property
    def rest(self) -> dict[int, Local]:
        """The transforms of the needed nodes without an animation."""
        return {i: local_transform(self.scene, self.models[i], {}) for i in self.needed}

    @property
    def bound(self) -> bool:
        """Whether the file tells the pose in which the skeleton was built."""
        return bool(self._binds)

    @cached_property
    def built(self) -> Tensor:
        """[J, 4, 4] the pose in which the skeleton was built.

        That is where its skin was bound to it, or its BindPose; joints of which neither tells
        stand relative to the one above as they do without an animation.

        Raises:
            UserError: A matrix that is none.
        """
        given = self._binds
        if not given:
            world = world_transforms(self.rest, self.needed, self.tree.parents)
            return torch.cat([world[node] for node in self.kept])
        found: dict[int, Tensor] = {}
        for node in self.needed:
            above = found.get(self.tree.parents[node])
            own = self.rest[node].matrix[0]
            found[node] = given.get(node, own if above is None else above @ own)
        return torch.stack([found[node] for node in self.kept])

    @cached_property
    def _binds(self) -> dict[int, Tensor]:
        """Node -> [4, 4] in the world where a skin, or else a BindPose, says so."""
        found: dict[int, Tensor] = {}
        for pose in self.scene.of_kind("Pose"):
            for entry in pose.node.children if pose.type == "BindPose" else ():
                number = entry.value("Node") if entry.name == "PoseNode" else None
                node = self.places.get(number) if isinstance(number, int) else None
                if node is not None:
                    self._add(found, node, pose, entry, "Matrix")
        bound: dict[int, Tensor] = {}
        for cluster in self.scene.of_kind("Deformer"):
            for model, _ in self.scene.sources(cluster, "Model"):
                node = self.places.get(model.number)
                if cluster.type == "Cluster" and node is not None:
                    self._add(bound, node, cluster, cluster.node, "TransformLink")
        return found | bound

    def _add(
        self, found: dict[int, Tensor], node: int, of: FbxObject, owner: FbxNode, name: str
    ) -> None:
        values = self.scene.array(of, owner, name)
        if values is None or node in found:
            return
        matrix = values.reshape(4, 4).T if values.size == 16 else np.full((4, 4), np.nan)
        plain = bool(np.abs(matrix).max() < 1e12) and np.allclose(matrix[3], (0, 0, 0, 1), 0, 1e-3)
        if not plain or abs(np.linalg.det(matrix[:3, :3])) < 1e-18:
            raise UserError(
                f"{self.scene.path}: {of.kind} '{of.name}': {name} of "
                f"'{self.models[node].name}' is {shown(values.tolist())}, expected a matrix that "
                "has an inverse; export the file again"
            )
        found[node] = torch.from_numpy(np.ascontiguousarray(matrix))


def skeleton_of(scene: FbxScene) -> FbxSkeleton:
    """The skeleton of a file.

    Raises:
        UserError: There is no skeleton or a too large one, or nodes hang in a circle.
    """
    models = scene.of_kind("Model")
    places = {model.number: i for i, model in enumerate(models)}
    parents = [
        next((places[above.number] for above, name in scene.targets(m, "Model") if not name), -1)
        for m in models
    ]
    tree = NodeTree(scene.path, [model.name for model in models], parents)
    found = FbxSkeleton(scene, models, tree)
    if len(found.needed) > _MOST_JOINTS:
        raise UserError(
            f"{scene.path}: a skeleton of {len(found.needed)} joints, expected at most "
            f"{_MOST_JOINTS}; export only the skeleton of the person"
        )
    return found
