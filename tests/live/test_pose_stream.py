import math

import pytest
import torch

from avatar_kit.live.pose_stream import PoseStream
from avatar_kit.scene import Motion


def pose(angle: float, x: float = 0.0) -> Motion:
    return Motion.rest(
        1,
        25.0,
        transl=torch.tensor([[x, 0.0, 0.0]]),
        global_orient=torch.tensor([[0.0, angle, 0.0]]),
    )


def yaw(motion: Motion) -> float:
    return float(motion.global_orient[0, 1])


def test_between_two_poses_it_goes_evenly_and_then_waits():
    stream = PoseStream()
    assert not stream
    for i in range(60):  # poses every 0.1 s, 0.05 s after the performer was so
        stream.add(pose(0.01 * i, 0.1 * i), 5.0 + 0.1 * i, 0.05 + 0.1 * i)
    now = 0.05 + 5.9
    for share in (0.0, 0.25, 0.5, 1.0, 3.0):
        motion, time = stream.at(now + 0.1 * share)
        at = 58 + min(share, 1.0)
        assert yaw(motion) == pytest.approx(0.01 * at, abs=2e-4)
        assert float(motion.transl[0, 0]) == pytest.approx(0.1 * at, abs=2e-3)
        assert time == pytest.approx(5.0 + 0.1 * at, abs=2e-3)
    assert stream.moves(now + 0.05) and not stream.moves(now + 0.11)


def test_turns_take_the_short_way():
    stream = PoseStream()
    stream.add(pose(math.pi - 0.1), 0.0, 0.0)
    stream.add(pose(-math.pi + 0.1), 0.1, 0.1)
    halfway = abs(yaw(stream.at(0.1 + 0.5 / 15)[0]))
    assert halfway == pytest.approx(math.pi, abs=0.02)


def test_a_new_beginning_is_shown_at_once():
    stream = PoseStream()
    stream.add(pose(0.0), 0.0, 0.0)
    stream.add(pose(1.0), 5.0, 0.1, new=True)
    motion, time = stream.at(0.1)
    assert yaw(motion) == 1.0 and time == 5.0


def test_a_late_pose_does_not_slow_down_what_follows():
    """A pause of seconds counts as a quarter of one."""
    stream = PoseStream()
    stream.add(pose(0.0), 0.0, 0.0)
    stream.add(pose(0.5), 9.0, 9.0)
    assert yaw(stream.at(9.25)[0]) == pytest.approx(0.5)
