import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.tracking.objective import Steps, Weights, geman_mcclure, smoothness_terms


@given(st.floats(1e-6, 1e4), st.floats(0.01, 10))
def test_geman_mcclure_is_square_when_small_and_bounded_when_large(squared, sigma):
    loss = float(geman_mcclure(torch.tensor(squared, dtype=torch.float64), sigma))
    assert 0 < loss <= min(squared, sigma**2) * (1 + 1e-9)
    if squared == sigma**2:
        assert loss == pytest.approx(sigma**2 / 2)


def test_steps_do_not_cross_clips():
    steps = Steps.of([(0, 4), (4, 6), (6, 7)], 60.0)
    assert steps.pairs.T.tolist() == [[0, 1], [1, 2], [2, 3], [4, 5]]
    assert steps.triples.T.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert steps.rate == 2.0


def test_a_jump_between_clips_is_free_and_inside_one_is_not():
    rotations = torch.zeros(8, 3, 3)
    rotations[4:] = 1.0
    still = torch.zeros(8, 3), torch.zeros(8)
    apart = smoothness_terms(rotations, *still, Steps.of([(0, 4), (4, 8)], 30.0), Weights())
    joined = smoothness_terms(rotations, *still, Steps.of([(0, 8)], 30.0), Weights())
    assert sum(apart.values()) == 0
    assert joined["rotation"] > 0
    assert joined["velocity"] > 0


def test_the_same_movement_costs_the_same_at_twice_the_frame_rate():
    def cost(fps):
        t = torch.arange(0, 2, 1 / fps)
        rotations = torch.sin(3 * t)[:, None, None].expand(-1, 2, 3)
        steps = Steps.of([(0, len(t))], fps)
        return smoothness_terms(rotations, torch.zeros(len(t), 3), t * 0, steps, Weights())

    slow, fast = cost(30.0), cost(60.0)
    for name in ("rotation", "velocity"):
        assert float(fast[name]) == pytest.approx(float(slow[name]), rel=0.05)


def test_a_single_frame_has_no_smoothness_and_no_nan():
    steps = Steps.of([(0, 1)], 30.0)
    terms = smoothness_terms(
        torch.zeros(1, 2, 3), torch.zeros(1, 3), torch.zeros(1), steps, Weights()
    )
    assert all(float(v) == 0 for v in terms.values())
