"""Exported motions are read back as they were, by our own readers and by another's rules."""

import errno
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avatar_kit.errors import UserError
from avatar_kit.exporters.config import AmassConfig, BvhConfig
from avatar_kit.exporters.joint_centres import joint_centres
from avatar_kit.exporters.motion import AmassFile, BvhFile
from avatar_kit.io import load_motion
from avatar_kit.io.motion.bvh_writing import BvhSkeleton, write_bvh
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS, HAND_KEYPOINTS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.testing.avatar import export_source, small_avatar
from avatar_kit.testing.poses import random_motion, swaying_motion
from tests.exporters.test_mesh import quiet


def written(tmp_path, motion, exporter, name):
    source = replace(export_source("motion"), motion=motion)
    return tmp_path / name, exporter.export(source, tmp_path / name, quiet)


def slow(motion):
    """At a speed that people have: random places are metres apart."""
    return replace(motion, transl=0.1 * motion.transl)


def furthest(a, b):
    """Radians between the joints of two motions, the most."""
    turns = [roma.rotvec_to_rotmat(m.rotvec().double()) for m in (a, b)]
    return float(roma.rotmat_to_rotvec(turns[0].mT @ turns[1]).norm(dim=-1).max())


@pytest.mark.parametrize("unit", ["cm", "m"])
def test_a_bvh_is_read_back_as_it_was(unit, tmp_path):
    motion = slow(random_motion(5, seed=3))
    file, exported = written(tmp_path, motion, BvhFile(BvhConfig(unit=unit)), "a.bvh")
    read = load_motion(file, up="y")
    assert furthest(read, motion) < 1e-4 and read.fps == motion.fps
    torch.testing.assert_close(read.transl, motion.transl, atol=2e-6, rtol=0)
    assert "5 frames at 25 fps, 54 joints" in exported.what
    assert f"y up, {unit}, angles in the order ZXY" in exported.notes
    assert "expressions of the face are left out" in exported.notes
    assert any("without jaw" in note for note in exported.notes)


def test_an_amass_file_is_read_back_as_it_was(tmp_path):
    motion = slow(replace(random_motion(5, seed=4), expression=torch.zeros(5, 52)))
    file, exported = written(tmp_path, motion, AmassFile(AmassConfig()), "a.npz")
    read = load_motion(file, up="z")
    assert furthest(read, motion) < 1e-4 and read.fps == motion.fps
    torch.testing.assert_close(read.transl, motion.transl, atol=1e-6, rtol=0)
    assert not any("expressions" in note for note in exported.notes)
    upright = replace(motion, global_orient=torch.zeros(5, 3))
    file, _ = written(tmp_path, upright, AmassFile(AmassConfig()), "b.npz")
    assert furthest(load_motion(file), upright) < 1e-4  # which way is up is seen


def test_an_amass_file_has_the_keys_of_amass(tmp_path):
    """Read by numpy alone: z is up, the root turns about the pelvis, all is float64."""
    motion = swaying_motion(4)
    file, _ = written(tmp_path, motion, AmassFile(AmassConfig()), "a.npz")
    with np.load(file, allow_pickle=False) as data:
        assert data["poses"].shape == (4, 165) and data["poses"].dtype == np.float64
        assert data["betas"].shape == (16,) and not data["betas"].any()
        assert str(data["gender"]) == "neutral" and float(data["mocap_framerate"]) == 25
        up = Rotation.from_rotvec(data["poses"][:, :3]).apply([0, 1, 0])
        np.testing.assert_allclose(up, np.tile([0, 0, 1.0], (4, 1)), atol=1e-7)
        pelvis = data["trans"] + [0.0031, -0.3514, 0.0120]
        np.testing.assert_allclose(pelvis, np.tile([0, 0, 0.95], (4, 1)), atol=1e-6)


