"""BVH files against forward kinematics written separately, on two made-up rigs and real clips."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from avatar_kit.errors import UserError
from avatar_kit.io import load_motion
from avatar_kit.io.motion.bvh import read_bvh
from avatar_kit.io.motion.joint_names import match_joints
from avatar_kit.io.motion.limbs import LIMBS
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

SHARED = Path(__file__).parents[3] / "shared" / "data" / "motion"

# A T-pose skeleton in centimetres: name, parent, offset; in the order of the file.
BODY = [
    ("Hips", None, (0, 95, 0)),
    ("Spine", "Hips", (0, 12, 0)),
    ("Chest", "Spine", (0, 20, 0)),
    ("Neck", "Chest", (0, 20, 0)),
    ("Head", "Neck", (0, 10, 0)),
    *[
        row
        for side, x in (("Left", 1), ("Right", -1))
        for row in (
            (f"{side}Shoulder", "Chest", (5 * x, 15, 0)),
            (f"{side}Arm", f"{side}Shoulder", (13 * x, 0, 0)),
            (f"{side}ForeArm", f"{side}Arm", (28 * x, 0, 0)),
            (f"{side}Hand", f"{side}ForeArm", (25 * x, 0, 0)),
        )
    ],
    *[
        row
        for side, x in (("Left", 1), ("Right", -1))
        for row in (
            (f"{side}UpLeg", "Hips", (9 * x, -5, 0)),
            (f"{side}Leg", f"{side}UpLeg", (0, -42, 0)),
            (f"{side}Foot", f"{side}Leg", (0, -42, 0)),
            (f"{side}ToeBase", f"{side}Foot", (0, -6, 13)),
        )
    ],
]
CHANNELS = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"


def write_bvh(path, angles, roots, rest=None):
    """Write the body with local angles name -> [T, 3] (z, x, y degrees) and joint axes ``rest``.

    ``rest`` name -> rotation of the joint's axes in the T-pose: the same movement in another rig.
    """
    frames = len(roots)
    axes = {name: (rest or {}).get(name, Rotation.identity()) for name, _, _ in BODY}
    rows = []
    for t in range(frames):
        row = []
        for name, parent, offset in BODY:
            above = axes[parent] if parent else Rotation.identity()
            turn = Rotation.from_euler(
                "ZXY", angles.get(name, np.zeros((frames, 3)))[t], degrees=True
            )
            local = above.inv() * turn * axes[name]
            place = roots[t] if parent is None else above.inv().apply(offset)
            row += [*place, *local.as_euler("ZXY", degrees=True)]
        rows.append(" ".join(f"{v:.6f}" for v in row))

    def block(name, depth):
        pad = "  " * depth
        parent, offset = next((p, o) for n, p, o in BODY if n == name)
        shown = axes[parent].inv().apply(offset) if parent else offset
        lines = [f"{pad}{'JOINT' if parent else 'ROOT'} {name}", f"{pad}{{"]
        lines += [f"{pad}  OFFSET {shown[0]:.6f} {shown[1]:.6f} {shown[2]:.6f}"]
        lines += [f"{pad}  CHANNELS {CHANNELS}"]
        children = [n for n, p, _ in BODY if p == name]
        for child in children:
            lines += block(child, depth + 1)
        if not children:
            lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0 0 0", f"{pad}  }}"]
        return [*lines, f"{pad}}}"]

    text = ["HIERARCHY", *block("Hips", 0), "MOTION", f"Frames: {frames}", "Frame Time: 0.033333"]
    path.write_text("\n".join([*text, *rows]) + "\n")
    return path


def movement(frames=40, seed=0):
    """Angles of a walk with swinging, bending arms, and where the hips are."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 4 * np.pi, frames)
    angles = {
        name: rng.normal(size=(1, 3)) * 4 * np.sin(t + i)[:, None]
        for i, (name, _, _) in enumerate(BODY)
    }
    wave, zero = np.sin(t), np.zeros(frames)
    for side, s in (("Left", 1), ("Right", -1)):
        angles[f"{side}Arm"] = np.stack([zero - 70 * s, zero + 5, 25 * wave], 1)
        angles[f"{side}ForeArm"] = np.stack([zero, zero, -s * (35 + 20 * wave)], 1)
        angles[f"{side}UpLeg"] = np.stack([zero, -25 * s * wave - 10, zero], 1)
        angles[f"{side}Leg"] = np.stack([zero, 20 + 15 * s * wave, zero], 1)
    roots = np.stack([10 * wave, 93 + 2 * wave, 100 * t / t[-1]], 1)
    return angles, roots


