"""Pictures and gradients of splatting against a dense twin, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from splat_clouds import ball, off_centre, random_cloud, straight
from splat_twin import covariances_of, dense

from avatar_kit.graphics import splat
from avatar_kit.scene import Camera

#: Largest error of pictures and, relative to the largest entry, of gradients.
TOLERANCE = {torch.float64: (1e-12, 1e-11), torch.float32: (1e-5, 1e-5)}


def posed(camera: Camera, batch: int) -> Camera:
    """The camera for each frame, with poses that want gradients."""
    R, t = (v.expand(batch, *v.shape[1:]).clone().requires_grad_() for v in (camera.R, camera.t))
    return Camera(camera.K.expand(batch, 3, 3), R, t, camera.width, camera.height)


def compare(cloud, camera, dtype, **limits):
    """Draw both ways, push the same gradient through both, and compare everything."""
    batch = len(cloud["means"])
    ours = {n: v.to(dtype).requires_grad_() for n, v in cloud.items()}
    twin = {n: v.detach().double().requires_grad_() for n, v in ours.items()}
    our_camera, twin_camera = posed(camera, batch), posed(camera, batch)
    spread = twin.get("covariances")
    if spread is None:
        spread = covariances_of(twin["quaternions"], twin["scales"])
    *expected, distance = dense(
        twin["means"], spread, twin["opacities"], twin["features"], twin_camera, **limits
    )
    drawn = splat(
        ours["means"], ours.get("quaternions"), ours.get("scales"), ours["opacities"],
        ours["features"], our_camera, covariances=ours.get("covariances"), **limits,
    )  # fmt: skip
    sure = (distance > (1e-4 if dtype == torch.float32 else 1e-9))[:, None]
    assert sure.double().mean() > 0.9
    picture, gradient = TOLERANCE[dtype]
    found = (drawn.features, drawn.alpha, drawn.depth)
    for a, b in zip(found, expected, strict=True):
        assert ((a - b) * sure).abs().max() <= picture * max(1.0, b.abs().max().item())
    generator = torch.Generator().manual_seed(0)
    wanted = [
        (torch.rand(e.shape, generator=generator, dtype=torch.float64) - 0.5) * sure
        for e in expected
    ]
    leaves = ([*ours.values(), our_camera.R, our_camera.t], [*twin.values(), *poses(twin_camera)])
    mine = torch.autograd.grad(found, leaves[0], [w.to(dtype) for w in wanted])
    theirs = torch.autograd.grad(expected, leaves[1], wanted)
    for name, a, b in zip([*cloud, "R", "t"], mine, theirs, strict=True):
        error = (a - b).abs().max().item()
        assert error <= gradient * max(1.0, b.abs().max().item()), f"{name}: {error}"


def poses(camera):
    return camera.R, camera.t


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 80), channels=st.sampled_from([1, 3, 8]))
def test_equals_the_dense_twin(dtype, seed, count, channels):
    cloud = random_cloud(count, seed, batch=2, channels=channels)
    compare(cloud, off_centre(seed=seed), dtype)


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (70, 17)])
def test_pictures_of_any_size(size):
    compare(random_cloud(60, 5), off_centre(*size), torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_covariances_instead(dtype):
    cloud = random_cloud(50, 2)
    cloud["covariances"] = covariances_of(cloud.pop("quaternions"), cloud.pop("scales"))
    cloud["covariances"] = (cloud["covariances"] + cloud["covariances"].mT) / 2
    compare(cloud, off_centre(), dtype)


def test_other_limits():
    compare(random_cloud(50, 4), off_centre(), torch.float64, eps2d=0.05, near=1.7, far=2.3)


def test_opaque_gaussians():
    """Most alphas reach their limit and most pixels close."""
    cloud = random_cloud(60, 6)
    cloud["opacities"] = 0.97 + 0.03 * cloud["opacities"]
    cloud["scales"] = cloud["scales"] + 0.3
    compare(cloud, off_centre(), torch.float64)
    compare(cloud, off_centre(), torch.float32)


def test_wide_views_clamp_the_jacobian():
    """Near the camera, and far outside its picture."""
    cloud = random_cloud(80, 7)
    cloud["means"] = cloud["means"] * 1.6
    cloud["scales"] = cloud["scales"] * 3
    compare(cloud, off_centre(), torch.float64)


def test_no_gradient_where_alpha_is_at_its_limit():
    cloud = {n: v.requires_grad_() for n, v in ball((0, 0, 2.0), 30.0, 1.0, (1.0,)).items()}
    drawn = splat(**cloud, camera=straight(3, 3))
    assert (drawn.alpha == 0.999).all()
    drawn.features.sum().backward()
    for name in ("means", "quaternions", "scales", "opacities"):
        assert cloud[name].grad.abs().max() == 0
    torch.testing.assert_close(cloud["features"].grad, torch.full((1, 1, 1), 9 * 0.999).double())


@pytest.mark.parametrize("shape", ["scales", "covariances"])
def test_finite_differences(shape):
    """Of everything, where no alpha crosses a threshold on the way."""
    cloud = random_cloud(12, 8)
    cloud["opacities"] = 0.1 + 0.5 * cloud["opacities"]
    if shape == "covariances":
        cloud["covariances"] = covariances_of(cloud.pop("quaternions"), cloud.pop("scales"))
    camera = off_centre(17, 13)
    names = [*cloud, "R", "t"]

    def draw(*values):
        given_ = dict(zip(names, values, strict=True))
        view = Camera(camera.K, given_.pop("R"), given_.pop("t"), 17, 13)
        drawn = splat(
            given_.pop("means"), given_.pop("quaternions", None), given_.pop("scales", None),
            given_.pop("opacities"), given_.pop("features"), view, **given_,
        )  # fmt: skip
        return drawn.features, drawn.alpha, drawn.depth

    leaves = [v.clone().requires_grad_() for v in (*cloud.values(), camera.R, camera.t)]
    torch.autograd.gradcheck(draw, leaves, eps=1e-7, atol=2e-5, rtol=1e-4, nondet_tol=0.0)


def test_quaternions_of_any_length():
    """Twice the quaternion: the same picture, half the gradient, and none along it."""
    cloud, camera = random_cloud(20, 9), off_centre()
    gradients = []
    for factor in (1.0, 2.0):
        quaternions = (factor * cloud["quaternions"]).requires_grad_()
        drawn = splat(**{**cloud, "quaternions": quaternions}, camera=camera)
        (gradient,) = torch.autograd.grad(drawn.features.square().sum(), quaternions)
        assert (gradient * quaternions).sum(-1).abs().max() < 1e-10
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0], 2 * gradients[1])


def test_gradient_of_the_background():
    cloud, camera = random_cloud(20, 9), off_centre()
    behind = torch.rand(1, 3, dtype=torch.float64, requires_grad=True)
    drawn = splat(**cloud, camera=camera, backgrounds=behind)
    drawn.features.sum().backward()
    torch.testing.assert_close(behind.grad, (1 - drawn.alpha).sum().expand(1, 3))
