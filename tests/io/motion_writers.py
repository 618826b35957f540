"""Files as other programs write them, of a motion that is known: exact imitations of each layout.

Conversions are scipy's and numpy's, by the words of each format, not ours.
"""

from __future__ import annotations

import json
import pickle

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import body_positions, rest_offsets

#: Places of the pelvis in the rest poses of the models.
PELVIS = {"smpl": (-0.0018, -0.2233, 0.0282), "smplx": (0.0031, -0.3514, 0.0120)}

#: What stands in the world's place for a camera: x right, y down, z ahead, 3 m away.
TO_CAMERA = Rotation.from_rotvec([np.pi, 0, 0])


def walking(frames=40, fps=30.0, *, hands=False, seed=0) -> Motion:
    """Somebody who walks, turns, bends and swings as people can; fingers and jaw if asked for."""
    draw = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    body = np.zeros((frames, 21, 3))
    for joint in range(21):
        amount = 0.05 if SMPLX_JOINTS[joint + 1].endswith("foot") else 0.25
        speed, phase = draw.uniform(1, 4, 3), draw.uniform(0, 6, 3)
        body[:, joint] = amount * np.sin(speed * t[:, None] + phase)
    body[:, 15, 2] -= 0.9
    body[:, 16, 2] += 0.9
    body[:, 17, 1] -= 0.7
    body[:, 18, 1] += 0.7
    body[:, 3:5, 0] += 0.6
    place = np.stack([0.3 * np.sin(t), 0.9 + 0.02 * np.sin(6 * t), 1.1 * t], 1)
    turn = np.stack([0.1 * np.sin(2 * t), 0.8 * np.sin(t) + 0.4, 0.05 * np.cos(3 * t)], 1)
    fields = {"transl": place, "global_orient": turn, "body_pose": body.reshape(frames, -1)}
    if hands:
        bend = np.zeros((frames, 15, 3))
        bend[:, :12, 2] = 0.5 + 0.4 * np.sin(3 * t)[:, None]
        bend[:, 12:] = 0.2 * np.sin(2 * t)[:, None, None]
        fields |= {"left_hand_pose": -bend.reshape(frames, -1)}
        fields |= {"right_hand_pose": bend.reshape(frames, -1)}
        fields |= {"jaw_pose": np.stack([0.1 + 0.1 * np.sin(t), 0 * t, 0 * t], 1)}
    return Motion.rest(frames, fps, **{k: torch.tensor(v).float() for k, v in fields.items()})


def joints(motion: Motion) -> np.ndarray:
    """[T, 22, 3] metres."""
    return body_positions(motion).numpy()


def smplx_body(motion: Motion) -> np.ndarray:
    """[T, 63] turns from SMPL-X's rest pose: upper arms hang by 12 degrees, forearms rise by 2."""
    body = motion.body_pose.double().numpy().reshape(-1, 21, 3).copy()
    for side, sign in (("left", 1), ("right", -1)):
        bones = [Rotation.from_rotvec([0, 0, sign * np.radians(a)]) for a in (0, -12, 2, 0)]
        for part, above, own in zip(("shoulder", "elbow", "wrist"), bones, bones[1:], strict=False):
            i = SMPLX_JOINTS.index(f"{side}_{part}") - 1
            body[:, i] = (above * Rotation.from_rotvec(body[:, i]) * own.inv()).as_rotvec()
    return body.reshape(-1, 63)


def rows(motion: Motion, width: int) -> np.ndarray:
    """[T, width] all joints of SMPL, SMPL-H or SMPL-X."""
    m = {k: getattr(motion, k).double().numpy() for k in (
        "global_orient", "body_pose", "left_hand_pose", "right_hand_pose", "jaw_pose", "leye_pose",
        "reye_pose")}  # fmt: skip
    head = [m["global_orient"], smplx_body(motion) if width == 165 else m["body_pose"]]
    hands = [m["left_hand_pose"], m["right_hand_pose"]]
    if width == 72:
        return np.concatenate([*head, np.zeros((len(motion), 6))], 1)
    face = [m["jaw_pose"], m["leye_pose"], m["reye_pose"]] if width == 165 else []
    return np.concatenate([*head, *face, *hands], 1)