#: Axes as some studios ship them: x along every bone, mirrored on the right side.
def bone_axes():
    along = {
        "Hips": ("y", "-x"),
        "Spine": ("y", "z"),
        "Chest": ("y", "z"),
        "Neck": ("y", "z"),
        "Head": ("y", "z"),
    }
    for side, x in (("Left", "x"), ("Right", "x")):
        for joint in ("Shoulder", "Arm", "ForeArm", "Hand"):
            along[f"{side}{joint}"] = (x, "y" if side == "Left" else "-y")
        for joint in ("UpLeg", "Leg", "Foot", "ToeBase"):
            along[f"{side}{joint}"] = ("-y" if side == "Left" else "y", "x")
    unit = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
    vector = lambda a: np.array(unit[a[-1]]) * (-1 if a[0] == "-" else 1)  # noqa: E731
    axes = {}
    for name, (first, second) in along.items():
        a, b = vector(first), vector(second)
        axes[name] = Rotation.from_matrix(np.stack([a, b, np.cross(a, b)], 1))
    return axes


def world_rotations(rotvec: torch.Tensor) -> dict[str, Rotation]:
    """Forward kinematics of the SMPL-X tree, with scipy."""
    world = {}
    for j, (name, parent) in enumerate(zip(SMPLX_JOINTS, SMPLX_PARENTS, strict=True)):
        local = Rotation.from_rotvec(rotvec[:, j].double().numpy())
        world[name] = local if parent < 0 else world[SMPLX_JOINTS[parent]] * local
    return world


def bvh_positions(path) -> dict[str, np.ndarray]:
    """Forward kinematics of the file itself, [T, 3] by joint name, with scipy."""
    bvh = read_bvh(path)
    column, turned, places = 0, [], []
    for joint in bvh.joints:
        values = bvh.values[:, column : column + len(joint.channels)].numpy()
        column += len(joint.channels)
        offset = np.tile(joint.offset, (len(values) or 1, 1)).astype(float)
        turn = Rotation.identity(len(bvh.values))
        if joint.channels:
            offset = values[:, :3]
            turn = Rotation.from_euler("ZXY", values[:, 3:], degrees=True)
        if joint.parent >= 0:
            offset = places[joint.parent] + turned[joint.parent].apply(offset)
            turn = turned[joint.parent] * turn
        turned.append(turn)
        places.append(offset)
    return {joint.name: place for joint, place in zip(bvh.joints, places, strict=True)}


def limb_error(path) -> float:
    """Largest angle in degrees between a limb in the file and in the loaded motion."""
    joints = match_joints(read_bvh(path).animated().joints, path)
    names = [joint.name for joint in read_bvh(path).joints]
    places = bvh_positions(path)
    world = world_rotations(load_motion(path).rotvec())
    errors = []
    for joint, (child, direction) in LIMBS.items():
        bone = places[names[joints[child]]] - places[names[joints[joint]]]
        bone /= np.linalg.norm(bone, axis=1, keepdims=True)
        cosine = (bone * world[joint].apply(direction)).sum(1).clip(-1, 1)
        errors.append(np.degrees(np.arccos(cosine)).max())
    return max(errors)


