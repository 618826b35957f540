import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.tracking.heading import (
    AS_READ,
    EXCHANGED,
    FASTEST_TURN,
    MIRRORED,
    find_heading,
    handedness,
    heading_path,
    misread,
    put_right,
    side_jumps,
    wrapped,
)
from avatar_kit.tracking.place import static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person

NOTHING = (0.0, 0.25, 0.25)


def path(read, prices=NOTHING, face=0.0, fps=30.0):
    frames = len(read)
    prices = np.broadcast_to(np.asarray(prices, float), (frames, 3)).copy()
    return heading_path(wrapped(np.asarray(read)), prices, np.full(frames, face), fps)


@given(st.sets(st.integers(1, 118), max_size=12), st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_frames_read_back_to_front_are_turned_over(flipped, start):
    truth = start - np.linspace(0, 2 * np.pi, 120)
    seen = truth.copy()
    seen[sorted(flipped)] += np.pi
    found, way = path(seen)
    np.testing.assert_allclose(wrapped(found - truth), 0, atol=1e-6)
    # where the heading is that of the picture's plane both ways are one
    aside = np.abs(np.sin(truth)) > 0.2
    clear = np.array(sorted(flipped), int)
    assert (way[clear[aside[clear]]] == EXCHANGED).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([24.0, 30.0, 60.0]))
@settings(max_examples=30, deadline=None)
def test_whatever_was_read_nobody_turns_faster_than_a_person_can(seed, fps):
    read = np.random.default_rng(seed).uniform(-np.pi, np.pi, 80)
    found, _ = path(read, fps=fps)
    # the steps of the grid, and what a frame may lie beside them
    slack = np.radians(5) * fps + 2 * np.radians(45) * fps
    assert np.abs(np.diff(found)).max() * fps <= FASTEST_TURN + slack
    assert np.isfinite(found).all()


def test_a_back_that_was_read_at_random_is_passed_through():
    rng = np.random.default_rng(0)
    truth = np.linspace(0, 2 * np.pi, 240)
    read = truth + rng.normal(0, np.radians(8), 240)
    back = np.cos(truth) < -0.5
    wild = back & (rng.random(240) < 0.4)
    read[wild] = rng.uniform(-np.pi, np.pi, wild.sum())
    found, _ = path(read)
    off = np.abs(wrapped(found - truth))
    assert np.median(off) < np.radians(10)
    assert np.quantile(off, 0.95) < np.radians(50)
    assert found[-1] - found[0] == pytest.approx(2 * np.pi, abs=np.radians(25))


def test_a_spin_of_a_dancer_is_a_spin():
    truth = np.linspace(0, 2 * np.pi * 4, 120)  # four turns in four seconds
    found, way = path(truth, (0.0, 2.0, 1.0))  # feet and knees say so
    assert found[-1] - found[0] == pytest.approx(8 * np.pi, abs=0.1)
    assert (way == AS_READ).all()


def test_a_seen_face_decides_between_front_and_back():
    backwards = np.full(30, np.pi)
    assert np.cos(path(backwards, face=1.0)[0]).min() > 0.99
    assert np.cos(path(backwards, face=0.0)[0]).max() < -0.99


def test_hands_decide_where_the_face_is_hidden():
    """Read from behind though seen from the front, near for far: the mirror image."""
    truth = np.radians(np.linspace(5, 40, 45))
    hands = np.zeros((45, 3))
    hands[:, AS_READ] = 6.0
    hands[:, EXCHANGED] = 1.0  # the feet point to where they were read to point
    hands[30:] = 0.0  # hidden from here on: who errs, errs for a while
    found, way = path(np.pi - truth, hands + NOTHING)
    assert (way[10:] == MIRRORED).all()
    assert np.abs(wrapped(found - truth)).max() < np.radians(12)


@pytest.fixture(scope="module")
def tracks():
    body, motion = StickBody(), turning_person(40, 2.0)
    points = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    return observed(points, static_camera(600, 800)[0]), motion


def test_put_right_undoes_what_a_tracker_did(tracks):
    seen, motion = tracks
    way = np.zeros(40, int)
    way[5:15], way[20:30] = EXCHANGED, MIRRORED
    wrong = put_right(seen, way)
    assert not np.allclose(wrong.body[10], seen.body[10])
    again = put_right(wrong, way)
    for name, value in seen.arrays().items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
    heading = find_heading(seen, [(0, 40)], 30.0)
    yaw = motion.global_orient[:, 1].numpy()
    np.testing.assert_allclose(wrapped(heading.yaw - yaw), 0, atol=1e-3)
    assert (heading.way == AS_READ).all()


def test_sides_that_jump_across_the_picture_were_exchanged(tracks):
    """However sure the hands are of what was read."""
    seen, _ = tracks
    way = np.zeros(40, int)
    way[4:34] = EXCHANGED  # turned by less than 80 degrees at both ends
    jumps = side_jumps(put_right(seen, way))
    assert jumps[[4, 34]].min() > 0.9
    assert np.delete(jumps, [4, 34]).max() < 0.1
    read = np.where(way == EXCHANGED, np.pi, 0.0)
    hands = np.tile([0.0, 4.0, 4.0], (40, 1))
    face = (way == AS_READ) * 1.0
    misled, _ = heading_path(read, hands, face, 30.0)
    assert np.abs(wrapped(misled)).max() > np.radians(150)
    found, which = heading_path(read, hands, face, 30.0, jumps)
    assert ((which != AS_READ) == (way == EXCHANGED)).all()
    assert np.abs(wrapped(found)).max() < np.radians(20)


def test_a_left_hand_is_no_right_hand():
    """Fingers bent towards the palm, thumb beside it: in camera axes, y down."""
    left = np.zeros((21, 3))
    for first, x in ((1, 0.05), (5, 0.03), (9, 0.01), (13, -0.01), (17, -0.03)):
        for k in range(4):
            left[first + k] = (x, -0.08 - 0.02 * k, 0.015 * k)
    left[1:5] = [(0.03, -0.02, 0.01), (0.04, -0.03, 0.02), (0.05, -0.04, 0.03), (0.05, -0.05, 0.04)]
    right = left * (-1, 1, 1)
    one, other = handedness(np.stack([left, right]))
    assert one == -other
    assert abs(one) > 0.3
    assert handedness(left[None] * (1, 1, 0))[0] == 0  # flat: no telling
    turned = left @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert handedness(turned[None])[0] == pytest.approx(one)


def test_a_reading_far_from_the_heading_tells_nothing():
    read, yaw = np.radians([10.0, 100.0, 359.0]), np.radians([0.0, 0.0, 0.0])
    assert misread(read, yaw).tolist() == [False, True, False]
