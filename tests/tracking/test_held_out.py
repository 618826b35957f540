import numpy as np
import torch

from avatar_kit.engine.baselines import nearest_distances
from avatar_kit.tracking.held_out import split_frames


def swinging(frames, moving):
    """[T, 3, 3] joints: a wrist that swings where ``moving``, else hangs still."""
    joints = np.zeros((frames, 3, 3))
    joints[:, 1, 0] = 0.5
    t = np.arange(frames)
    joints[:, 2, 1] = np.where(moving, 0.4 * np.sin(t / 5), -0.6)
    return joints


def test_a_stretch_that_moves_is_kept_for_the_test():
    moving = (np.arange(200) > 60) & (np.arange(200) < 120)
    joints = swinging(200, moving)
    good, yaw = np.ones(200, bool), np.zeros(200)
    found = split_frames([(0, 200)], 0.1, joints, yaw, good, 30.0)
    assert len(found["test"]) == 20
    assert moving[found["test"]].mean() > 0.7
    assert len(split_frames([(0, 200)], 0.3, joints, yaw, good, 30.0)["test"]) == 60
    assert sorted(found["train"] + found["test"]) == list(range(200))
    poses = torch.from_numpy(joints)
    far = nearest_distances(poses[found["train"]], poses[found["test"]])
    assert nearest_distances(poses[:180], poses[180:]).max() == 0  # the end, as it was once taken
    assert far.mean() > 0


def test_no_side_of_the_person_is_kept_for_the_test_alone():
    yaw = np.concatenate([np.zeros(80), np.linspace(0, 2 * np.pi, 60), np.zeros(60)])
    joints = np.zeros((200, 2, 3))
    joints[:, 1, 0], joints[:, 1, 2] = np.cos(yaw), np.sin(yaw)
    joints[:80, 1, 1] = 0.05 * np.sin(np.arange(80) / 4)
    found = split_frames([(0, 200)], 0.15, joints, yaw, np.ones(200, bool), 30.0)
    side = np.floor(np.degrees(yaw) % 360 / 30)
    for one in set(side):
        assert (side[found["train"]] == one).sum() >= 0.5 * (side == one).sum()


def test_short_clips_are_for_training_and_wrong_frames_for_nothing():
    joints = swinging(150, np.ones(150, bool))
    good = np.ones(150, bool)
    good[5:9] = False
    found = split_frames([(0, 30), (30, 150)], 0.2, joints, np.zeros(150), good, 30.0)
    assert len(found["test"]) == 24
    assert found["test"] == sorted(found["test"])
    assert min(found["test"]) >= 30
    assert not set(range(5, 9)) & set(found["train"])
    only = split_frames([(0, 30)], 0.2, joints[:30], np.zeros(30), good[:30], 30.0)
    assert set(only) == {"train"}
