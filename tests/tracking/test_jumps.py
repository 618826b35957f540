"""Jump cuts within one scene."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.tracking.clips import Transition
from avatar_kit.tracking.jumps import find_jumps

PLATE = 100 + 20 * np.random.default_rng(0).random((48, 64, 3))
ROWS, COLUMNS = np.mgrid[:48, :64]


def film(places):
    """A striped figure at columns [T] before a plate that stands still, and its masks."""
    rng = np.random.default_rng(1)
    pictures, masks = [], []
    for x in places:
        inside = (np.abs(COLUMNS - x) < 7) & (np.abs(ROWS - 26) < 18)
        stripes = 90 + 60 * np.sin(0.9 * (COLUMNS - x) + 0.5 * ROWS)
        picture = np.where(inside[..., None], stripes[..., None], PLATE)
        pictures.append(picture + rng.normal(0, 0.4, picture.shape))
        masks.append(inside.astype(float))
    return np.array(pictures, np.float32), np.array(masks)


def walking(frames, speed=0.6, start=20.0):
    return start + speed * np.arange(frames)


def test_who_stands_elsewhere_at_once_was_cut():
    places = np.concatenate([walking(30), walking(30, start=50.0, speed=-0.6)])
    assert find_jumps(*film(places)) == [Transition(30, 30)]
    near = [Transition(28, 28)]
    assert find_jumps(*film(places), near) == [], "a known cut is none of these"


@settings(max_examples=20, deadline=None)
@given(speed=st.floats(0, 2.5), turn=st.integers(5, 25), faster=st.floats(0.2, 5))
def test_no_movement_is_a_cut(speed, turn, faster):
    """Starting, stopping, turning back: a movement takes more than a frame."""
    steps = np.concatenate([np.full(turn, speed), np.full(30 - turn, -faster * speed)])
    assert find_jumps(*film(20 + np.cumsum(steps))) == []


def test_a_lost_frame_and_a_flash_are_no_cuts():
    places = walking(40, speed=0.8)
    assert find_jumps(*film(np.delete(places, 20))) == []
    pictures, masks = film(walking(40, speed=0.1))
    pictures[20] *= 1.4
    assert find_jumps(pictures, masks) == []


def test_who_comes_and_goes_was_not_cut():
    pictures, masks = film(walking(30))
    pictures[10:20], masks[10:20] = PLATE, 0
    assert find_jumps(pictures, masks) == []
    assert find_jumps(pictures[:1], masks[:1]) == find_jumps(pictures[:0], masks[:0]) == []


def test_a_picture_that_stands_hides_no_cut():
    places = np.concatenate([walking(30), walking(30, start=50.0)])
    pictures, masks = film(places)
    held = np.repeat(np.arange(60), np.where(np.arange(60) == 29, 4, 1))
    assert find_jumps(pictures[held], masks[held]) == [Transition(33, 33)]
