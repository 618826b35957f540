"""More files as other programs write them: whole bodies by rotations, hands and faces alone."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from tests.io import motion_writers as files

#: How far fingers of a relaxed hand are bent: joints 1, 2, 3 of index, middle, little, ring finger.
RELAXED = (0.1, 0.4, 0.25, 0.1, 0.5, 0.3, 0.5, 0.5, 0.4, 0.35, 0.5, 0.35)


def matrices(rotvec) -> np.ndarray:
    """[T, J, 3, 3] of axis-angle [T, J * 3]."""
    rows = np.asarray(rotvec, float).reshape(len(rotvec), -1, 3)
    return Rotation.from_rotvec(rows.reshape(-1, 3)).as_matrix().reshape(*rows.shape[:2], 3, 3)


def pymaf(path, motion, *, people=1):
    """Every person of every frame in a row, in batches of five; a lens of 5000 pixels."""
    orient, place = files.turned(motion, files.TO_CAMERA)
    body = np.concatenate([orient, files.smplx_body(motion), np.zeros((len(motion), 6))], 1)
    parts = {
        "body_pose": matrices(body),
        "left_hand_pose": matrices(motion.left_hand_pose),
        "right_hand_pose": matrices(motion.right_hand_pose),
        "jaw_pose": matrices(motion.jaw_pose),
        "leye_pose": matrices(motion.leye_pose),
        "reye_pose": matrices(motion.reye_pose),
        "expression": np.zeros((len(motion), 10)),
        "shape": np.zeros((len(motion), 10)),
    }
    rows = np.repeat(np.arange(len(motion)), people)
    batches = [
        {name: torch.tensor(value[rows[i : i + 5]]).float() for name, value in parts.items()}
        for i in range(0, len(rows), 5)
    ]
    where = place - files.PELVIS["smplx"]
    where[:, 2] += 40 + np.sin(np.arange(len(motion)))  # nonsense
    files._dump(path, {
        "pred_cam": np.zeros((len(rows), 3)), "orig_cam_t": where[rows],
        "pose": np.zeros((len(rows), 72)), "betas": np.zeros((len(rows), 10)),
        "frame_ids": rows.tolist(), "person_ids": [f"a_f{f}_p0" for f in rows],
        "smplx_params": batches,
    })  # fmt: skip


def from_relaxed(motion, side) -> np.ndarray:
    """[T, 45] turns from a relaxed hand."""
    hand = getattr(motion, f"{side}_hand_pose").double().numpy().reshape(-1, 15, 3).copy()
    hand[:, :12, 2] += np.array(RELAXED) * (1 if side == "left" else -1)
    return hand.reshape(len(hand), 45)


def mano(path, motion):
    """Both hands: axis-angle with the wrist before the fingers, from the mean hand on."""
    wrist = np.full((len(motion), 3), 0.3)
    content = {
        side: {"pose": np.concatenate([wrist, from_relaxed(motion, side)], 1),
               "trans": np.zeros((len(motion), 3)), "shape": np.zeros(10)}
        for side in ("left", "right")
    }  # fmt: skip
    files._dump(path, {**content, "fps": motion.fps})


def hamer(path, motion, side):
    """One hand as rotations; a left one is given as a right one in a mirror."""
    flip = np.diag([1.0, -1.0, -1.0]) if side == "left" else np.eye(3)
    # a mirror across the plane of x turns rotation vectors so
    rotvec = getattr(motion, f"{side}_hand_pose").double().numpy().reshape(-1, 3) @ flip
    turned = Rotation.from_rotvec(rotvec).as_matrix()
    np.savez(path, hand_pose=np.reshape(turned, (len(motion), 15, 3, 3)),
             global_orient=np.zeros((len(motion), 1, 3, 3)), fps=motion.fps,
             is_right=np.full(len(motion), float(side == "right")))  # fmt: skip


def flame(path, motion):
    np.savez(path, jaw_pose=motion.jaw_pose, expression=np.ones((len(motion), 100)),
             eyes_pose=np.concatenate([motion.leye_pose, motion.reye_pose], 1),
             neck_pose=np.zeros((len(motion), 3)), shape=np.zeros(300), fps=motion.fps)  # fmt: skip


#: Joint of ours -> joint of MHR's rig, by their order there.
MHR = {
    "pelvis": 1, "spine1": 34, "spine2": 35, "spine3": 37, "neck": 110, "head": 113,
    **{f"{side}_{name}": first + i for side, first in (("left", 2), ("right", 18))
       for name, i in (("hip", 0), ("knee", 1), ("ankle", 2), ("foot", 6))},
    **{f"{side}_{name}": first + i for side, first in (("left", 74), ("right", 38))
       for name, i in (("collar", 0), ("shoulder", 1), ("elbow", 2), ("wrist", 4))},
    **{f"{side}_{finger}{k}": first + i + k - 1 for side, first in (("left", 74), ("right", 38))
       for finger, i in (("pinky", 6), ("ring", 10), ("middle", 14), ("index", 18), ("thumb", 23))
       for k in (1, 2, 3)},
}  # fmt: skip


def mhr_frames(motion) -> list[dict]:
    """What SAM 3D Body says of each frame: joints of a rig whose axes are its own."""
    draw = np.random.default_rng(0)
    offsets = files.all_offsets()
    world = np.stack([turn.as_matrix() for turn in files.world_turns(motion)], 1)
    places = np.zeros((len(motion), 55, 3))
    for j, above in enumerate(SMPLX_PARENTS):
        moved = world[:, above] @ offsets[j] if above >= 0 else motion.transl.double().numpy()
        places[:, j] = moved + (places[:, above] if above >= 0 else 0)
    flip = np.diag([1.0, -1.0, -1.0])  # the camera's axes, seen from the rig's
    turns = np.tile(np.eye(3), (len(motion), 127, 1, 1))
    at = np.zeros((len(motion), 127, 3))
    axes = Rotation.create_group("O").as_matrix()
    for name, number in MHR.items():
        j = SMPLX_JOINTS.index(name)
        own = axes[draw.integers(24)] if "_" in name and name[-1].isdigit() else axes[7]
        turns[:, number] = world[:, j] @ own
        at[:, number] = places[:, j]
    for side, first in (("left", 74), ("right", 38)):
        for finger, i in (("pinky", 6), ("ring", 10), ("middle", 14), ("index", 18), ("thumb", 23)):
            j = SMPLX_JOINTS.index(f"{side}_{finger}3")
            at[:, first + i + 3] = places[:, j] + world[:, j] @ offsets[j]
    at[:, 126] = at[:, 113] + world[:, SMPLX_JOINTS.index("head")] @ [0, 0.2, 0]
    camera = np.array([0.2, 0.1, 3.0])
    return [
        {"pred_joint_coords": at[t] @ flip, "pred_global_rots": turns[t],
         "pred_cam_t": camera, "mhr_model_params": np.zeros(204), "shape_params": np.zeros(45),
         "expr_params": np.zeros(72), "pred_keypoints_3d": np.zeros((70, 3))}
        for t in range(len(motion))
    ]  # fmt: skip


def sam3d(path, motion, *, people=1):
    files._dump(path, [[frame] * people for frame in mhr_frames(motion)])


def sam3d_folder(path, motion):
    path.mkdir()
    for t, frame in enumerate(mhr_frames(motion)):
        np.savez(path / f"frame_{t:05d}.npz", **frame)
