"""Splatting against closed forms, and what must hold of any cloud."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from splat_clouds import ball, off_centre, random_cloud, straight, together

from avatar_kit.graphics import splat
from avatar_kit.scene import Camera, stack_cameras

RED, GREEN = (1.0, 0.0), (0.0, 1.0)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def pixel_grid(camera):
    y, x = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    return x.double(), y.double()


def test_one_gaussian_is_the_closed_form():
    camera = straight(48, 32)
    drawn = splat(**ball((0.1, -0.05, 2.0), 0.1, 0.8, RED), camera=camera)
    x, y = pixel_grid(camera)
    u, v = 0.05, -0.025
    dx, dy = x - (40 * u + 24), y - (40 * v + 16)
    # J = f / z [1 0 -u; 0 1 -v], so J J^T = (f / z)^2 (I + (u, v) (u, v)^T)
    a, b, c = ((20 * 0.1) ** 2 * k for k in (1 + u * u, u * v, 1 + v * v))
    a, c = a + 0.3, c + 0.3
    det = a * c - b * b
    alpha = 0.8 * torch.exp(-0.5 * (c * dx * dx - 2 * b * dx * dy + a * dy * dy) / det)
    alpha = torch.where(alpha >= 1 / 255, alpha, 0)
    torch.testing.assert_close(drawn.alpha[0, 0], alpha, atol=1e-12, rtol=0)
    torch.testing.assert_close(drawn.features[0, 0], alpha, atol=1e-12, rtol=0)
    assert drawn.features[0, 1].abs().max() == 0
    torch.testing.assert_close(drawn.depth[0, 0], 2 * alpha, atol=1e-12, rtol=0)
    seen = alpha > 0
    torch.testing.assert_close(drawn.expected_depth[0, 0], 2 * seen.double(), atol=1e-12, rtol=0)


def test_integral_of_one_gaussian():
    """The volume above alpha = 1/255 is 2 pi sqrt(det) (opacity - 1/255)."""
    drawn = splat(**ball((0, 0, 2.0), 0.25, 0.9, RED), camera=straight(96, 96))
    variance = (40 / 2 * 0.25) ** 2 + 0.3
    expected = 2 * math.pi * variance * (0.9 - 1 / 255)
    assert drawn.alpha.sum().item() == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_covers_the_farther(order):
    sheets = [ball((0, 0, 2.0), 5.0, 0.6, RED), ball((0, 0, 3.0), 5.0, 0.5, GREEN)]
    drawn = splat(**together(*(sheets[i] for i in order)), camera=straight(9, 9))
    middle = drawn.features[0, :, 4, 4]
    torch.testing.assert_close(middle, double(0.6, 0.4 * 0.5), atol=1e-12, rtol=0)
    assert drawn.alpha[0, 0, 4, 4].item() == pytest.approx(0.6 + 0.4 * 0.5)
    assert drawn.depth[0, 0, 4, 4].item() == pytest.approx(0.6 * 2 + 0.2 * 3)


def test_equal_depths_go_by_index():
    sheets = [ball((0, 0, 2.0), 5.0, 0.6, RED), ball((0, 0, 2.0), 5.0, 0.5, GREEN)]
    one = splat(**together(*sheets), camera=straight(9, 9)).features[0, :, 4, 4]
    other = splat(**together(*sheets[::-1]), camera=straight(9, 9)).features[0, :, 4, 4]
    torch.testing.assert_close(one, double(0.6, 0.2))
    torch.testing.assert_close(other, double(0.3, 0.5))


def test_a_pixel_is_closed_before_the_gaussian_that_would_shut_it():
    """0.999 leaves 1e-3; 0.8 more leaves 2e-4; another 0.8 would leave 4e-5 and is not added."""
    stack = [
        ball((0, 0, 2.0 + i), 50.0, opacity, tuple(float(i == k) for k in range(4)))
        for i, opacity in enumerate((1.0, 0.8, 0.8, 0.1))
    ]
    drawn = splat(**together(*stack), camera=straight(9, 9))
    weights = drawn.features[0, :, 4, 4]
    expected = double(0.999, 1e-3 * 0.8, 0.0, 0.0)
    torch.testing.assert_close(weights, expected, atol=1e-12, rtol=0)
    assert drawn.alpha[0, 0, 4, 4].item() == pytest.approx(1 - 2e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ((0, 0, -2.0), False),  # behind
        ((0, 0, 0.005), False),  # nearer than near
        ((0, 0, 11.0), False),  # farther than far
        ((3.0, 0, 2.0), False),  # outside
        ((0.82, 0, 2.0), True),  # its middle is outside, its flank is seen
    ],
)
def test_what_is_outside_is_not_drawn(at, shown):
    cloud = {k: v.requires_grad_() for k, v in ball(at, 0.05, 0.9, RED).items()}
    drawn = splat(**cloud, camera=straight(), far=10.0)
    assert (drawn.alpha.max() > 0.01) == shown
    drawn.features.sum().backward()
    assert all((v.grad.abs().max() > 0) == shown for v in (cloud["means"], cloud["opacities"]))


def test_thin_and_faint():
    """Nothing is thinner than a pixel; an opacity below 1/255 is nothing."""
    thin = splat(**ball((0, 0, 2.0), 1e-6, 0.9, RED), camera=straight(33, 33))
    x, y = pixel_grid(straight(33, 33))
    alpha = 0.9 * torch.exp(-((x - 16.5) ** 2 + (y - 16.5) ** 2) / 0.6)
    torch.testing.assert_close(thin.alpha[0, 0], torch.where(alpha >= 1 / 255, alpha, 0))
    faint = splat(**ball((0, 0, 2.0), 0.5, 0.0039, RED), camera=straight())
    assert faint.alpha.max() == 0


def test_no_gaussians():
    cloud = {name: value[:, :0] for name, value in ball((0, 0, 2.0), 1, 1, RED).items()}
    cloud["means"].requires_grad_()
    drawn = splat(**cloud, camera=straight(), backgrounds=double(0.2, 0.7)[None])
    assert drawn.alpha.max() == 0
    assert torch.equal(drawn.features[0, :, 3, 3], double(0.2, 0.7))
    drawn.features.sum().backward()
    assert cloud["means"].grad.shape == (1, 0, 3)


@pytest.mark.parametrize("name", ["means", "quaternions", "scales", "opacities", "features"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_drawn(name, value):
    cloud = random_cloud(20, 3)
    cloud[name][0, 7, ...] = value
    camera = off_centre()
    without = {n: torch.cat([v[:, :7], v[:, 8:]], 1) for n, v in cloud.items()}
    leaves = {n: v.requires_grad_() for n, v in cloud.items()}
    drawn = splat(**leaves, camera=camera)
    assert torch.equal(drawn.features, splat(**without, camera=camera).features)
    drawn.features.sum().backward()
    for leaf in leaves.values():
        assert leaf.grad[:, 7].abs().max() == 0
        assert leaf.grad.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60))
def test_the_order_of_the_cloud_is_nothing(seed, count):
    cloud, camera = random_cloud(count, seed), off_centre(seed=seed)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    one = splat(**cloud, camera=camera)
    other = splat(**{n: v[:, order] for n, v in cloud.items()}, camera=camera)
    for name, value in vars(one).items():
        assert torch.equal(value, getattr(other, name))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 60))
def test_the_background_shines_through(seed, count):
    cloud, camera = random_cloud(count, seed, batch=2), off_centre(seed=seed)
    behind = torch.rand(2, 3, dtype=torch.float64)
    over = splat(**cloud, camera=camera, backgrounds=behind)
    alone = splat(**cloud, camera=camera)
    expected = alone.features + (1 - alone.alpha) * behind[:, :, None, None]
    torch.testing.assert_close(over.features, expected, atol=1e-12, rtol=0)
    assert torch.equal(over.alpha, alone.alpha) and torch.equal(over.depth, alone.depth)
    assert alone.alpha.min() >= 0 and alone.alpha.max() <= 1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_batch_is_its_members(seed):
    cloud = random_cloud(30, seed, batch=2)
    cameras = [off_centre(seed=seed + i) for i in range(2)]
    leaves = {n: v.requires_grad_() for n, v in cloud.items()}
    both = splat(**leaves, camera=stack_cameras(cameras))
    given_ = torch.rand(both.features.shape, dtype=torch.float64)
    gradients = torch.autograd.grad(both.features, leaves.values(), given_)
    for b, camera in enumerate(cameras):
        mine = {n: v.detach()[b : b + 1].requires_grad_() for n, v in cloud.items()}
        one = splat(**mine, camera=camera)
        assert torch.equal(one.features, both.features[b : b + 1])
        found = torch.autograd.grad(one.features, mine.values(), given_[b : b + 1])
        for a, whole in zip(found, gradients, strict=True):
            assert torch.equal(a, whole[b : b + 1])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_visible_takes_gaussians_out(seed):
    cloud, camera = random_cloud(40, seed), off_centre(seed=seed)
    visible = torch.rand(1, 40) > 0.5
    leaves = {n: v.requires_grad_() for n, v in cloud.items()}
    drawn = splat(**leaves, camera=camera, visible=visible)
    chosen = {n: v.detach()[:, visible[0]] for n, v in cloud.items()}
    assert torch.equal(drawn.features, splat(**chosen, camera=camera).features)
    drawn.features.sum().backward()
    assert all(v.grad[:, ~visible[0]].abs().sum() == 0 for v in leaves.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_threads_and_repetition_change_no_bit(dtype):
    cloud = {n: v.to(dtype).requires_grad_() for n, v in random_cloud(9000, 1, batch=2).items()}
    base = off_centre(97, 120)
    R, t = (v.expand(2, *v.shape[1:]).clone().requires_grad_() for v in (base.R, base.t))
    camera = Camera(base.K.expand(2, 3, 3), R, t, 97, 120)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 2, 5):
            torch.set_num_threads(threads)
            drawn = splat(**cloud, camera=camera)
            loss = (drawn.features.square().sum() + drawn.depth.sum()) * 1e-3
            gradients = torch.autograd.grad(loss, [*cloud.values(), R, t])
            found.append([*vars(drawn).values(), *gradients])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_half_precision_is_drawn_in_single():
    cloud = {n: v.half() for n, v in random_cloud(20, 0).items()}
    drawn = splat(**cloud, camera=off_centre())
    exact = splat(**{n: v.float() for n, v in cloud.items()}, camera=off_centre())
    assert drawn.features.dtype == torch.float32
    assert torch.equal(drawn.features, exact.features)


def test_wrong_arguments():
    cloud, camera = random_cloud(4, 0), off_centre()
    for change, message in (
        ({"opacities": torch.rand(1, 5)}, r"opacities must be \[1, 4\]"),
        ({"visible": torch.ones(1, 3, dtype=torch.bool)}, r"visible must be \[1, 4\]"),
        ({"backgrounds": torch.rand(1, 2)}, r"backgrounds must be \[1, 3\]"),
        ({"scales": None}, "quaternions and scales, or covariances"),
        ({"covariances": torch.rand(1, 4, 3, 3)}, "quaternions and scales, or covariances"),
        ({"features": torch.rand(4, 3)}, r"features \[B, N, C\]"),
    ):
        with pytest.raises(ValueError, match=message):
            splat(**{**cloud, **change}, camera=camera)
