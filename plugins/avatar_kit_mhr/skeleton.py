"""The joints of MHR at rest and posed by the joints of SMPL-X."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.io.motion.animated import Animated, Joint
from avatar_kit.io.motion.axes_by_rest import constants_by_rest
from avatar_kit.io.motion.fingers import finger_constants
from avatar_kit.io.motion.limbs import LIMBS
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit_mhr.joints import Drive, drives, smplx_name, tellers
from avatar_kit_mhr.rig_file import PER_JOINT, Rig

#: Metres in the rig's unit.
METRES = 0.01


class State(NamedTuple):
    """Joints in the world: B frames, J joints.

    Attributes:
        turns: [B, J, 3, 3] rotations.
        places: [B, J, 3] metres.
        scales: [B, J] sizes.
    """

    turns: Tensor
    places: Tensor
    scales: Tensor


class RigSkeleton(nn.Module):
    """Joints from the root on; what lies above it does not move.

    Args:
        rig: The rig.

    Attributes:
        names: Names of the joints.
        parents: Index of each parent; -1 for the root.
        kept: Index of each joint in the rig.
        scale_names: Names of the values that make bones longer.
    """

    offsets: Tensor
    rest_turns: Tensor
    above: Tensor
    ancestors: Tensor
    scale_places: Tensor
    scale_logs: Tensor
    driving: Tensor
    t_pose: Tensor
    twisted: Tensor
    twist_joint: Tensor
    twist_share: Tensor
    twist_axis: Tensor
    told: Tensor

    def __init__(self, rig: Rig):
        super().__init__()
        self.kept = _below_root(rig)
        self.names = tuple(rig.names[i] for i in self.kept)
        self.parents = tuple(
            -1 if k == 0 else self.kept.index(rig.parents[i]) for k, i in enumerate(self.kept)
        )
        self.scale_names = tuple(rig.scales)
        found = drives(self.names, self.parents)
        for name, value in self._rest(rig).items():
            self.register_buffer(name, value, False)
        for name, value in self._pose(found).items():
            self.register_buffer(name, value, False)

    def _rest(self, rig: Rig) -> dict[str, Tensor]:
        """What tells the joints at rest."""
        count = len(self.kept)
        pre = roma.unitquat_to_rotmat(torch.from_numpy(np.asarray(rig.prerotations)).double())
        world, ancestors = [pre[self.kept[0]]], torch.eye(count)
        for j in range(1, count):
            world.append(world[self.parents[j]] @ pre[self.kept[j]])
            ancestors[j] += ancestors[self.parents[j]]
        columns = [value.reshape(-1, PER_JOINT)[self.kept] for value in rig.scales.values()]
        scales = torch.from_numpy(np.array(columns)).float().reshape(-1, count, PER_JOINT)
        if bool(scales[:, :, 3:6].any()):
            raise UserError("MHR: a scaling parameter turns a joint")
        return {
            "offsets": torch.from_numpy(np.asarray(rig.offsets)[self.kept]).float() * METRES,
            "rest_turns": torch.stack(world).float(),
            "above": torch.tensor([0, *self.parents[1:]]),
            "ancestors": ancestors,
            "scale_places": scales[:, :, :3] * METRES,
            "scale_logs": scales[:, :, 6],
        }

    def _pose(self, found: tuple[Drive, ...]) -> dict[str, Tensor]:
        """What tells how the joints of SMPL-X turn them."""
        told, at = tellers(self.names), self.rest(torch.zeros(1, len(self.scale_names)))
        places = at.places[0].double()
        corrections = _corrections(self, told, places)
        names = list(SMPLX_JOINTS)
        twisted = [j for j, drive in enumerate(found) if drive.twist]
        turned = [corrections[drive.joint].float() @ self.rest_turns[j]
                  for j, drive in enumerate(found)]  # fmt: skip
        shares, axes = [], []
        for j in twisted:
            child, axis = LIMBS[found[j].joint]
            start, end = places[told[found[j].joint]], places[told[child]]
            along = float((places[j] - start) @ (end - start) / (end - start).square().sum())
            # the limb's own twist is full at its end, that of the next joint is none at its start
            own = found[j].twist == found[j].joint
            shares.append(min(max(along, 0.0), 1.0) - (1.0 if own else 0.0))
            axes.append(axis)
        return {
            "driving": torch.tensor([names.index(drive.joint) for drive in found]),
            "t_pose": torch.stack(turned),
            "twisted": torch.tensor(twisted, dtype=torch.long),
            "twist_joint": torch.tensor([names.index(found[j].twist) for j in twisted]).long(),
            "twist_share": torch.tensor(shares),
            "twist_axis": torch.tensor(axes).reshape(-1, 3),
            "told": torch.tensor([told[_told_by(name, told)] for name in SMPLX_JOINTS]),
        }

    def rest(self, scales: Tensor) -> State:
        """Joints of persons [B, S] at rest, the root where the rig has it."""
        return self._placed(self.rest_turns.expand(len(scales), -1, 3, 3), scales)

    def forward(self, rotvec: Tensor, scales: Tensor) -> State:
        """Joints in poses.

        Args:
            rotvec: [B, 55, 3] axis-angle of the joints of SMPL-X.
            scales: [B, S] logarithms of sizes.
        """
        local = roma.rotvec_to_rotmat(rotvec)
        world = [local[:, 0]]
        for joint in range(1, len(SMPLX_JOINTS)):
            world.append(world[SMPLX_PARENTS[joint]] @ local[:, joint])
        turns = torch.stack(world, 1)[:, self.driving]
        if len(self.twisted):
            quaternion = roma.rotvec_to_unitquat(rotvec[:, self.twist_joint])
            sine = (quaternion[..., :3] * self.twist_axis).sum(-1)
            angle = 2 * torch.atan2(sine, quaternion[..., 3]) * self.twist_share
            extra = roma.rotvec_to_rotmat(angle[..., None] * self.twist_axis)
            turns = turns.index_copy(1, self.twisted, turns[:, self.twisted] @ extra)
        return self._placed(turns @ self.t_pose, scales)

    def _placed(self, turns: Tensor, scales: Tensor) -> State:
        """Places by turns [B, J, 3, 3]: each joint is where its parent carries it."""
        sizes = torch.exp2(torch.einsum("bs,sj->bj", scales, self.scale_logs) @ self.ancestors.mT)
        offsets = self.offsets + torch.einsum("bs,sjd->bjd", scales, self.scale_places)
        carried = (turns[:, self.above] @ offsets[..., None])[..., 0] * sizes[:, self.above, None]
        # the root itself lies in what is above it, which is not turned
        carried = torch.cat([offsets[:, :1], carried[:, 1:]], 1)
        return State(turns, self.ancestors @ carried, sizes)


def _below_root(rig: Rig) -> list[int]:
    """The root and all below it."""
    if "root" not in rig.names:
        raise UserError(
            f"MHR: the rig has no joint 'root' (joints: {', '.join(rig.names[:8])} ...)"
        )
    kept = [rig.names.index("root")]
    for joint, parent in enumerate(rig.parents):
        if parent in kept:
            kept.append(joint)
    return kept


def _told_by(name: str, told: dict[str, int]) -> str:
    """The joint itself, or the nearest above it that the rig has."""
    while name not in told:
        name = SMPLX_JOINTS[SMPLX_PARENTS[SMPLX_JOINTS.index(name)]]
    return name


def _corrections(skeleton: RigSkeleton, told: dict[str, int], places: Tensor) -> dict[str, Tensor]:
    """Joint of SMPL-X -> rotation in the world [3, 3] from the rest pose to our T-pose.

    Raises:
        UserError: The rest pose is no T- or A-pose.
    """
    turns = skeleton.rest_turns.double()
    joints = tuple(
        Joint(name, parent, bool(smplx_name(name)) or name.endswith("proc"))
        for name, parent in zip(skeleton.names, skeleton.parents, strict=True)
    )
    still = Animated(joints, 30.0, turns[None], places[None], turns, places)
    constants = constants_by_rest(still, {n: i for n, i in told.items() if n in SMPLX_JOINTS[:22]})
    if constants is None:
        raise UserError("MHR: the rest pose of the rig is no T-pose and no A-pose")
    for side in ("left", "right"):
        wrist = f"{side}_wrist"
        fingers = {n: i for n, i in told.items() if n.startswith(side) and n[-1].isdigit()}
        constants |= finger_constants(still, fingers, told[wrist], constants[wrist], side) or {}
    found: dict[str, Tensor] = {}
    for name, parent in zip(SMPLX_JOINTS, SMPLX_PARENTS, strict=True):
        known = name in told and name in constants
        above = found[SMPLX_JOINTS[parent]] if parent >= 0 else torch.eye(3).double()
        found[name] = constants[name].mT @ turns[told[name]].mT if known else above
    return found
