"""Files that say which joint of a skeleton is which of ours."""

import json

import numpy as np
import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion import MotionOptions, read_file
from avatar_kit.scene.joints import SMPLX_JOINTS
from tests.io import motion_writers as files

WALK = files.walking(hands=True)

#: Names that say nothing.
NUMBERED = {name: f"bone{i:02d}" for i, name in enumerate(files.MIXAMO)}


def refused(path, says, joints=None):
    with pytest.raises(UserError, match=says):
        read_file(path, options=MotionOptions(joints=joints))


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_skeleton_whose_names_say_nothing(suffix, tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK, names=NUMBERED)
    refused(tmp_path / "a.bvh", "no joint called like 'left wrist'.*--map FILE")
    said = tmp_path / f"map.{suffix}"
    lines = [f"{ours}: {theirs}" for ours, theirs in NUMBERED.items()]
    said.write_text(json.dumps(NUMBERED) if suffix == "json" else "\n".join(lines))
    found = read_file(tmp_path / "a.bvh", options=MotionOptions(joints=said)).motion
    files.bvh(tmp_path / "b.bvh", WALK)
    named = read_file(tmp_path / "b.bvh").motion
    torch.testing.assert_close(found.rotvec(), named.rotvec(), atol=1e-5, rtol=0)
    assert found.left_hand_pose.any()


def test_a_joint_may_be_left_at_rest(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    (tmp_path / "map.json").write_text('{"neck": null, "head": null}')
    found = read_file(tmp_path / "a.bvh", options=MotionOptions(joints=tmp_path / "map.json"))
    body = found.motion.body_pose.view(-1, 21, 3).numpy()
    np.testing.assert_allclose(body[:, [11, 14]], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "expected joints and their names"),
        ('{"left_hip": 3}', "expected joints and their names"),
        ("{", "not valid YAML"),
        ('{"left_hipp": "LeftUpLeg"}', "'left_hipp' is no joint of ours; did you mean 'left_hip'"),
        ('{"left_hip": "LeftUpLegs"}', "no joint 'LeftUpLegs'; did you mean 'LeftUpLeg'"),
        ("!!python/object/apply:os.mkdir [harm]", "not valid YAML"),
    ],
)
def test_maps_that_make_no_sense(text, says, tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    (tmp_path / "map.json").write_text(text)
    refused(tmp_path / "a.bvh", says, tmp_path / "map.json")


def test_a_limb_may_be_left_at_rest(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    (tmp_path / "map.json").write_text('{"left_knee": null, "left_wrist": null, "pelvis": null}')
    found = read_file(tmp_path / "a.bvh", options=MotionOptions(joints=tmp_path / "map.json"))
    body = found.motion.body_pose.view(-1, 21, 3)
    left, wrist = (SMPLX_JOINTS.index(f"left_{part}") - 1 for part in ("knee", "wrist"))
    assert not body[:, [left, wrist]].any() and not found.motion.global_orient.any()
    assert body[:, SMPLX_JOINTS.index("right_knee") - 1].any()


def test_legs_that_meet_nowhere(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    (tmp_path / "map.json").write_text('{"left_hip": "Hips"}')
    refused(tmp_path / "a.bvh", "no joint is above both 'Hips' and", tmp_path / "map.json")


def test_a_map_that_is_not_there(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    refused(tmp_path / "a.bvh", "--map .*none.json: no such file", tmp_path / "none.json")