def turned(motion: Motion, turn: Rotation) -> tuple[np.ndarray, np.ndarray]:
    """Orientation and place of the pelvis in a turned world."""
    orient = turn * Rotation.from_rotvec(motion.global_orient.double().numpy())
    return orient.as_rotvec(), turn.apply(motion.transl.double().numpy())


def amass(path, motion, width=165):
    orient, place = turned(motion, Rotation.from_rotvec([np.pi / 2, 0, 0]))
    poses = rows(motion, width)
    poses[:, :3] = orient
    trans = place - PELVIS["smplx" if width == 165 else "smpl"]
    np.savez(path, poses=poses, trans=trans, betas=np.zeros(16), gender="neutral",
             mocap_framerate=motion.fps)  # fmt: skip


def aist(path, motion):
    scale = 93.7
    content = {
        "smpl_loss": 1.5,
        "smpl_poses": rows(motion, 72),
        "smpl_scaling": np.array([scale]),
        "smpl_trans": (motion.transl.double().numpy() - PELVIS["smpl"]) * scale,
    }
    path.write_bytes(pickle.dumps(content))


def gvhmr(path, motion):
    world = {
        "body_pose": torch.tensor(smplx_body(motion)).float(),
        "betas": torch.zeros(len(motion), 10),
        "global_orient": motion.global_orient,
        "transl": motion.transl - torch.tensor(PELVIS["smplx"]),
    }
    torch.save({"smpl_params_global": world, "smpl_params_incam": world,
                "K_fullimg": torch.eye(3).expand(len(motion), 3, 3).clone()}, path)  # fmt: skip


def joints_npy(path, motion):
    np.save(path, joints(motion))


def mdm(path, motion):
    content = {"motion": joints(motion).transpose(1, 2, 0)[None], "text": ["a walk"],
               "lengths": np.array([len(motion)]), "num_samples": 1}  # fmt: skip
    np.save(path, content, allow_pickle=True)


def humanml(path, motion):
    """Steps and headings as seen by the next frame, heights, places below the pelvis."""
    at = joints(motion)
    across = at[:, 1] - at[:, 2] + at[:, 16] - at[:, 17]
    ahead = np.cross(across, [0, 1, 0])
    heading = np.arctan2(ahead[:, 0], ahead[:, 2])
    upright = Rotation.from_rotvec(np.outer(-heading, [0, 1, 0]))
    first = Rotation.from_rotvec([0, -heading[0], 0])
    features = np.zeros((len(at), 263))
    change = np.angle(np.exp(1j * np.diff(heading)))
    features[:-1, 0] = -change / 2
    steps = np.diff(at[:, 0], axis=0)
    features[:-1, 1:3] = upright[1:].apply(steps)[:, [0, 2]]
    features[:, 3] = at[:, 0, 1]
    for t in range(len(at)):
        local = at[t, 1:] - at[t, 0] * (1, 0, 1)
        features[t, 4:67] = upright[t].apply(local).ravel()
    np.save(path, features)
    return first.apply((at - at[0, 0] * (1, 0, 1)).reshape(-1, 3)).reshape(at.shape)


def motion_x(path, motion):
    r = rows(motion, 165)
    place = motion.transl.double().numpy() - PELVIS["smplx"]
    zeros = np.zeros
    n = len(motion)
    np.save(path, np.concatenate([r[:, :66], r[:, 75:], r[:, 66:69], zeros((n, 50)),
                                  zeros((n, 100)), place, zeros((n, 10))], 1))  # fmt: skip


