"""Structural similarity and averages, against another library and by hand."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.image import structural_similarity_index_measure

from avatar_kit.nn import averaged, averaged_within, structural_similarity, windows


def test_ssim_is_that_of_torchmetrics_away_from_the_border():
    draw = torch.Generator().manual_seed(0)
    smooth = averaged(torch.rand(2, 3, 60, 48, generator=draw), 2.0)
    other = (smooth + 0.05 * torch.randn(2, 3, 60, 48, generator=draw)).clamp(0, 1)
    # ours counts the border too: on a picture that is constant there, both agree
    frame = torch.zeros(2, 3, 80, 68)
    a, b = frame.clone(), frame.clone()
    a[..., 10:70, 10:58], b[..., 10:70, 10:58] = smooth, other
    _, padded = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    inside = padded[..., 5:-5, 5:-5].sum() + (padded.numel() - padded[..., 5:-5, 5:-5].numel())
    expected = inside / padded.numel()
    torch.testing.assert_close(structural_similarity(a, b), expected, atol=2e-4, rtol=0)
    assert structural_similarity(smooth, smooth) > 0.99999


def test_a_window_keeps_constants_and_spreads_a_dot():
    constant = torch.full((1, 1, 20, 30), 0.7)
    torch.testing.assert_close(averaged(constant, 3.0), constant)
    dot = torch.zeros(1, 1, 41, 41)
    dot[..., 20, 20] = 1
    spread = averaged(dot, 2.0)[0, 0]
    at = torch.arange(41.0) - 20
    assert abs(float(spread.sum()) - 1) < 1e-5
    variance = float((spread.sum(0) * at.square()).sum())
    assert abs(variance - 4.0) < 0.15, "cut off at three standard deviations"


@given(
    st.tuples(st.integers(0, 39), st.integers(1, 20), st.integers(0, 29), st.integers(1, 15)),
    st.sampled_from([0.8, 2.5, 6.0]),
)
@settings(max_examples=30, deadline=None)
def test_within_windows_averages_are_those_of_the_whole_picture(box, sigma):
    top, height, left, width = box
    pictures = torch.zeros(2, 1, 40, 30)
    pictures[..., top : top + height, left : left + width] = torch.rand(2, 1, 1, 1)
    source, target = windows(pictures, margin=round(3 * sigma))
    whole = averaged(pictures, sigma)
    torch.testing.assert_close(
        averaged_within(pictures, sigma, source, target), whole[(..., *target)]
    )
    whole[(..., *target)] = 0
    assert not whole.any()


def test_the_windows_of_nothing_are_empty():
    source, target = windows(torch.zeros(1, 2, 8, 8), margin=3)
    assert torch.zeros(1, 2, 8, 8)[(..., *target)].numel() == 0
    assert averaged_within(torch.zeros(1, 2, 8, 8), 1.0, source, target).numel() == 0