@pytest.mark.parametrize("rest", [None, bone_axes()], ids=["T-pose rig", "bone-axes rig"])
def test_known_rotations_come_back(tmp_path, rest):
    """The rotations the file was written from, whatever axes the rig has."""
    angles, roots = movement()
    motion = load_motion(write_bvh(tmp_path / "a.bvh", angles, roots, rest))
    assert motion.fps == 30
    np.testing.assert_allclose(motion.transl, roots / 100, atol=1e-5)
    ours = {"pelvis": "Hips", "spine1": "Spine", "spine3": "Chest", "neck": "Neck", "head": "Head"}
    for side in ("left", "right"):
        pairs = zip(
            ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
            ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot"),
            strict=True,
        )
        ours |= {f"{side}_{a}": f"{side.title()}{b}" for a, b in pairs}
    for name, joint in ours.items():
        found = Rotation.from_rotvec(motion.rotvec()[:, SMPLX_JOINTS.index(name)].double().numpy())
        expected = Rotation.from_euler("ZXY", angles[joint], degrees=True)
        off = np.degrees((expected.inv() * found).as_rotvec())
        if name.endswith("ankle"):  # a slope of the standing foot, constant and about x, is free
            assert np.ptp(off, axis=0).max() < 0.01 and np.abs(off[:, 1:]).max() < 0.01
        else:
            assert np.abs(off).max() < 0.01, f"{name} is off by {off.max():.2f} degrees"


@pytest.mark.parametrize("rest", [None, bone_axes()], ids=["T-pose rig", "bone-axes rig"])
def test_limbs_point_where_the_files_own_kinematics_say(tmp_path, rest):
    assert limb_error(write_bvh(tmp_path / "a.bvh", *movement(seed=3), rest)) < 0.05


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/motion")
@pytest.mark.parametrize(
    "name", ["bow_normal", "kick_normal", "walk_normal", "walk-turn-left_active"]
)
def test_limbs_of_real_clips(name):
    (path,) = (SHARED / "bvh").glob(f"*_{name}_001.bvh")
    assert limb_error(path) < 0.05


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/motion")
@pytest.mark.parametrize("name", ["bow_normal", "kick_normal", "walk_normal"])
def test_real_clips_agree_with_a_retargeting_by_others(name):
    """The same recordings, retargeted to SMPL elsewhere at 15 fps: also the twist must agree."""
    clip = f"dataset-1_{name}_001"
    mine = load_motion(SHARED / "bvh" / f"{clip}.bvh")[::2]
    theirs = load_motion(SHARED / "bandai_smpl_15fps.npz", clip=clip)
    frames = min(len(mine), len(theirs))
    a, b = (world_rotations(m.rotvec()[:frames]) for m in (mine, theirs))
    same = [*LIMBS, "pelvis", "spine1", "spine3", "neck", "head", "left_wrist", "right_wrist"]
    for joint in same:
        off = np.degrees((a[joint].inv() * b[joint]).magnitude())
        assert np.median(off) < 0.2, f"{joint} is off by {np.median(off):.2f} degrees"
    assert (mine.transl[:frames] - theirs.transl[:frames]).norm(dim=1).max() < 0.01


# What bad input gets


def refused(path, pattern):
    with pytest.raises(UserError, match=pattern) as error:
        load_motion(path)
    assert "\n" not in str(error.value)


@pytest.fixture
def good(tmp_path):
    return write_bvh(tmp_path / "a.bvh", *movement(4))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_missing_file(tmp_path):
    refused(tmp_path / "a.bvh", r"a\.bvh: no such motion file")


def test_not_a_bvh(tmp_path):
    (tmp_path / "a.bvh").write_text("hello")
    refused(tmp_path / "a.bvh", r"a\.bvh: not a BVH file \(HIERARCHY or MOTION is missing\)")


def test_cut_short(good):
    good.write_text(good.read_text()[:-200])
    refused(good, r"a\.bvh: \d+ values, expected 4 frames x \d+ channels = \d+; the file is cut")


def test_words_among_the_numbers(good):
    good.write_text(good.read_text() + "end")
    refused(good, r"a\.bvh: MOTION, frame 4: 'end' is no finite number")


def test_no_frame_time(good):
    refused(edit(good, "Frame Time:", "Time:"), r"a\.bvh: MOTION must start with 'Frames: N'")


def test_unknown_channel(good):
    refused(edit(good, "Zrotation", "Wrotation"), r"a\.bvh: CHANNELS of 'Hips' is '6 Xposition")


def test_no_frames(tmp_path, good):
    text = good.read_text()
    good.write_text(text[: text.index("Frames:")] + "Frames: 0\nFrame Time: 0.03\n")
    refused(good, r"a\.bvh: the motion has no frames")


def test_unknown_joints(good):
    refused(
        edit(good, "LeftHand", "Paw"),
        r"a\.bvh: no joint called like 'left wrist'; the joints are Hips,",
    )
