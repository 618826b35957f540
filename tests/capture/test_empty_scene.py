"""The estimated plate, against a scene that is known."""

import numpy as np
import pytest

from avatar_kit.capture.plate import estimate_plate, fill_holes


def test_a_scene_uncovered_once_is_found_exactly():
    scene = np.random.default_rng(0).integers(0, 256, (3, 20, 24), dtype=np.uint8)
    pairs = []
    for left in (0, 12):
        mask = np.zeros((20, 24), np.uint8)
        mask[:, left : left + 12] = 255
        pairs.append((np.where(mask > 0, 7, scene).astype(np.uint8), mask))
    assert np.array_equal(estimate_plate(pairs), scene)


def test_a_hole_is_filled_from_around_it():
    ramp = np.tile(np.linspace(0, 100, 33), (1, 33, 1))
    weight = np.ones((33, 33))
    weight[12:20, 12:20] = 0
    filled = fill_holes(ramp * weight, weight)
    assert np.array_equal(filled[:, weight > 0], ramp[:, weight > 0])
    assert np.abs(filled - ramp).max() < 12


def test_nothing_seen_is_black_and_nothing_given_an_error():
    assert not fill_holes(np.zeros((3, 5, 5)), np.zeros((5, 5))).any()
    with pytest.raises(ValueError, match="no picture"):
        estimate_plate([])


def test_a_view_without_a_plate_estimates_it(capture_folder):
    from avatar_kit.capture import CaptureView, open_capture

    plate = CaptureView(open_capture(capture_folder), 64, 64).plate("main")
    assert plate.shape == (3, 64, 64)
    assert np.abs(plate.astype(int) - 204).max() <= 1  # the fixture's wall
