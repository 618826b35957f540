"""Motion files of many programs, as they are found: read rightly, or refused with the reason."""

import logging
import math
import re

import pytest
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.io import load_motion
from avatar_kit.io.motion import read_file
from avatar_kit.io.motion.axes import find_up, turn_up
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS
from tests.conftest import shared_file


def wild(name):
    return shared_file(f"motion/wild/{name}")


def facts(motion):
    """Height of the pelvis' up axis, angles of ankles in degrees, height of the pelvis."""
    up = roma.rotvec_to_rotmat(motion.global_orient)[:, 1, 1].mean()
    angle = torch.rad2deg(motion.body_pose.view(-1, 21, 3).norm(dim=-1)).median(0).values
    joints = {name: float(angle[BODY_JOINTS.index(name)]) for name in BODY_JOINTS}
    return float(up), joints, float(motion.transl[:, 1].median())


UPRIGHT = (
    "cmu_01_01_120.bvh",
    "cmu_12_01_walk_60.bvh",
    "fair1_wave_hello_120.bvh",
    "inches_pybvh_test1.bvh",
    "made_first_frame_zero_positions.bvh",
    "made_forearm_twist.bvh",
    "made_rig_daz.bvh",
    "made_rig_mh.bvh",
    "made_unit_inch.bvh",
    "odd_comma_decimal.bvh",
    "odd_frames_colon_space.bvh",
    "odd_lower_channels.bvh",
    "odd_upper_channels.bvh",
    "odd_space_names_biped.bvh",
    "walk01_feet_flipped.bvh",
)


@pytest.mark.parametrize("name", UPRIGHT)
def test_they_stand_with_their_feet_on_the_floor(name):
    up, joints, height = facts(load_motion(wild(name)))
    assert up > 0.95
    assert max(joints["left_ankle"], joints["right_ankle"]) < 60
    assert joints["left_hip"] < 60 and joints["right_hip"] < 60
    assert 0.5 < height < 1.3


@pytest.mark.parametrize("name", ["made_rig_daz.bvh", "made_rig_mh.bvh", "made_forearm_twist.bvh"])
def test_parts_of_several_joints_bend_at_elbow_and_knee(name):
    _, joints, _ = facts(load_motion(wild(name)))
    assert joints["left_knee"] > 15 and joints["left_elbow"] > 20


def test_inches_are_told_by_the_legs():
    motion = load_motion(wild("made_unit_inch.bvh"))
    assert float((motion.transl[-1] - motion.transl[0]).norm()) == pytest.approx(1.31, abs=0.02)


@pytest.mark.parametrize("name", ["made_lying.bvh", "made_amass_lying.npz"])
def test_who_lies_is_left_lying(name):
    motion = load_motion(wild(name))
    up, joints, height = facts(motion)
    assert abs(up) < 0.2 and height < 0.4
    assert joints["left_ankle"] < 40


def test_a_skeleton_may_end_at_the_neck():
    up, _, _ = facts(load_motion(wild("threejs_pirouette_2frames.bvh")))
    assert up > 0.9


def test_fingers_of_any_names_are_read():
    """They bend inwards, left about -z and right about +z, as a relaxed hand does."""
    found = read_file(wild("rokoko_fingers_40.bvh"))
    assert found.hands == "30 finger joints"
    assert any("4 finger joints are turned as none can be" in note for note in found.notes)
    for hand, sign in ((found.motion.left_hand_pose, -1), (found.motion.right_hand_pose, 1)):
        turns = hand.view(-1, 15, 3)
        assert turns.norm(dim=2).max() < math.radians(110)
        bent = sign * turns[:, :12, 2].mean(0)
        assert ((bent > math.radians(2)) | (bent == 0)).all()


def test_rows_beyond_the_number_of_frames_are_read_and_told(caplog):
    with caplog.at_level(logging.WARNING):
        assert len(load_motion(wild("odd_count_plus1.bvh"))) == 40
    assert "says 41 frames and holds 40" in caplog.text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("odd_val_nan.bvh", "frame 7: 'nan' is no finite number"),
        ("odd_val_nan_ind.bvh", r"frame 7: '-nan\(ind\)' is no finite number"),
        ("odd_val_ind.bvh", "frame 7: '-1.#IND00' is no finite number"),
        ("odd_offset_text.bvh", "OFFSET of 'joint_Root' is 'abc 0.0 0.0', expected 3 numbers"),
        ("odd_extra_close.bvh", "closes a brace that was not opened"),
        ("odd_channels_text.bvh", "CHANNELS of 'joint_Root' is 'six"),
        ("odd_frametime_ms.bvh", r"are these milliseconds\? then write 0.0333333"),
        ("odd_cut_mid_row.bvh", "cut short or damaged"),
        ("safety_channels_huge.bvh", "CHANNELS of 'a' is '999999999"),
    ],
)
def test_what_cannot_be_read_is_named(name, says):
    with pytest.raises(UserError, match=f"{re.escape(name)}: .*{says}"):
        load_motion(wild(name))