def wham(path, motion):
    person = {
        "pose": rows(motion, 72), "trans": np.zeros((len(motion), 3)),
        "pose_world": rows(motion, 72),
        "trans_world": motion.transl.double().numpy() - PELVIS["smpl"],
        "betas": np.zeros((len(motion), 10)), "verts": np.zeros((len(motion), 4, 3), np.float32),
        "frame_ids": np.arange(5, 5 + len(motion)),
    }  # fmt: skip
    _dump(path, {0: person})


def humans4d(path, motion, *, compress=3):
    orient, place = turned(motion, TO_CAMERA)
    poses = rows(motion, 72)
    frames = {}
    for t in range(len(motion)):
        turns = Rotation.from_rotvec(poses[t].reshape(24, 3)[1:]).as_matrix()
        root = Rotation.from_rotvec(orient[t]).as_matrix()[None]
        smpl = {"global_orient": root, "body_pose": turns, "betas": np.zeros(10)}
        ghost = {"global_orient": root, "body_pose": 0 * turns + np.eye(3), "betas": np.zeros(10)}
        frames[f"outputs/{t:06d}.jpg"] = {
            "tid": [4, 9], "tracked_time": [0, 3], "smpl": [smpl, ghost], "time": t, "shot": 0,
            "camera": [place[t] - PELVIS["smpl"], np.zeros(3)], "size": [[720, 1280]] * 2,
            "mask": [{"size": [720, 1280], "counts": b"abc"}] * 2,
        }  # fmt: skip
    _dump(path, frames, compress)


def tram(path, motion):
    orient, place = turned(motion, TO_CAMERA)
    poses = rows(motion, 72)
    poses[:, :3] = orient
    turns = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    content = {
        "pred_rotmat": torch.tensor(turns).float(),
        "pred_trans": torch.tensor(place - PELVIS["smpl"]).float()[:, None],
        "pred_shape": torch.zeros(len(motion), 10), "pred_cam": torch.zeros(len(motion), 3),
        "frame": torch.arange(len(motion)),
    }  # fmt: skip
    np.save(path, content, allow_pickle=True)


def romp(path, motion):
    orient, place = turned(motion, TO_CAMERA)
    poses = rows(motion, 72)
    poses[:, :3] = orient
    results = {
        f"frames/{t:04d}.jpg": {
            "smpl_thetas": poses[t : t + 1].astype(np.float32),
            "cam_trans": (place[t : t + 1] - PELVIS["smpl"]).astype(np.float32),
            "smpl_betas": np.zeros((1, 10), np.float32),
        }
        for t in range(len(motion))
    }
    np.savez(path, results=np.array(results, dtype=object))


def exavatar(path, motion):
    path.mkdir()
    orient, place = turned(motion, TO_CAMERA)
    hands = {"lhand_pose": motion.left_hand_pose, "rhand_pose": motion.right_hand_pose}
    for t in range(len(motion)):
        content = {
            "root_pose": orient[t].tolist(),
            "body_pose": smplx_body(motion)[t].reshape(21, 3).tolist(),
            "jaw_pose": motion.jaw_pose[t].tolist(),
            "leye_pose": [0, 0, 0], "reye_pose": [0, 0, 0], "expr": [0] * 50,
            "trans": (place[t] - PELVIS["smplx"]).tolist(),
            **{name: hand[t].reshape(15, 3).tolist() for name, hand in hands.items()},
        }  # fmt: skip
        (path / f"{t}.json").write_text(json.dumps(content))


def easymocap(path, motion):
    """Vertices are ``R X + T`` about the origin, the pose's own root is zero."""
    path.mkdir()
    orient, place = turned(motion, Rotation.from_rotvec([np.pi / 2, 0, 0]))
    for t in range(len(motion)):
        pelvis = Rotation.from_rotvec(orient[t]).apply(PELVIS["smpl"])
        poses = rows(motion, 72)[t]
        poses[:3] = 0
        person = {"id": 0, "Rh": [orient[t].tolist()], "Th": [(place[t] - pelvis).tolist()],
                  "poses": [poses.tolist()], "shapes": [[0] * 10]}  # fmt: skip
        (path / f"{t:06d}.json").write_text(json.dumps([person]))


