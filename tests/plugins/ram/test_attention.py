"""Criss-cross attention against a dense masked twin, and what its branches learn."""

import pytest
import torch
from avatar_kit_ram import attention
from avatar_kit_ram.attention import CrissCrossBranch, criss_cross_attention, distance_weights
from hypothesis import given, settings
from hypothesis import strategies as st

MODES = ("multiply", "bias", "none")
sides = st.integers(1, 9)


def dense(query, key, value, mode):
    """Every position against every other, those off row and column masked."""
    height, width = query.shape[1:3]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    dy, dx = ((a.flatten()[:, None] - a.flatten()).abs() for a in (y, x))
    d = 1 / ((dx + dy).to(query.dtype) ** 0.8 + 1)
    energies = query.flatten(1, 2) @ key.flatten(1, 2).mT
    energies = {"multiply": d * energies, "bias": energies + d.log(), "none": energies}[mode]
    shares = energies.masked_fill((dx > 0) & (dy > 0), -torch.inf).softmax(-1)
    return (shares @ value.flatten(1, 2)).view(*query.shape[:3], -1)


def random_maps(batch, height, width, channels, dtype, seed=0):
    torch.manual_seed(seed)
    shape = (batch, height, width)
    return [
        torch.randn(*shape, c, dtype=dtype, requires_grad=True)
        for c in (channels, channels, channels + 2)
    ]


def results_and_gradients(function, maps):
    result = function(*maps)
    weights = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)
    return [result, *torch.autograd.grad((weights * result).sum(), maps)]


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(1, 5), st.integers(1, 2), st.sampled_from(MODES), st.booleans())
def test_equals_the_dense_masked_twin(height, width, channels, batch, mode, double):
    dtype, tolerance = (torch.float64, 1e-12) if double else (torch.float32, 1e-5)
    maps = random_maps(batch, height, width, channels, dtype)
    ours = results_and_gradients(lambda *maps: criss_cross_attention(*maps, distance=mode), maps)
    theirs = results_and_gradients(lambda *maps: dense(*maps, mode), maps)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (24, 40)])
def test_equals_the_dense_twin_at_working_size(mode, height, width):
    maps = random_maps(1, height, width, 24, torch.float32)
    maps[0] = (maps[0].detach() / 24**0.5).requires_grad_()  # energies of order one
    ours = results_and_gradients(lambda *maps: criss_cross_attention(*maps, distance=mode), maps)
    theirs = results_and_gradients(lambda *maps: dense(*maps, mode), maps)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_agree_with_finite_differences(mode):
    maps = random_maps(1, 3, 4, 2, torch.float64)
    torch.autograd.gradcheck(lambda *maps: criss_cross_attention(*maps, distance=mode), maps)


def test_the_result_does_not_depend_on_how_lines_are_grouped(monkeypatch):
    maps = random_maps(2, 7, 5, 3, torch.float64)
    whole = results_and_gradients(criss_cross_attention, maps)
    monkeypatch.setattr(attention, "BLOCK", {"cpu": 2 * 7 * 7 * 2})
    for a, b in zip(results_and_gradients(criss_cross_attention, maps), whole, strict=True):
        torch.testing.assert_close(a, b, atol=1e-13, rtol=1e-13)


def test_equal_energies_give_the_mean_with_the_centre_counted_once():
    height, width = 4, 6
    value = torch.randn(1, height, width, 3, dtype=torch.float64)
    nothing = torch.zeros(1, height, width, 2, dtype=torch.float64)
    result = criss_cross_attention(nothing, nothing, value)
    rows, columns = value.sum(2, keepdim=True), value.sum(1, keepdim=True)
    expected = (rows + columns - value) / (height + width - 1)
    torch.testing.assert_close(result, expected)


def test_with_equal_queries_and_keys_a_bias_averages_by_the_distance_weight():
    value = torch.zeros(1, 1, 4, 1, dtype=torch.float64)
    value[0, 0, 3] = 1.0
    nothing = torch.zeros(1, 1, 4, 1, dtype=torch.float64)
    result = criss_cross_attention(nothing, nothing, value, distance="bias")
    weights = [1 / (m**0.8 + 1) for m in (3, 2, 1, 0)]
    expected = weights[0] / sum(weights)  # from the other end of the row
    assert result[0, 0, 0, 0].item() == pytest.approx(expected)


def test_distance_weights():
    table = distance_weights(5)
    for i in range(5):
        for j in range(5):
            assert table[i, j].item() == pytest.approx(1 / (abs(i - j) ** 0.8 + 1))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_the_softmax_stays_in_float32_in_half_precision(kind):
    torch.manual_seed(0)
    query, key = (5 * torch.randn(1, 16, 24, 24, dtype=torch.float64) for _ in range(2))
    value = torch.randn(1, 16, 24, 8, dtype=torch.float64)
    half = [x.to(kind) for x in (query, key, value)]
    exact = dense(*(x.double() for x in half), "none")
    result = criss_cross_attention(*half, distance="none")
    assert result.dtype == kind
    # Energies of hundreds: rounded to 8 or 11 bits they would be off by whole units, shares by e.
    step = torch.finfo(kind).eps
    torch.testing.assert_close(result.double(), exact, atol=4 * step, rtol=4 * step)


def test_autocast_does_not_reach_the_softmax():
    maps = random_maps(1, 8, 12, 24, torch.float32)
    plain = results_and_gradients(criss_cross_attention, maps)
    with torch.autocast("cpu", torch.bfloat16):
        cast = results_and_gradients(criss_cross_attention, maps)
    for a, b in zip(cast, plain, strict=True):
        assert torch.equal(a, b)


def test_the_energies_are_not_kept_for_the_backward_pass():
    kept = []
    maps = random_maps(1, 32, 32, 4, torch.float32)
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    ):
        criss_cross_attention(*maps)
    assert sum(kept) == 32 * 32 * (4 + 4 + 6 + 6 + 1)


def test_a_branch_adds_nothing_to_begin_with_and_then_every_parameter_moves():
    torch.manual_seed(0)
    branch = CrissCrossBranch(6, 4)
    source, features, wanted = torch.randn(3, 1, 6, 8, 10)
    assert branch(source[:, :], features).abs().max() == 0
    start = {name: p.detach().clone() for name, p in branch.named_parameters()}
    optimizer = torch.optim.Adam(branch.parameters(), lr=1e-2)
    for _ in range(6):
        optimizer.zero_grad()
        (branch(source, features) - wanted).square().mean().backward()
        optimizer.step()
    moved = {name: (p - start[name]).norm().item() for name, p in branch.named_parameters()}
    assert "alpha" in moved
    assert min(moved.values()) > 1e-3, moved


def test_two_passes_reach_every_position():
    torch.manual_seed(0)
    branch = CrissCrossBranch(4, 4).double()
    torch.nn.init.normal_(branch.convolution.weight)
    branch.alpha.data.fill_(1.0)
    source = torch.randn(1, 4, 9, 7, dtype=torch.float64)
    features = torch.randn(1, 4, 9, 7, dtype=torch.float64, requires_grad=True)
    corner = branch(source, features)[0, :, 0, 0].sum()
    (gradient,) = torch.autograd.grad(corner, features)
    assert (gradient.abs().sum(1) > 0).all()