@pytest.mark.parametrize("heading", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("sure", [True, False])
def test_lying_and_standing_in_either_axes(heading, sure):
    frames = 20
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, heading, 0.0]))
    for tilt, height, lies in ((0.0, 0.93, False), (-1.5708, 0.15, True), (1.5708, 0.15, True)):
        orient = turn @ roma.rotvec_to_rotmat(torch.tensor([tilt, 0.0, 0.0]))
        rotvec = roma.rotmat_to_rotvec(orient).repeat(frames, 1)
        place = torch.tensor([0.3, height, 0.2]).repeat(frames, 1)
        motion = Motion.rest(frames, transl=place, global_orient=rotvec)
        assert find_up(motion, "y", sure=sure) == "y"
        if not lies:  # the same person, written with z up
            up_z = Motion.rest(
                frames,
                transl=place[:, [0, 2, 1]] * torch.tensor([1.0, -1.0, 1.0]),
                global_orient=roma.rotvec_composition(
                    [torch.tensor([1.5708, 0.0, 0.0]).expand(frames, 3), rotvec]
                ),
            )
            assert find_up(up_z, "y", sure=sure) == "z"
            assert (turn_up(up_z, "z").transl - place).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("name", "fps", "says"),
    [
        ("amass_rate_key_framerate.npz", 120, ""),
        ("amass_stageii_noposes.npz", 120, ""),
        ("amass_poses_T52x3.npz", None, ""),
        ("smplx_body_T21x3.npz", None, ""),
        ("aist_keys_as_npz.npz", 60, ""),
        ("trap_trans_mm.npz", 120, "680 units over the floor: taken for millimetres"),
        ("smplx_no_transl.npz", 30, "does not say where the person is"),
        ("smplx_no_transl.npz", 30, "does not say its frame rate"),
        ("safety_bomb_extra_4GiB.npz", 30, ""),
    ],
)
def test_arrays_of_other_layouts(name, fps, says, caplog):
    with caplog.at_level(logging.WARNING):
        motion = load_motion(wild(name))
    assert says in caplog.text
    assert fps is None or motion.fps == fps
    assert motion.transl.abs().max() < 20


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("amass_rate_dt.npz", r"is this the time of a frame\? then the rate is 30"),
        ("num_bool.npz", "key 'poses' holds bool, expected numbers"),
        ("mdm_results.npy", "left_hip, .* lie on the joint before them"),
        ("joints_T22x3.npy", "left_hip, .* lie on the joint before them"),
        ("safety_pickle_named.npz", r"asks for posix\.system, which may run code"),
        ("safety_amass_with_clip_len.npz", r"asks for posix\.system, which may run code"),
        ("safety_huge_header.npy", "says it is an array .* 536 GiB"),
    ],
)
def test_arrays_that_are_refused(name, says):
    with pytest.raises(UserError, match=says) as refused:
        load_motion(wild(name))
    assert "allow_pickle" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "layout", "frames", "up"),
    [
        ("aist_gBR_sBM_cAll_d04_mBR0_ch01.pkl", "AIST++ (SMPL)", 720, "y"),
        ("wham_output.pkl", "WHAM (SMPL)", 90, "y"),
        ("hmr4d_results.pt", "GVHMR (SMPL-X)", 90, "y"),
        ("gvhmr_nested_object.npz", "GVHMR (SMPL-X)", 90, "y"),
        ("romp_output.npz", "ROMP (SMPL)", 1, "-y"),
        ("exavatar_0.json", "ExAvatar (SMPL-X)", 1, "y"),
        ("livelink.csv", "ARKit expressions (Live Link Face)", 1, "y"),
        ("talkshow_face.npy", "TalkSHOW (SMPL-X)", 300, "-y"),
    ],
)
def test_results_of_trackers_and_others(name, layout, frames, up):
    found = read_file(wild(name))
    assert (found.layout, len(found.motion), found.up) == (layout, frames, up)
    assert roma.rotvec_to_rotmat(found.motion.global_orient)[:, 1, 1].mean() > 0.85


def test_only_what_is_asked_for_is_read(tmp_path):
    """An entry that is damaged or claims too much harms nobody who does not ask for it."""
    import zipfile

    import numpy as np

    from avatar_kit.io.motion.arrays import read_npz

    path = tmp_path / "a.npz"
    np.savez(path, fps=np.float64(30), good=np.arange(4.0), odd=np.array([None]))
    found = read_npz(path)
    assert sorted(found) == ["fps", "good", "odd"] and found.objects == ["odd"]
    assert found["good"].tolist() == [0, 1, 2, 3] and found["odd"] is None
    header = (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (900000000,), }"
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("huge.npy", header.ljust(127) + b"\n")
    with pytest.raises(UserError, match=r"a\.npz: key 'huge' says it is an array"):
        read_npz(path)