class Bvh:
    """A BVH file by the words of its format, with scipy."""

    def __init__(self, path: Path):
        head, tail = path.read_text().split("MOTION")
        self.offsets, self.parents, self.names, stack, columns = [], [], [], [], 0
        self.channels = []
        for line in head.splitlines():
            words = line.split()
            if words[:1] in (["ROOT"], ["JOINT"], ["End"]):
                self.names.append(words[1] if words[0] != "End" else "")
                self.parents.append(stack[-1] if stack else -1)
                self.channels.append(None)
            elif words == ["{"]:
                stack.append(len(self.names) - 1)
            elif words == ["}"]:
                stack.pop()
            elif words[:1] == ["OFFSET"]:
                self.offsets.append([float(w) for w in words[1:]])
            elif words[:1] == ["CHANNELS"]:
                assert words[-3:] == ["Zrotation", "Xrotation", "Yrotation"]
                self.channels[-1] = columns + int(words[1]) - 3
                columns += int(words[1])
        lines = tail.split("\n")
        assert lines[1].startswith("Frames: ") and lines[2].startswith("Frame Time: ")
        self.seconds = float(lines[2].split(":")[1])
        self.values = np.array([[float(w) for w in line.split()] for line in lines[3:] if line])
        assert self.values.shape == (int(lines[1].split()[1]), columns)

    def positions(self):
        """[T, J, 3] of all joints and end sites, file units."""
        turns, places = [], []
        for parent, offset, column in zip(self.parents, self.offsets, self.channels, strict=True):
            if parent < 0:
                turns.append(Rotation.from_euler("ZXY", self.values[:, 3:6], degrees=True))
                places.append(np.array(offset) + self.values[:, :3])
                continue
            above = turns[parent]
            places.append(places[parent] + above.apply(np.array(offset)))
            if column is None:
                turns.append(above)
            else:
                local = self.values[:, column : column + 3]
                turns.append(above * Rotation.from_euler("ZXY", local, degrees=True))
        return np.stack(places, 1)


def test_a_bvh_stands_where_the_body_stands(tmp_path):
    """By another reader: wrists, ankles and finger tips are those of the person."""
    motion = swaying_motion(4)
    file, _ = written(tmp_path, motion, BvhFile(BvhConfig()), "a.bvh")
    bvh = Bvh(file)
    assert bvh.seconds == pytest.approx(1 / 25)
    found = bvh.positions() / 100
    avatar = small_avatar()
    points = avatar.body.keypoints(avatar.body.from_motion(motion, avatar.shape)).numpy()
    for side, hand in (("left", 23), ("right", 44)):
        for name in ("wrist", "ankle", "knee", "elbow"):
            joint = found[:, bvh.names.index(f"{side}_{name}")]
            expected = points[:, BODY_KEYPOINTS.index(f"{side}_{name}")]
            assert np.linalg.norm(joint - expected, axis=1).max() < 0.03, name
        tip = found[:, bvh.names.index(f"{side}_index3") + 1]
        expected = points[:, hand + HAND_KEYPOINTS.index("index4")]
        assert np.linalg.norm(tip - expected, axis=1).max() < 0.03


def test_joints_lie_where_the_bones_turn():
    avatar = small_avatar()
    centres, known = joint_centres(avatar)
    still = avatar.body(avatar.body.from_motion(Motion.rest(1), avatar.shape)).joints[0]
    for side, end in (("left", "L"), ("right", "R")):
        pairs = (("knee", "lowerleg01"), ("ankle", "foot"), ("elbow", "lowerarm01"),
                 ("wrist", "wrist"), ("index2", "finger2-2"), ("eye", "eye"))  # fmt: skip
        for name, bone in pairs:
            expected = still[avatar.body.joint_names.index(f"{bone}.{end}")]
            found = centres[SMPLX_JOINTS.index(f"{side}_{name}")]
            assert float((found - expected).norm()) < 5e-4, name
    assert [n for n, k in zip(SMPLX_JOINTS, known, strict=True) if not k] == ["jaw"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 9999), frames=st.integers(1, 6), fps=st.floats(1, 240))
