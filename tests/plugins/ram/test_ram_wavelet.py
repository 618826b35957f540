import torch
from avatar_kit_ram.wavelet import haar_dwt, haar_iwt, haar_phases
from hypothesis import given, settings
from hypothesis import strategies as st

shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 8), st.integers(1, 8))


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 2**31))
def test_reconstruction_is_perfect_both_ways(shape, seed):
    torch.manual_seed(seed)
    batch, channels, height, width = shape
    x = torch.randn(batch, channels, 2 * height, 2 * width, dtype=torch.float64)
    bands = haar_dwt(x)
    assert bands.shape == (batch, 4 * channels, height, width)
    torch.testing.assert_close(haar_iwt(bands), x)
    torch.testing.assert_close(haar_dwt(haar_iwt(bands)), bands)


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(0, 2**31))
def test_energy_is_kept(shape, seed):
    torch.manual_seed(seed)
    x = torch.randn(*shape[:2], 2 * shape[2], 2 * shape[3], dtype=torch.float64)
    torch.testing.assert_close(haar_dwt(x).square().sum(), x.square().sum())


def test_bands_are_mean_rows_columns_and_diagonal():
    vertical = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    horizontal = vertical.T
    diagonal = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    for band, pattern in enumerate((torch.ones(2, 2), vertical, horizontal, diagonal)):
        found = haar_dwt(pattern[None, None])[0, :, 0, 0]
        torch.testing.assert_close(found, 2.0 * torch.eye(4)[band])


def test_gradients():
    x = torch.randn(1, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    bands = torch.randn(1, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(haar_dwt, x)
    assert torch.autograd.gradcheck(haar_iwt, bands)


def test_pixels_of_bands_are_a_matrix_away():
    bands = torch.randn(2, 12, 3, 5)
    pixels = torch.einsum("pb,nbhw->nphw", haar_phases(3), bands)
    torch.testing.assert_close(torch.pixel_shuffle(pixels, 2), haar_iwt(bands))
