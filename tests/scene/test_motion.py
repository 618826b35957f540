"""Motion: layout, slicing, resampling against closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import (
    ARKIT_CHANNELS,
    BODY_KEYPOINTS,
    HAND_KEYPOINTS,
    SMPLX_JOINTS,
    SMPLX_PARENTS,
)
from avatar_kit.scene.motion import FIELDS, concatenate


def random_motion(frames: int, fps: float = 30.0) -> Motion:
    generator = torch.Generator().manual_seed(frames)
    values = {n: torch.rand(frames, *w, generator=generator) * 0.3 for n, w in FIELDS.items()}
    return Motion(fps=fps, **values)


def test_the_joint_tree_is_the_one_of_smplx():
    assert len(SMPLX_JOINTS) == len(set(SMPLX_JOINTS)) == 55
    assert len(ARKIT_CHANNELS) == len(set(ARKIT_CHANNELS)) == 52
    assert (len(BODY_KEYPOINTS), len(HAND_KEYPOINTS)) == (23, 21)
    named = {j: SMPLX_JOINTS[p] for j, p in zip(SMPLX_JOINTS[1:], SMPLX_PARENTS[1:], strict=True)}
    assert named["left_knee"] == "left_hip"
    assert named["right_wrist"] == "right_elbow"
    assert named["head"] == "neck"
    assert named["jaw"] == "head"
    assert named["left_collar"] == "spine3"
    assert named["left_thumb1"] == "left_wrist"
    assert named["right_ring3"] == "right_ring2"


def test_rotvec_and_back_is_the_same_motion():
    motion = random_motion(4)
    again = Motion.from_rotvec(
        30.0, motion.transl, motion.rotvec(), motion.expression, motion.confidence
    )
    assert all(torch.equal(getattr(motion, n), getattr(again, n)) for n in FIELDS)


def test_resampling_a_steady_turn_stays_steady():
    angle = torch.linspace(0, 2.5, 11)
    motion = Motion.rest(11, 10.0, global_orient=torch.stack([0 * angle, angle, 0 * angle], 1))
    faster = motion.resample(40.0)
    assert len(faster) == 41
    assert faster.global_orient[:, 1].tolist() == pytest.approx(
        torch.linspace(0, 2.5, 41).tolist(), abs=1e-5
    )


def test_resampling_takes_the_short_way_round():
    turn = torch.tensor([math.pi - 0.1, -math.pi + 0.1])
    motion = Motion.rest(2, 1.0, global_orient=torch.stack([0 * turn, turn, 0 * turn], 1))
    middle = motion.resample(2.0).global_orient[1]
    assert abs(middle[1].item()) == pytest.approx(math.pi, abs=1e-4)


@given(st.integers(2, 20), st.sampled_from([10.0, 24.0, 25.0, 60.0]))
def test_resampling_keeps_the_pace(frames, fps):
    seconds = torch.arange(frames) / 30
    walk = torch.stack([seconds, 0 * seconds, 2 * seconds], 1)
    again = Motion.rest(frames, 30.0, transl=walk).resample(fps)
    expected = torch.arange(len(again)) / fps
    assert torch.allclose(again.transl[:, 0], expected, atol=1e-4)
    assert 0 <= seconds[-1] - expected[-1] + 1e-4 < 1 / fps + 2e-4


def test_parts_can_be_joined_again():
    motion = random_motion(7)
    again = concatenate([motion[:3], motion[3:]])
    assert all(torch.equal(getattr(motion, n), getattr(again, n)) for n in FIELDS)
    with pytest.raises(ValueError, match="different frame rates"):
        concatenate([motion, random_motion(2, 25.0)])


def test_frames_that_are_not_finite_are_found():
    motion = random_motion(4)
    motion.body_pose[2, 5] = float("nan")
    motion.confidence[3] = float("inf")
    assert motion.is_finite().tolist() == [True, True, False, False]


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"Motion\.body_pose must be \(3, 63\)"):
        Motion.rest(3, body_pose=torch.zeros(3, 69))
    with pytest.raises(ValueError, match="fps must be positive"):
        Motion.rest(3, fps=0)
