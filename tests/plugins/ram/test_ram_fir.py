import numpy as np
import pytest
import torch
from avatar_kit_ram.fir import (
    blur_after_transpose,
    blur_before_stride,
    downsample,
    fir_kernel,
    upfirdn2d,
    upsample,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    taps=st.lists(st.floats(0.1, 2.0), min_size=1, max_size=5),
    up=st.integers(1, 3),
    down=st.integers(1, 3),
)
def test_agrees_with_scipy_for_any_filter(size, taps, up, down):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    line = np.array(taps)
    kernel = torch.from_numpy(np.outer(line, 2 * line + np.arange(len(line))))
    pad = len(taps) - 1  # the full convolution
    ours = upfirdn2d(x, kernel, up=up, down=down, pad=(pad, pad))
    rows = signal.upfirdn(line, x.numpy(), up, down, axis=2)
    wanted = signal.upfirdn(2 * line + np.arange(len(line)), rows, up, down, axis=3)
    # scipy leaves out the zeros after the last sample.
    ours = ours[:, :, : wanted.shape[2], : wanted.shape[3]]
    torch.testing.assert_close(ours, torch.from_numpy(wanted))


def test_upsampling_is_the_filter_between_zeros():
    x, kernel = torch.randn(2, 3, 5, 7, dtype=torch.float64), fir_kernel().double()
    torch.testing.assert_close(upsample(x), upfirdn2d(x, 4 * kernel, up=2, pad=(2, 1)))


def test_resampling_keeps_a_constant_picture_away_from_the_border():
    x = torch.full((1, 2, 8, 8), 3.0)
    doubled, halved = upsample(x), downsample(x, fir_kernel())
    assert doubled.shape[-2:] == (16, 16)
    assert halved.shape[-2:] == (4, 4)
    torch.testing.assert_close(doubled[..., 3:-3, 3:-3], torch.full((1, 2, 10, 10), 3.0))
    torch.testing.assert_close(halved[..., 1:-1, 1:-1], torch.full((1, 2, 2, 2), 3.0))


def test_up_and_downsampling_keep_the_centre_of_mass():
    x = torch.zeros(1, 1, 16, 16)
    x[0, 0, 6, 9] = 1.0
    for y, factor in ((upsample(x), 2.0), (downsample(x, fir_kernel()), 0.5)):
        rows = torch.arange(y.shape[2]) + 0.5
        share = y[0, 0] / y.sum()
        assert float((share.sum(1) * rows).sum()) == pytest.approx(6.5 * factor, abs=1e-5)
        assert float((share.sum(0) * rows).sum()) == pytest.approx(9.5 * factor, abs=1e-5)


@pytest.mark.parametrize("size", [1, 3])
def test_blur_pairs_with_strided_convolutions(size):
    x, kernel = torch.randn(1, 2, 12, 12), fir_kernel()
    weight = torch.randn(2, 2, size, size)
    down = torch.conv2d(blur_before_stride(x, kernel, size), weight, stride=2)
    raised = torch.conv_transpose2d(x, weight, stride=2)
    assert down.shape[-2:] == (6, 6)
    assert blur_after_transpose(raised, kernel, size).shape[-2:] == (24, 24)


def test_gradients():
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    kernel = fir_kernel().double()
    assert torch.autograd.gradcheck(lambda v: upfirdn2d(v, kernel, up=2, down=3, pad=(2, 1)), x)
