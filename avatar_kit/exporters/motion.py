"""The motion of an avatar, in the files of other programs."""

from __future__ import annotations

from pathlib import Path

import roma
import torch
from torch import Tensor

from avatar_kit.exporters.config import BvhConfig
from avatar_kit.exporters.joint_centres import joint_centres
from avatar_kit.interfaces import Avatar, Exported, Exporter, ExportSource, Report
from avatar_kit.io.motion.bvh_writing import ORDER, BvhSkeleton, write_bvh
from avatar_kit.io.motion.smpl import save_amass
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS, HAND_KEYPOINTS, SMPLX_JOINTS, SMPLX_PARENTS

#: File units in a metre.
_UNITS = {"cm": 100.0, "m": 1.0}

#: Length of a bone whose end no key point tells, metres.
_END = 0.02


class AmassFile(Exporter):
    """AMASS: what SMPL-X programs drive their body with."""

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the motion, or the training motion where there is none."""
        motion = _motion(source)
        save_amass(out, motion)
        notes = ["z up", "betas are zeros: the proportions of the person are not in it"]
        return Exported(_what(source, motion), (*notes, *_faces(motion)))


class BvhFile(Exporter):
    """BVH: the joints of the SMPL-X convention that the body has; zero angles are the T-pose."""

    config: BvhConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the motion, or the training motion where there is none."""
        motion, unit = _motion(source), self.config.unit
        centres, known = joint_centres(source.avatar)
        joints = known.nonzero()[:, 0].tolist()
        skeleton = _skeleton(source.avatar, centres, joints, _UNITS[unit])
        rotations = roma.rotvec_to_rotmat(motion.rotvec().cpu().double())[:, joints]
        write_bvh(out, skeleton, rotations, _UNITS[unit] * motion.transl.cpu(), motion.fps)
        notes = [f"y up, {unit}, angles in the order {ORDER}", *_faces(motion)]
        missing = [SMPLX_JOINTS[i] for i in range(len(known)) if not known[i]]
        if missing:
            body = source.avatar.body.asset.name
            notes.append(f"without {', '.join(missing)}, which the body {body} does not have")
        return Exported(f"{_what(source, motion)}, {len(joints)} joints", tuple(notes))


def _motion(source: ExportSource) -> Motion:
    return source.training_motion if source.motion is None else source.motion


def _what(source: ExportSource, motion: Motion) -> str:
    text = f"{len(motion)} frames at {motion.fps:g} fps"
    return f"the training motion, {text}" if source.motion is None else text


def _faces(motion: Motion) -> list[str]:
    shown = bool((motion.expression > 0).any())
    return ["expressions of the face are left out"] if shown else []


def _skeleton(avatar: Avatar, centres: Tensor, joints: list[int], unit: float) -> BvhSkeleton:
    """The joints that a body has, hung on the nearest one above that it has."""
    parents = []
    for joint in joints:
        parent = SMPLX_PARENTS[joint]
        while parent >= 0 and parent not in joints:
            parent = SMPLX_PARENTS[parent]
        parents.append(joints.index(parent) if parent >= 0 else -1)
    places = centres[joints]
    above = places[[max(p, 0) for p in parents]]
    names = [SMPLX_JOINTS[joint] for joint in joints]
    tips = _tips(avatar)
    ends = {}
    for i, name in enumerate(names):
        reach = tips[name] - places[i] if name in tips else torch.tensor([0.0, 0.0, _END])
        ends[i] = unit * reach
    return BvhSkeleton(names, parents, unit * (places - above), ends)


@torch.no_grad()
def _tips(avatar: Avatar) -> dict[str, Tensor]:
    """Joint -> [3] where its bone ends in the T-pose, metres from the pelvis: fingers and feet."""
    motion = Motion.rest(1).to(avatar.shape.device)
    points = avatar.body.keypoints(avatar.body.from_motion(motion, avatar.shape))[0].cpu()
    found = {}
    for i, side in enumerate(("left", "right")):
        found[f"{side}_foot"] = points[BODY_KEYPOINTS.index(f"{side}_big_toe")]
        hand = points[len(BODY_KEYPOINTS) + i * len(HAND_KEYPOINTS) :]
        for finger in ("index", "middle", "pinky", "ring", "thumb"):
            found[f"{side}_{finger}3"] = hand[HAND_KEYPOINTS.index(f"{finger}4")]
    return found
