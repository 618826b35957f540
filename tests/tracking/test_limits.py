import torch

from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.tracking.limits import body_limits, hand_limits

MIRROR = torch.tensor([1.0, -1.0, -1.0])


def test_left_and_right_mirror_each_other():
    limits = body_limits()
    for i, name in enumerate(BODY_JOINTS):
        if name.startswith("left_"):
            j = BODY_JOINTS.index("right_" + name[5:])
            torch.testing.assert_close(limits.liked[i] * MIRROR, limits.liked[j])
            ends = torch.stack([limits.low[i], limits.high[i]]) * MIRROR
            torch.testing.assert_close(ends.min(0).values, limits.low[j])
            torch.testing.assert_close(ends.max(0).values, limits.high[j])


def test_the_t_pose_and_what_is_liked_are_allowed():
    for limits, count in ((body_limits(), 21), (hand_limits(), 30)):
        assert limits.low.shape == (count, 3)
        assert limits.beyond(torch.zeros(count, 3)).sum() == 0
        assert limits.beyond(limits.liked).sum() == 0
        assert limits.dislike(limits.liked).sum() == 0


def test_a_knee_that_bends_forward_costs_its_angle():
    limits = body_limits()
    pose = torch.zeros(21, 3)
    knee = BODY_JOINTS.index("left_knee")
    pose[knee, 0] = -0.3
    assert limits.beyond(pose)[knee, 0] == torch.tensor(0.3)
    pose[knee, 0] = 1.0
    assert limits.beyond(pose).sum() == 0
