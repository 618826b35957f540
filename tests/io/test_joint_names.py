"""Skeletons with the joint names of programs that people use: the same motion."""

from pathlib import Path

import pytest
import torch

from avatar_kit.io.motion import read_file
from avatar_kit.io.motion.animated import Joint
from avatar_kit.io.motion.bvh_export import save_bvh
from avatar_kit.io.motion.joint_names import match_joints
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from tests.io import motion_writers as files

WALK = files.walking(hands=True)

BODY = "pelvis spine1 spine2 spine3 neck head hip knee ankle foot collar shoulder elbow wrist"
PARTS = BODY.split(" ")

#: Program -> left, right and middle around a part, the parts in the order above, words of the
#: fingers (thumb, index, middle, ring, pinky) and how a finger's word and number are put together.
PROGRAMS = {
    "Unreal": (
        ("{}_l", "{}_r", "{}"),
        "pelvis spine_01 spine_02 spine_03 neck_01 head thigh calf foot ball clavicle upperarm "
        "lowerarm hand",
        "thumb index middle ring pinky",
        "{0}_0{1}",
    ),
    "Biped of 3ds Max": (
        ("Bip01 L {}", "Bip01 R {}", "Bip01 {}"),
        "Pelvis Spine Spine1 Spine2 Neck Head Thigh Calf Foot Toe0 Clavicle UpperArm Forearm Hand",
        "0 1 2 3 4",
        "Finger{0}{2}",
    ),
    "VRoid": (
        ("J_Bip_L_{}", "J_Bip_R_{}", "J_Bip_C_{}"),
        "Hips Spine Chest UpperChest Neck Head UpperLeg LowerLeg Foot ToeBase Shoulder UpperArm "
        "LowerArm Hand",
        "Thumb Index Middle Ring Little",
        "{0}{1}",
    ),
    "OptiTrack": (
        ("Actor_L{}", "Actor_R{}", "Actor_{}"),
        "Hip Ab Ab2 Chest Neck Head Thigh Shin Foot Toe Shoulder UArm FArm Hand",
        "Thumb Index Middle Ring Pinky",
        "{0}{1}",
    ),
    "Xsens": (
        ("Left{}", "Right{}", "{}"),
        "Pelvis L5 L3 T12 Neck Head UpperLeg LowerLeg Foot Toe Shoulder UpperArm Forearm Hand",
        "Thumb Index Middle Ring Pinky",
        "{0}{1}",
    ),
    "Perception Neuron": (
        ("Robot_Left{}", "Robot_Right{}", "Robot_{}"),
        "Hips Spine Spine1 Spine2 Neck Head UpLeg Leg Foot FootEnd Shoulder Arm ForeArm Hand",
        "HandThumb HandIndex HandMiddle HandRing HandPinky",
        "{0}{1}",
    ),
    "AdvancedSkeleton": (
        ("{}_L", "{}_R", "{}_M"),
        "Root Spine1 Spine2 Chest Neck Head Hip Knee Ankle Toes Scapula Shoulder Elbow Wrist",
        "Thumb Index Middle Ring Pinky",
        "{0}Finger{1}",
    ),
    "Rigify": (
        ("DEF-{}.L", "DEF-{}.R", "DEF-{}"),
        "spine spine.001 spine.002 spine.003 spine.004 spine.006 thigh shin foot toe shoulder "
        "upper_arm forearm hand",
        "thumb f_index f_middle f_ring f_pinky",
        "{0}.0{1}",
    ),
    "Character Creator": (
        ("CC_Base_L_{}", "CC_Base_R_{}", "CC_Base_{}"),
        "Hip Waist Spine01 Spine02 NeckTwist01 Head Thigh Calf Foot ToeBase Clavicle Upperarm "
        "Forearm Hand",
        "Thumb Index Mid Ring Pinky",
        "{0}{1}",
    ),
    "MakeHuman": (
        ("{}.L", "{}.R", "{}"),
        "root spine05 spine03 spine01 neck01 head upperleg01 lowerleg01 foot toe clavicle "
        "upperarm01 lowerarm01 wrist",
        "finger1 finger2 finger3 finger4 finger5",
        "{0}-{1}",
    ),
    "thumb by name, fingers by number": (
        ("{}_L", "{}_R", "{}"),
        "hips spine chest upper_chest neck head thigh shin foot toe collar upper_arm forearm hand",
        "thumb finger1 finger2 finger3 finger4",
        "{0}_{1}",
    ),
}