def smpler_x(path, motion):
    path.mkdir()
    orient, place = turned(motion, TO_CAMERA)
    for t in range(len(motion)):
        np.savez(path / f"{t + 1:05d}_0.npz", global_orient=orient[t][None],
                 body_pose=smplx_body(motion)[t].reshape(21, 3),
                 left_hand_pose=motion.left_hand_pose[t].reshape(15, 3),
                 right_hand_pose=motion.right_hand_pose[t].reshape(15, 3),
                 jaw_pose=motion.jaw_pose[t].reshape(1, 3), betas=np.zeros((1, 10)),
                 transl=(place[t] - PELVIS["smplx"])[None])  # fmt: skip


def talkshow(path, motion):
    r = rows(motion, 165)
    np.save(path, np.concatenate([r[:, 66:75], r[:, :66], r[:, 75:], np.zeros((len(r), 100))], 1))


def live_link(path, motion, *, fps=60, missing=()):
    """A row a frame: time code with frames, 52 channels in Unreal Engine's spelling, angles."""
    names = [name[0].upper() + name[1:] for name in sorted(ARKIT_CHANNELS, key=len)]
    angles = [f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye")
              for turn in ("Yaw", "Pitch", "Roll")]  # fmt: skip
    lines = [",".join(["Timecode", "BlendshapeCount", *names, *angles])]
    plain = {name.lower(): i for i, name in enumerate(ARKIT_CHANNELS)}
    for t in range(len(motion)):
        if t in missing:
            continue
        start = 11 * fps + 57 + t
        code = f"14:03:{start // fps:02d}:{start % fps:02d}.000"
        values = [f"{motion.expression[t, plain[name.lower()]]:.8f}" for name in names]
        lines.append(",".join([code, "61", *values, "0.3", *["0.0"] * 8]))
    path.write_text("\n".join(lines) + "\n")


