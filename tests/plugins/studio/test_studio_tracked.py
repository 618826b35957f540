import numpy as np
import pytest
import roma
import torch
from avatar_kit_studio.tracked import NoiseSizes, estimate_shape, track

from avatar_kit.scene import Motion

FRAMES = 400


@pytest.fixture(scope="module")
def pair():
    truth = Motion.rest(FRAMES, fps=25.0, expression=torch.full((FRAMES, 52), 0.5))
    return truth, track(truth, np.random.default_rng(0))


def test_rotations_are_off_by_the_stated_size(pair):
    truth, tracked = pair
    error = np.degrees((tracked.rotvec() - truth.rotvec()).numpy())
    sizes = NoiseSizes()
    assert error[:, :22].std() == pytest.approx(sizes.body, rel=0.1)
    assert error[:, 25:].std() == pytest.approx(sizes.hands, rel=0.1)
    turns = (roma.rotvec_to_rotmat(m.rotvec()[:, :22]) for m in pair)
    angle = np.degrees(roma.rotmat_geodesic_distance(*turns).numpy())
    # The length of three normal errors: its median is 1.538 deviations.
    assert np.median(angle) == pytest.approx(1.538 * sizes.body, rel=0.1)
    assert angle.max() < 7 * sizes.body


def test_root_is_off_by_millimetres(pair):
    truth, tracked = pair
    error = (tracked.transl - truth.transl).numpy()
    assert error.std() == pytest.approx(NoiseSizes().root, rel=0.25)
    assert np.abs(error).max() < 0.02


def test_most_of_the_error_is_slow(pair):
    truth, tracked = pair
    error = (tracked.rotvec() - truth.rotvec()).numpy().reshape(FRAMES, -1)[:, :66]
    lag = (error[1:] * error[:-1]).mean() / (error**2).mean()
    assert 0.8 < lag < 0.98


def test_a_face_at_rest_is_seen_at_rest():
    truth = Motion.rest(50, fps=25.0)
    assert torch.equal(track(truth, np.random.default_rng(1)).expression, truth.expression)


def test_expression_stays_in_range(pair):
    assert pair[1].expression.min() >= 0
    assert pair[1].expression.max() <= 1
    assert (pair[1].expression - pair[0].expression).std() == pytest.approx(0.03, rel=0.15)


def test_shape_is_a_little_off():
    truth = {"height": 0.5, "gender": 1.0}
    guess = estimate_shape(truth, np.random.default_rng(0))
    assert guess != truth
    assert all(abs(guess[k] - truth[k]) < 0.05 and 0 <= guess[k] <= 1 for k in truth)
