"""Texture lookup against closed forms, ``grid_sample`` and finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.graphics import sample_texture
from avatar_kit.graphics.gather import gather_dense, weighted_gather
from avatar_kit.graphics.texture import sample_dense


def test_texel_centres_give_the_texels():
    texture = torch.rand(1, 3, 4, 5)
    v, u = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    uv = torch.stack([(u + 0.5) / 5, (v + 0.5) / 4])[None]
    torch.testing.assert_close(sample_texture(texture, uv), texture)


def test_a_ramp_is_reproduced_and_its_border_repeated():
    ramp = (torch.arange(8) + 0.5).expand(1, 1, 8, 8) / 8  # value = u at the centres
    u = torch.linspace(0, 1, 101)
    uv = torch.stack([u, torch.full_like(u, 0.4)])[None, :, None]
    expected = u.clamp(1 / 16, 15 / 16)
    torch.testing.assert_close(sample_texture(ramp, uv)[0, 0, 0], expected, atol=1e-6, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 3),
    shared=st.booleans(),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    masked=st.booleans(),
)
def test_equals_grid_sample(seed, batch, shared, size, masked):
    torch.manual_seed(seed)
    texture = torch.randn(1 if shared else batch, 4, *size).double().requires_grad_()
    uv = (torch.rand(batch, 2, 6, 7).double() * 1.2 - 0.1).requires_grad_()
    mask = (torch.rand(batch, 1, 6, 7) > 0.5).float() if masked else None
    given_gradient = torch.randn(batch, 4, 6, 7).double()
    results = []
    for sample in (sample_texture, sample_dense):
        out = sample(texture, uv, mask)
        results.append((out, *torch.autograd.grad(out, (texture, uv), given_gradient)))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-12, rtol=1e-12)


def test_masked_pixels_are_zero_and_give_no_gradient():
    texture = torch.rand(1, 2, 8, 8, requires_grad=True)
    uv = torch.rand(1, 2, 5, 5)
    mask = torch.zeros(1, 1, 5, 5)
    out = sample_texture(texture, uv, mask)
    out.sum().backward()
    assert not out.any()
    assert not texture.grad.any()


def test_gradients_by_finite_differences():
    torch.manual_seed(0)
    texture = torch.randn(2, 3, 5, 6).double().requires_grad_()
    uv = (torch.rand(2, 2, 4, 4).double() * 0.8 + 0.1).requires_grad_()
    mask = torch.rand(2, 1, 4, 4) > 0.3
    assert torch.autograd.gradcheck(sample_texture, (texture, uv, mask))


@pytest.mark.parametrize("tables", [1, 3])
def test_weighted_gather_equals_its_dense_twin(tables):
    """More pixels than one block, batched and shared tables, values and both gradients."""
    torch.manual_seed(0)
    batch, pixels, taps = 3, 1500, 3
    table = torch.randn(tables, 5, 40).double().requires_grad_()
    pixel = torch.randperm(batch * pixels)[:3000].sort().values
    index = torch.randint(0, 40, (3000, taps))
    weight = torch.randn(3000, taps).double().requires_grad_()
    results = []
    for gather in (weighted_gather, gather_dense):
        out = gather(table, index, weight, pixel, batch, pixels)
        results.append((out, *torch.autograd.grad(out.sin().sum(), (table, weight))))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-11, rtol=1e-11)


def test_result_does_not_depend_on_threads():
    torch.manual_seed(0)
    texture, uv = torch.randn(1, 7, 32, 32), torch.rand(2, 2, 40, 40)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            leaf = texture.clone().requires_grad_()
            out = sample_texture(leaf, uv)
            out.square().sum().backward()
            results.append((out.detach(), leaf.grad))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], result, strict=True))


def test_batches_that_do_not_fit():
    with pytest.raises(ValueError, match="a batch of 2 tables does not fit 3 pictures"):
        sample_texture(torch.rand(2, 1, 4, 4), torch.rand(3, 2, 5, 5))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_channels_last_gives_the_same_and_keeps_its_layout(channels):
    torch.manual_seed(0)
    texture = torch.randn(1, channels, 7, 9, dtype=torch.float64)
    uv, mask = torch.rand(2, 2, 6, 5, dtype=torch.float64), torch.rand(2, 1, 6, 5) > 0.3
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        own = texture.clone(memory_format=layout).requires_grad_()
        at = uv.clone().requires_grad_()
        picture = sample_texture(own, at, mask)
        (picture * torch.arange(30.0).view(6, 5)).sum().backward()
        found.append((picture, own.grad, at.grad))
        if channels > 2:
            assert picture.is_contiguous(memory_format=layout)
    for planes, rows in zip(*found, strict=True):
        torch.testing.assert_close(planes, rows)
