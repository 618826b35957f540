import math
from dataclasses import replace

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


def test_it_moves_evenly_a_little_ahead_of_the_newest_pose_and_then_waits():
    stream = PoseStream()
    assert not stream
    for i in range(60):  # poses every 0.1 s, 0.05 s after the performer was so
        stream.add(pose(0.01 * i, 0.1 * i), 5.0 + 0.1 * i, 0.05 + 0.1 * i)
    now = 0.05 + 5.9
    for share in (0.0, 0.25, 0.5, 1.0, 3.0):
        motion, time = stream.at(now + 0.1 * share)
        at = 58.2 + min(share, 1.0)  # 0.02 s ahead
        assert yaw(motion) == pytest.approx(0.01 * at, abs=2e-4)
        assert float(motion.transl[0, 0]) == pytest.approx(0.1 * at, abs=2e-3)
        assert time == pytest.approx(5.0 + 0.1 * at, abs=2e-3)
    assert stream.moves(now + 0.05) and not stream.moves(now + 0.11)


def test_turns_take_the_short_way():
    stream = PoseStream()
    stream.add(pose(math.pi - 0.1), 0.0, 0.0)
    stream.add(pose(-math.pi + 0.1), 0.1, 0.1)
    halfway = abs(yaw(stream.at(0.1 + 0.5 / 15)[0]))
    assert halfway == pytest.approx(math.pi, abs=0.03)


def test_a_swing_is_followed_more_closely_than_by_the_poses_as_they_come():
    """Poses at 11 a second, 90 ms late and unevenly, of a swing of 1.5 Hz; pictures at 25."""
    swing = lambda t: 0.5 * math.sin(3 * math.pi * t)  # noqa: E731
    draw, errors, ages = torch.Generator().manual_seed(4), [], []
    stream, came, picture = PoseStream(), 0.0, 1.0
    while came < 30:
        came += 0.09 * (1 + 0.2 * float(torch.rand((), generator=draw) - 0.5))
        while stream and picture < came:
            shown, time = stream.at(picture)
            errors.append(yaw(shown) - swing(time))
            ages.append(picture - time)
            picture += 0.04
        stream.add(pose(swing(came - 0.09)), came - 0.09, came)
    assert torch.tensor(ages).median() == pytest.approx(0.16, abs=0.01)  # 0.09 + 0.09 - 0.02
    assert torch.tensor(errors).square().mean().sqrt() < 0.02  # 0.026 without


def test_channels_of_the_face_keep_their_range():
    stream = PoseStream()
    for i, value in enumerate((0.2, 0.9, 1.0)):
        face = replace(pose(0.0), expression=torch.full((1, 52), value))
        stream.add(face, 0.1 * i, 0.1 * i)
        assert float(stream.at(9.0)[0].expression.max()) <= 1.0
    assert float(stream.at(9.0)[0].expression.max()) == 1.0


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
