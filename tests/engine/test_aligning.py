"""What becomes of a motion between an aligner and a picture."""

import math

import pytest
import torch

from avatar_kit.aligners.config import NearestPoseConfig
from avatar_kit.aligners.nearest_pose import NearestPose
from avatar_kit.engine.aligning import Aligned, align_motion, training_distances
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.motion import save_motion
from avatar_kit.scene import Motion
from tests.aligners.poses import BODY
from tests.engine.legs import ON_LEGS


def bent(angles, fps=25.0):
    """The first number of each pose as given, the pelvis so low that the foot is on the ground."""
    pose, transl = torch.zeros(len(angles), 63), torch.zeros(len(angles), 3)
    pose[:, 0] = torch.tensor(angles)
    transl[:, 1] = 0.9 - 0.3 * pose[:, 0]
    return Motion.rest(len(angles), fps, body_pose=pose, transl=transl)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_a_pose_that_rises_stays_on_the_ground(strength):
    aligner = NearestPose(NearestPoseConfig())
    aligner.fit([bent([0.0, 0.1])], BODY)
    squat = bent([0.0, 0.4, 1.0, 1.0])
    aligned = align_motion(ON_LEGS, aligner, squat, strength=strength)
    assert aligned.source is squat
    target = torch.tensor([0.0, 0.1, 0.1, 0.1])
    expected = squat.body_pose[:, 0].lerp(target, strength)
    assert torch.allclose(aligned.motion.body_pose[:, 0], expected, atol=1e-5)
    feet = ON_LEGS.avatar.body.keypoints(aligned.motion)[:, 1, 1]
    assert torch.allclose(feet, torch.zeros(4), atol=1e-6)


def test_training_distances_of_known_turns(tmp_path):
    save_motion(tmp_path / "training_motion.npz", bent([0.0] * 6))
    found = training_distances(RunFolder(tmp_path), Aligned(bent([0.2, 0.4]), bent([0.1, 0.1])))
    # one of 21 joints is turned, by 0.3 and by 0.1 radians in the mean
    assert found == pytest.approx([math.degrees(0.3 / 21), math.degrees(0.1 / 21)], rel=1e-5)