def deepmimic(path, motion):
    """Only what the humanoid can do: elbows and knees are hinges, arms count from hanging."""
    mine = Rotation.from_matrix([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # our +z is its +x
    body = motion.body_pose.double().numpy().reshape(-1, 21, 3)
    turns = {"pelvis": Rotation.from_rotvec(motion.global_orient.double().numpy())}
    turns |= {n: Rotation.from_rotvec(body[:, i]) for i, n in enumerate(SMPLX_JOINTS[1:22])}
    frames = np.zeros((len(motion), 44))
    frames[:, 0] = 1 / motion.fps
    frames[:, 1:4] = mine.apply(motion.transl.double().numpy())
    column = 4
    for name in ("pelvis", "spine2", "neck", "right_hip", "right_knee", "right_ankle",
                 "right_shoulder", "right_elbow", "left_hip", "left_knee", "left_ankle",
                 "left_shoulder", "left_elbow"):  # fmt: skip
        turn = turns[name]
        hang = Rotation.from_rotvec([0, 0, np.pi / 2 if "right" in name else -np.pi / 2])
        if name.endswith("knee"):
            frames[:, column] = -turn.as_rotvec()[:, 0]
            column += 1
        elif name.endswith("elbow"):
            frames[:, column] = np.abs(turn.as_rotvec()[:, 1])
            column += 1
        else:
            turn = turn * hang.inv() if name.endswith("shoulder") else turn
            x, y, z, w = (mine * turn * mine.inv()).as_quat().T
            frames[:, column : column + 4] = np.stack([w, x, y, z], 1)
            column += 4
    path.write_text(json.dumps({"Loop": "wrap", "Frames": frames.tolist()}))


def _dump(path, content, compress=0):
    joblib = __import__("pytest").importorskip("joblib")
    joblib.dump(content, path, compress=compress)


def straight_offsets() -> torch.Tensor:
    """[21, 3] round figures with arms and legs exactly along the axes of the T-pose."""
    offsets = rest_offsets()
    for i, name in enumerate(SMPLX_JOINTS[1:22]):
        part = name.rpartition("_")[2]
        if part in ("knee", "ankle"):
            offsets[i] *= torch.tensor([0.0, 1.0, 0.0])
        elif part in ("elbow", "wrist"):
            offsets[i] *= torch.tensor([1.0, 0.0, 0.0])
        elif part == "foot":
            offsets[i, 0] = 0.0
    return offsets


#: Our joint -> its name in Mixamo's skeletons.
MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck",
    "head": "Head",
    **{f"{s.lower()}_{ours}": f"{s}{theirs}" for s in ("Left", "Right") for ours, theirs in (
        ("hip", "UpLeg"), ("knee", "Leg"), ("ankle", "Foot"), ("foot", "ToeBase"),
        ("collar", "Shoulder"), ("shoulder", "Arm"), ("elbow", "ForeArm"), ("wrist", "Hand"))},
    **{f"{side.lower()}_{ours}{i}": f"{side}Hand{theirs}{i}" for side in ("Left", "Right")
       for ours, theirs in (("index", "Index"), ("middle", "Middle"), ("pinky", "Pinky"),
                            ("ring", "Ring"), ("thumb", "Thumb")) for i in (1, 2, 3)},
}  # fmt: skip

#: All joints with a name of Mixamo's: no jaw, no eyes.
NAMED = [i for i, name in enumerate(SMPLX_JOINTS) if name in MIXAMO]


def all_offsets() -> np.ndarray:
    """[55, 3] metres from each joint's parent: the body, and fingers flat along the hand."""
    found = np.zeros((55, 3))
    found[1:22] = straight_offsets().numpy()
    for i, name in enumerate(SMPLX_JOINTS):
        if i < 25:
            continue
        sign = 1.0 if name.startswith("left") else -1.0
        if "thumb" in name:
            angle = np.radians({"1": 0.0, "2": 55.0, "3": 37.0}[name[-1]])
            found[i] = 0.03 * np.array([sign * np.cos(angle), 0, np.sin(angle)])
        else:
            spread = ("index", "middle", "ring", "pinky").index(name.split("_")[1][:-1])
            found[i] = (
                (0.03 * sign, 0, 0) if name[-1] != "1" else (0.09 * sign, 0, 0.03 - 0.02 * spread)
            )
    return found


def world_turns(motion: Motion) -> list[Rotation]:
    """Rotation of each of the 55 joints in the world."""
    local = motion.rotvec().double().numpy()
    found: list[Rotation] = []
    for i, parent in enumerate(SMPLX_PARENTS):
        turn = Rotation.from_rotvec(local[:, i])
        found.append(turn if parent < 0 else found[parent] * turn)
    return found


def glb(path, motion, *, joints=None, arms=np.radians(40), seed=3):
    """Mixamo's skeleton in centimetres below a turned and scaled node, built with hanging arms.

    The axes of every joint are drawn at random: only the built pose tells what they mean.
    """
    from avatar_kit.io.glb import GlbBuffer

    joints = NAMED if joints is None else joints
    random = Rotation.random(55, random_state=seed)
    offsets, world = all_offsets(), world_turns(motion)
    built = []
    for name in SMPLX_JOINTS:
        below = name.endswith(("shoulder", "elbow", "wrist"))
        below |= name[-1].isdigit() and "spine" not in name
        sign = -1.0 if name.startswith("left") else 1.0
        built.append(Rotation.from_rotvec([0, 0, sign * arms * below]))
    armature = Rotation.from_rotvec([-np.pi / 2, 0, 0])
    buffer, nodes = GlbBuffer(), [{"name": "Armature", "children": [1], "scale": [0.01] * 3,
                                   "rotation": armature.as_quat().tolist()}]  # fmt: skip
    times = buffer.add(
        (np.arange(len(motion)) / motion.fps).astype(np.float32), "SCALAR", bounds=True
    )
    samplers, channels, binds = [], [], []
    place_built = np.zeros((55, 3))
    for i in joints:
        parent = SMPLX_PARENTS[i]
        above = parent if parent in joints else -1
        node = {"name": f"mixamorig:{MIXAMO[SMPLX_JOINTS[i]]}"}
        turn = world[i] * random[i]
        if above >= 0:
            turn = (world[above] * random[above]).inv() * turn
            node["translation"] = (100 * random[above].inv().apply(offsets[i])).tolist()
            place_built[i] = place_built[above] + built[above].apply(offsets[i])
        else:
            turn = armature.inv() * turn
            place_built[i] = (0, 0.9, 0)
            root = 100 * armature.inv().apply(motion.transl.double().numpy())
            _animated(buffer, samplers, channels, times, len(nodes), "translation", root)
        below = [nodes_of(joints, c) for c in joints if SMPLX_PARENTS[c] == i]
        nodes.append({**node, **({"children": below} if below else {})})
        _animated(buffer, samplers, channels, times, len(nodes) - 1, "rotation", turn.as_quat())
        bind = np.eye(4)
        bind[:3, :3] = armature.inv().as_matrix() @ (built[i] * random[i]).as_matrix()
        bind[:3, 3] = 100 * armature.inv().apply(place_built[i])
        binds.append(np.linalg.inv(bind))
    inverse = buffer.add(np.stack(binds).astype(np.float32), "MAT4")
    skin = {"joints": [nodes_of(joints, i) for i in joints], "inverseBindMatrices": inverse}
    document = {"asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": nodes,
                "skins": [skin], "animations": [{"name": "walk", "samplers": samplers,
                                                 "channels": channels}]}  # fmt: skip
    path.write_bytes(buffer.packed(document))


def nodes_of(joints, joint):
    return 1 + joints.index(joint)


def _animated(buffer, samplers, channels, times, node, path, values):
    kind = "VEC4" if path == "rotation" else "VEC3"
    samplers.append({"input": times, "output": buffer.add(values.astype(np.float32), kind)})
    channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})


