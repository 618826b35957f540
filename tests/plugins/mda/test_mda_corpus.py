import math

import torch
from avatar_kit_mda.corpus import evened, gather, mirrored, thin
from avatar_kit_mda.procedural import procedural_corpus
from avatar_kit_mda.rotations import matrices_from_six

from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.scene import Motion
from avatar_kit.scene.skeleton import joint_positions, rest_offsets
from avatar_kit.tracking.limits import body_limits


def test_thinning_keeps_poses_that_differ():
    """An elbow that turns one degree a frame, thinned to four: every fourth frame is left."""
    pose = torch.zeros(41, 63)
    pose[:, 3 * 17 + 1] = torch.arange(41).deg2rad()
    kept = thin(six_from_rotvec(pose), distinct=3.9)
    assert len(kept) == 11
    assert len(thin(six_from_rotvec(torch.zeros(30, 63)), distinct=4.0)) == 1


def test_mirrored_poses_have_mirrored_joints():
    pose = six_from_rotvec(0.5 * torch.randn(6, 63, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(mirrored(mirrored(pose)), pose)
    offsets = rest_offsets()
    there = joint_positions(matrices_from_six(mirrored(pose)), offsets)
    here = joint_positions(matrices_from_six(pose), offsets) * torch.tensor([-1.0, 1.0, 1.0])
    order = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    for left, right in ((0, 1), (3, 4), (6, 7), (9, 10), (12, 13), (15, 16), (17, 18), (19, 20)):
        order[left], order[right] = right, left
    torch.testing.assert_close(there, here[:, order], atol=1e-5, rtol=0)


def test_a_common_pose_weighs_less_than_a_rare_one():
    generator = torch.Generator().manual_seed(0)
    common = torch.zeros(400, 126) + 0.01 * torch.randn(400, 126, generator=generator)
    rare = torch.ones(4, 126) + 0.01 * torch.randn(4, 126, generator=generator)
    weights = evened(torch.cat((common, rare)), seed=0, clusters=2)
    assert weights[400:].min() > 5 * weights[:400].max()


def test_clips_are_held_out_whole():
    clips = [
        Motion.rest(8, body_pose=torch.full((8, 63), 0.004 * i) + torch.arange(8)[:, None] * 0.1)
        for i in range(20)
    ]
    poses = gather(clips, distinct=1.0, seed=0)
    assert len(poses.held_out) == 16
    assert len(poses.train) == len(poses.weights) == 144
    assert torch.cdist(poses.held_out, poses.train).min() > 1e-3


def test_one_clip_gives_its_end_away():
    pose = torch.zeros(100, 63)
    pose[:, 51] = torch.arange(100) * 0.01
    poses = gather([Motion.rest(100, body_pose=pose)], distinct=0.0, seed=0)
    assert (len(poses.train), len(poses.held_out)) == (90, 10)


def test_embedded_corpus_is_repeatable_and_within_limits():
    first, second = procedural_corpus(3, clips=8, seconds=4), procedural_corpus(3, 8, 4)
    other = procedural_corpus(4, clips=8, seconds=4)
    limits = body_limits()
    for a, b, c in zip(first, second, other, strict=True):
        assert torch.equal(a.body_pose, b.body_pose)
        assert not torch.equal(a.body_pose, c.body_pose)
        pose = a.body_pose.unflatten(1, (21, 3))
        assert float(limits.beyond(pose).max()) == 0
        # nobody turns a joint faster than twice around in a second
        assert float((pose[1:] - pose[:-1]).norm(dim=-1).max()) * a.fps < 4 * math.pi
