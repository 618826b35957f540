"""Retrieval: embeddings in closed form, times that never cross a clip, smoothing by its rule."""

import math
from dataclasses import replace

import pytest
import torch
from avatar_kit_r3 import matching
from avatar_kit_r3.config import RetrievalConfig
from avatar_kit_r3.parts import JOINTS, MATCHED, PARTS
from avatar_kit_r3.retrieval import Past, TrainingPoses, training_motion
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.testing import world

lengths = st.lists(st.integers(1, 30), min_size=1, max_size=8)


def clips_of(counts):
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


@given(lengths, st.integers(0, 60))
def test_clips_share_no_value_of_the_time_axis(counts, more):
    clips, nodes = clips_of(counts), len(counts) + more
    times = matching.record_times(clips, nodes)
    assert float(times.min()) >= -1 and float(times.max()) <= 1
    assert bool((times.diff() >= 0).all())
    cells = (times.double() + 1) / 2 * (nodes - 1)
    cells = torch.where((cells - cells.round()).abs() < 1e-4, cells.round(), cells)
    touched = [
        set(cells[clips == c].floor().tolist()) | set(cells[clips == c].ceil().tolist())
        for c in range(len(counts))
    ]
    assert sum(len(t) for t in touched) == len(set().union(*touched)), "two clips read one value"


def test_one_clip_spans_the_axis():
    times = matching.record_times(torch.zeros(5, dtype=torch.long), 3)
    torch.testing.assert_close(times, torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]))


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 39), st.floats(0.01, 5)), min_size=1, max_size=6),
    st.integers(0, 39),
)
def test_a_choice_follows_the_rule_and_stays_in_its_clip(clip_count, candidates, before):
    candidates = sorted(dict(candidates).items(), key=lambda item: item[1])
    clips = torch.arange(40) * clip_count // 40
    frames = torch.tensor([[f for f, _ in candidates]])
    values = torch.tensor([[v for _, v in candidates]])
    choice = matching.chosen(values, frames, clips, torch.tensor([float(before)]))
    near = [(f, v) for f, v in candidates if abs(f - before) < 3 and clips[f] == clips[before]]
    found = float(choice.times[0])
    if len(near) >= 2:
        (f1, d1), (f2, d2) = near[:2]
        a = d2 / (d1 + d2)
        assert found == pytest.approx(a * f1 + (1 - a) * f2, abs=1e-4)
        assert clips[math.floor(found)] == clips[math.ceil(found)] == clips[before]
    else:
        assert found == (near or candidates)[0][0]
    assert math.isnan(float(choice.jumped_from[0])) == bool(near)


def test_three_frames_are_no_longer_near():
    clips = torch.zeros(20, dtype=torch.long)
    for away, jumps in ((2, False), (3, True)):
        frames, values = torch.tensor([[10 + away]]), torch.tensor([[1.0]])
        choice = matching.chosen(values, frames, clips, torch.tensor([10.0]))
        assert bool(choice.jumped_from.isnan().all()) != jumps


def test_two_equal_candidates_count_half_each():
    values, frames = torch.zeros(1, 2), torch.tensor([[4, 5]])
    choice = matching.chosen(values, frames, torch.zeros(9, dtype=torch.long), torch.tensor([4.0]))
    assert float(choice.times) == 4.5


def test_a_steady_turn_has_a_steady_embedding():
    axis = torch.nn.functional.normalize(torch.tensor([1.0, 2.0, -1.0]), dim=0)
    poses = 0.1 * torch.arange(6.0)[:, None, None] * axis
    found = matching.embedding(matching.with_past(poses, 2, torch.zeros(6, dtype=torch.bool)))
    move = (0.1 * axis).expand(6, 1, 3)
    expected = torch.cat([poses, move, move], dim=2)
    expected[0, :, 3:], expected[1, :, 6:] = 0, 0  # before the start the first pose repeats
    torch.testing.assert_close(found, expected)


def test_the_past_does_not_cross_a_clip():
    starts = torch.tensor([True, False, False, True, False])
    numbers = matching.with_past(torch.arange(5.0)[:, None, None], 2, starts)[..., 0, 0]
    assert numbers.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [3, 3, 3], [3, 3, 4]]


def test_every_joint_but_the_fingers_belongs_to_one_part():
    assert sorted(j for part in JOINTS for j in part) == list(range(MATCHED))
    assert not any("thumb" in SMPLX_JOINTS[j] for part in JOINTS for j in part)