def named(program):
    around, parts, fingers, put_together = PROGRAMS[program]
    words = dict(zip(PARTS, parts.split(), strict=True))
    words |= {
        f"{finger}{i}": put_together.format(word, i, "" if i == 1 else i - 1)
        for finger, word in zip(
            ("thumb", "index", "middle", "ring", "pinky"), fingers.split(), strict=True
        )
        for i in (1, 2, 3)
    }
    found = {}
    for joint in (SMPLX_JOINTS[i] for i in files.NAMED):
        side, _, part = joint.rpartition("_")
        pattern = around[("left", "right", "").index(side)]
        found[joint] = pattern.format(words[part])
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_motion_whatever_joints_are_called(program, tmp_path):
    files.bvh(tmp_path / "mixamo.bvh", WALK)
    files.bvh(tmp_path / "other.bvh", WALK, names=named(program))
    usual, found = (read_file(tmp_path / f"{name}.bvh") for name in ("mixamo", "other"))
    assert found.hands == "30 finger joints" and found.notes == usual.notes
    torch.testing.assert_close(found.motion.rotvec(), usual.motion.rotvec(), atol=1e-5, rtol=0)
    for name in ("left_hand_pose", "right_hand_pose"):
        difference = getattr(found.motion, name) - getattr(WALK, name)
        assert float(difference.abs().max()) < 1e-4


def test_tips_of_fingers_that_point_aside_tell_nothing(tmp_path):
    """Some programs end every joint along one axis: the last bone goes on as the one before."""
    files.bvh(tmp_path / "a.bvh", WALK)
    text = (tmp_path / "a.bvh").read_text()
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line == "End Site":
            lines[i + 2] = "OFFSET 0 0 2"
    (tmp_path / "b.bvh").write_text("\n".join(lines))
    usual, found = (read_file(tmp_path / name) for name in ("a.bvh", "b.bvh"))
    assert found.hands == usual.hands
    for name in ("left_hand_pose", "right_hand_pose"):
        difference = getattr(found.motion, name) - getattr(usual.motion, name)
        assert float(difference[:, :36].abs().max()) < 1e-4  # thumbs lie across the axis


def test_what_we_write_is_read_under_other_names(tmp_path):
    """The ends of our fingers point along them."""
    save_bvh(tmp_path / "ours.bvh", WALK)
    text = (tmp_path / "ours.bvh").read_text()
    (tmp_path / "other.bvh").write_text(text.replace("left_", "L_").replace("right_", "R_"))
    found = read_file(tmp_path / "other.bvh")
    assert found.hands == "30 finger joints"
    for name in ("left_hand_pose", "right_hand_pose"):
        difference = getattr(found.motion, name) - getattr(WALK, name)
        assert float(difference[:, :36].abs().max()) < 1e-3


def test_a_spine_joint_above_the_chest_is_no_head_where_there_is_a_neck():
    names = dict(zip(SMPLX_JOINTS[:22], SMPLX_JOINTS[:22], strict=True))
    names |= {"neck": "spine4", "head": "neck"}
    joints = tuple(
        Joint(names[joint], parent)
        for joint, parent in zip(SMPLX_JOINTS[:22], SMPLX_PARENTS[:22], strict=True)
    )
    found = match_joints(joints, Path("a.bvh"))
    assert "head" not in found
    assert joints[found["spine3"]].name == "spine3" and joints[found["neck"]].name == "spine4"