def test_angles_hold_every_rotation_and_go_on(seed, frames, fps, tmp_path_factory):
    draw = torch.Generator().manual_seed(seed)
    rotvec = 3 * torch.randn(frames, 3, 3, generator=draw)
    rotations = roma.rotvec_to_rotmat(rotvec.double())
    ends = {2: torch.tensor([0.0, 1.0, 0.0])}
    skeleton = BvhSkeleton(["a", "b", "c"], [-1, 0, 1], torch.ones(3, 3), ends)
    path = tmp_path_factory.mktemp("bvh") / "a.bvh"
    write_bvh(path, skeleton, rotations, torch.zeros(frames, 3), fps)
    bvh = Bvh(path)
    angles = bvh.values[:, 3:].reshape(frames, 3, 3)
    again = Rotation.from_euler("ZXY", angles.reshape(-1, 3), degrees=True).as_matrix()
    np.testing.assert_allclose(again.reshape(frames, 3, 3, 3), rotations, atol=1e-6)
    assert (np.abs(np.diff(angles, axis=0)) <= 180 + 1e-5).all()
    assert bvh.seconds == pytest.approx(1 / fps, abs=1e-9)


def test_a_skeleton_of_our_names_in_another_pose_is_not_taken_as_it_is(tmp_path):
    """Arms that hang at zero angles: the angles do not start from a T-pose."""
    centres, _ = joint_centres(small_avatar())
    places = centres[:22].clone()
    for side in ("left", "right"):
        for name in ("elbow", "wrist"):
            i, top = (SMPLX_JOINTS.index(f"{side}_{n}") for n in (name, "shoulder"))
            places[i] = (
                places[top] - torch.tensor([0.0, 1.0, 0.0]) * (places[i] - places[top]).norm()
            )
    parents = list(SMPLX_PARENTS[:22])
    above = places[[max(p, 0) for p in parents]]
    ends = {i: torch.tensor([0.0, -0.1, 0.0]) for i in range(22)}
    skeleton = BvhSkeleton(SMPLX_JOINTS[:22], parents, places - above, ends)
    still = torch.eye(3).expand(8, 22, 3, 3)
    write_bvh(tmp_path / "a.bvh", skeleton, still, torch.zeros(8, 3), 30)
    read = load_motion(tmp_path / "a.bvh", up="y")
    shoulder = read.body_pose.view(8, 21, 3)[:, SMPLX_JOINTS.index("left_shoulder") - 1]
    assert float(shoulder.norm(dim=1).min()) > 1.2  # down from the T-pose by a quarter turn


def test_without_a_motion_the_training_motion_is_written(tmp_path):
    for exporter, name in ((BvhFile(BvhConfig()), "a.bvh"), (AmassFile(AmassConfig()), "a.npz")):
        file, exported = written(tmp_path, None, exporter, name)
        assert exported.what.startswith("the training motion, 4 frames at 25 fps")
        assert furthest(load_motion(file), export_source("motion").training_motion) < 1e-4


@pytest.mark.parametrize("name", ["a.bvh", "a.npz", "a.glb", "a.html"])
def test_a_motion_that_is_not_finite_is_refused(name, avatar, tmp_path):
    motion = swaying_motion(3)
    motion.body_pose[1, 4] = torch.nan
    with pytest.raises(UserError, match="frame 1 is not finite"):
        avatar.export(tmp_path / name, motion=motion)
    assert not list(tmp_path.iterdir())


def test_the_motion_of_an_avatar_is_placed(painted, tmp_path):
    """Through the command's own door, of a method without Gaussians."""
    result = painted.export(tmp_path / "a.bvh", motion=swaying_motion(6), fps=12.5)
    assert "3 frames at 12.5 fps" in str(result)
    here = painted.training_motion().transl.median(0).values
    read = load_motion(tmp_path / "a.bvh")
    torch.testing.assert_close(read.transl[0, [0, 2]], here[[0, 2]], atol=1e-4, rtol=0)


def test_a_folder_that_is_none_is_named(avatar, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=re.escape("file cannot be written to")):
        avatar.export(tmp_path / "file" / "a.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_nothing(avatar, tmp_path, monkeypatch):
    def full(*_: object, **__: object):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        avatar.export(tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())