def moving(frames, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return Motion.rest(
        frames,
        25.0,
        body_pose=(0.1 * torch.randn(frames, 63, generator=draw)).cumsum(0),
        global_orient=0.1 * torch.randn(frames, 3, generator=draw),
    )


def learned(motion, starts=(0,), nodes=12, **values):
    poses = TrainingPoses(RetrievalConfig(**values), len(motion), nodes)
    poses.learn(motion, torch.tensor([frame in starts for frame in range(len(motion))]))
    return poses


def stream(poses, motion):
    past, found = None, []
    for frame in range(len(motion)):
        one = poses.find(motion[[frame]], past)
        past = one.past
        found.append(one)
    return found


def test_the_training_itself_is_found_frame_by_frame():
    motion = moving(30)
    found = stream(learned(motion, (0, 12)), motion[:12])
    for frame, one in enumerate(found):
        assert one.choice.times.tolist() == [frame] * len(PARTS)
        assert float(one.distances.max()) < 1e-3 and bool(one.choice.jumped_from.isnan().all())


def test_at_half_the_frame_rate_the_same_frames_are_found():
    """Relative rotations are compared at the rate of the training."""
    steady = torch.linspace(0, 2, 40)[:, None] * torch.ones(63) * 0.3
    motion = Motion.rest(40, 30.0, body_pose=steady)
    slow = Motion.rest(20, 15.0, body_pose=steady[::2])
    found = stream(learned(motion), slow)
    for frame, one in enumerate(found[3:], start=3):
        assert one.choice.times.tolist() == pytest.approx([2 * frame] * len(PARTS), abs=1e-3)
        assert float(one.distances.max()) < 1e-3


def test_the_way_the_pelvis_turned_does_not_matter():
    """-170 and 190 degrees are one; a turn by 359 degrees is near none."""
    yaw = torch.tensor([0.0, 1.0, 2.0, 3.05])
    still = torch.zeros(4)
    motion = Motion.rest(4, 25.0, global_orient=torch.stack([still, yaw, still], 1))
    poses = learned(motion, pose_step=0)
    for angle, expected in ((3.05 - 2 * math.pi, 3), (-3.0, 3), (2 * math.pi - 0.02, 0)):
        asked = Motion.rest(1, 25.0, global_orient=torch.tensor([[0.0, angle, 0.0]]))
        found = poses.find(asked, None)
        assert found.choice.times[2] == expected
        assert float(found.distances[2]) < 0.3 / 9


def test_without_the_pelvis_facing_does_not_matter():
    motion = moving(10)
    turned = Motion.rest(
        10, 25.0, body_pose=motion.body_pose, global_orient=motion.global_orient + 2.0
    )
    found = stream(learned(motion, pelvis=False), turned)
    assert all(float(one.distances.max()) < 1e-3 for one in found)


def test_more_clips_than_values_of_the_axis_are_refused():
    with pytest.raises(UserError, match=r"record\.time=2: .* 3 clips,.* give at least 3"):
        learned(moving(9), (0, 3, 6), nodes=2)


def test_fewer_frames_than_candidates_are_all_candidates():
    motion = moving(3)
    assert stream(learned(motion), motion)[2].choice.times.tolist() == [2.0] * 5


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 40), st.integers(0, 3))
def test_times_stay_within_the_training(frames, pose_step):
    poses = learned(moving(frames), (0, frames // 2), pose_step=pose_step)
    for one in stream(poses, moving(8, seed=frames)):
        assert bool((one.choice.times >= 0).all() and (one.choice.times <= frames - 1).all())
        assert one.past.poses.shape == (pose_step, MATCHED, 3)
    assert isinstance(one.past, Past)


def test_a_far_pose_is_said_with_its_distance():
    poses = learned(moving(10), far=0.5)
    far = Motion.rest(1, 25.0, body_pose=torch.full((1, 63), 1.2))
    line = poses.remark(poses.find(far, None), 1.5)
    assert "at 1.50 s the pose is far from every training pose" in line and "radians" in line
    near = poses.find(moving(10)[[0]], None)
    assert poses.remark(near, 0.0) == ""


def test_cameras_of_one_moment_are_one_frame():
    """Samples are frames seen by cameras; poses are kept once, and clips stay apart."""
    motion = moving(4)

    class Seen(list):
        def context(self, position):
            frame = position // 2
            one = world.context([0], training=True)
            start = torch.tensor([frame in (0, 3)])
            index = torch.tensor([frame])
            return replace(one, motion=motion[[frame]], clip_start=start, index=index)

    found, starts = training_motion(Seen(range(8)))
    torch.testing.assert_close(found.body_pose, motion.body_pose)
    assert starts.tolist() == [True, False, False, True]
