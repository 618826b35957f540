"""Moves of a camera that are known, against what is found of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from avatar_kit.tracking.steady import (
    Follower,
    Steadiness,
    displacement,
    moved_back,
    points_back,
)

SIZE = (180, 320)


def room(seed=0):
    """Shelves: edges in every direction, [H, W, 3] uint8."""
    rng = np.random.default_rng(seed)
    picture = np.full((*SIZE, 3), 180.0)
    for _ in range(60):
        y, x = rng.integers(0, SIZE[0] - 20), rng.integers(0, SIZE[1] - 20)
        h, w = rng.integers(8, 50, 2)
        picture[y : y + h, x : x + w] = rng.uniform(30, 230, 3)
    return ndimage.gaussian_filter(picture, (0.8, 0.8, 0))


def similarity(x, y, degrees, growth):
    """[2, 3] about the middle of the picture, pixel centres at halves."""
    c, s = np.cos(np.radians(degrees)) * growth, np.sin(np.radians(degrees)) * growth
    middle = np.array([SIZE[1] / 2, SIZE[0] / 2])
    turn = np.array([[c, -s], [s, c]])
    return np.concatenate([turn, (middle - turn @ middle + (x, y))[:, None]], 1)


def filmed(picture, move):
    """What a frame shows if points of the plate lie where ``move`` puts them: by scipy."""
    back = np.linalg.inv(np.vstack([move, [0, 0, 1]]))
    flip = np.array([[0, 1], [1, 0]])  # to rows and columns
    if np.array_equal(move, np.eye(3)[:2]):
        return picture.clip(0, 255)
    matrix = flip @ back[:2, :2] @ flip
    offset = flip @ (back[:2, :2] @ (0.5, 0.5) + back[:2, 2]) - 0.5
    planes = [
        ndimage.affine_transform(picture[..., c], matrix, offset, order=3, mode="nearest")
        for c in range(picture.shape[-1])
    ]
    return np.stack(planes, -1).clip(0, 255)


NOBODY = np.zeros((90, 160), np.uint8)


@given(
    st.floats(-6, 6), st.floats(-6, 6), st.floats(-1, 1), st.floats(0.985, 1.015), st.floats(0.7, 1)
)
@settings(max_examples=15, deadline=None)
def test_moves_are_found_whatever_the_exposure_does(x, y, degrees, growth, gain):
    picture, move = room(), similarity(x, y, degrees, growth)
    found, rest = Follower(picture.astype(np.uint8)).follow(
        (gain * filmed(picture, move)).astype(np.uint8), NOBODY
    )
    apart = displacement(
        (np.vstack([found, [0, 0, 1]]) @ np.linalg.inv(np.vstack([move, [0, 0, 1]])))[None, :2],
        *SIZE[::-1],
    )
    assert apart[0] < 0.25
    if displacement(move[None], *SIZE[::-1])[0] > 1:
        assert rest < 0.5


def test_a_person_who_walks_is_no_move_of_the_camera():
    picture = room(1)
    follower = Follower(picture.astype(np.uint8))
    for t in range(6):
        frame, mask = picture.copy(), NOBODY.copy()
        frame[40:170, 60 + 20 * t : 100 + 20 * t] = (200, 40, 40)
        mask[20:85, 30 + 10 * t : 50 + 10 * t] = 255
        move, _ = follower.follow(frame.astype(np.uint8), mask)
        assert displacement(move[None], *SIZE[::-1])[0] < 0.1


def test_a_plain_wall_says_nothing_and_stands():
    rng = np.random.default_rng(0)
    wall = np.full((*SIZE, 3), 200.0)
    follower = Follower(wall.astype(np.uint8))
    frames = [(wall + rng.normal(0, 2, wall.shape)).astype(np.uint8) for _ in range(5)]
    found = [follower.follow(frame, NOBODY) for frame in frames]
    seen = Steadiness(np.stack([m for m, _ in found]), np.array([r for _, r in found]), 320, 180)
    assert seen.still


def test_a_picture_moved_back_is_the_plate():
    picture, move = room(2), similarity(3.4, -2.2, 0.4, 1.004)
    back = moved_back(filmed(picture, move).astype(np.uint8), move)
    inside = (slice(12, -12),) * 2
    assert np.abs(back[inside] - picture[inside]).mean() < 1.0
    points = np.array([[[30.0, 40.0], [200.0, 90.0]]])
    there = points @ move[:, :2].T + move[:, 2]
    np.testing.assert_allclose(points_back(there, move[None]), points, atol=1e-9)


def test_small_and_large_moves_are_told_apart():
    shift = np.tile(np.eye(3)[:2], (20, 1, 1))
    shift[:, 0, 2] = np.linspace(0, 9, 20)
    clear, none = np.full(20, 0.3), np.full(20, 1.0)
    assert not Steadiness(shift, clear, 320, 180).still
    assert Steadiness(shift, clear, 320, 180).small
    assert not Steadiness(3 * shift, clear, 320, 180).small
    assert Steadiness(shift, none, 320, 180).still  # explains nothing of the picture
    assert Steadiness(0.01 * shift + 0.99 * np.eye(3)[:2], clear, 320, 180).still