def bvh(path, motion, *, names=MIXAMO, unit=100.0):
    """A skeleton of other names that is built in the T-pose, with fingers, in centimetres."""
    offsets, kept = all_offsets(), NAMED
    local = motion.rotvec().double().numpy()
    lines, order = ["HIERARCHY"], []

    def joint(i, depth):
        order.append(i)
        below = [c for c in kept if SMPLX_PARENTS[c] == i]
        where = " ".join(f"{unit * v:.6f}" for v in offsets[i])
        places = "6 Xposition Yposition Zposition" if depth == 0 else "3"
        lines.append(f"{'JOINT' if depth else 'ROOT'} {names[SMPLX_JOINTS[i]]}")
        lines.extend(["{", f"OFFSET {where}", f"CHANNELS {places} Zrotation Xrotation Yrotation"])
        for c in below:
            joint(c, depth + 1)
        if not below:
            end = 0.02 * np.array([0, 0.1, 0] if "head" in SMPLX_JOINTS[i] else offsets[i] / 0.03)
            lines.extend(
                ["End Site", "{", "OFFSET " + " ".join(f"{unit * v:.6f}" for v in end), "}"]
            )
        lines.append("}")

    joint(0, 0)
    angles = [Rotation.from_rotvec(local[:, i]).as_euler("ZXY", degrees=True) for i in order]
    table = np.concatenate([unit * motion.transl.double().numpy(), *angles], 1)
    lines += ["MOTION", f"Frames: {len(table)}", f"Frame Time: {1 / motion.fps:.9f}"]
    lines += [" ".join(f"{v:.7f}" for v in row) for row in table]
    path.write_text("\n".join(lines) + "\n")
