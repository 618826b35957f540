"""Pictures and gradients of splatting against a dense twin, and against finite differences."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from splat_clouds import ball, off_centre, random_cloud, straight
from splat_twin import covariances_of, dense

from avatar_kit.graphics import splat
from avatar_kit.scene import Camera

#: Largest error of pictures and, relative to the largest entry, of gradients.
TOLERANCE = {torch.float64: (1e-12, 1e-11), torch.float32: (1e-5, 1e-5)}
#: Gradients are sums that cancel, so what float32 loses of them depends on the cloud. Where the
#: dense sums lose more than the tolerance, up to this multiple of their own loss is allowed.
OF_DENSE_SUMS = 4.0


def posed(camera: Camera, batch: int, dtype: torch.dtype) -> Camera:
    """The camera for each frame, with poses that want gradients."""
    R, t = (v.expand(batch, *v.shape[1:]).to(dtype) for v in (camera.R, camera.t))
    R, t = (v.detach().clone().requires_grad_() for v in (R, t))
    return Camera(camera.K.to(dtype).expand(batch, 3, 3), R, t, camera.width, camera.height)


def draw_ours(cloud, camera, limits):
    drawn = splat(
        cloud["means"], cloud.get("quaternions"), cloud.get("scales"), cloud["opacities"],
        cloud["features"], camera, covariances=cloud.get("covariances"), **limits,
    )  # fmt: skip
    return drawn.features, drawn.alpha, drawn.depth


def draw_dense(cloud, camera, limits):
    spread = cloud.get("covariances")
    if spread is None:
        spread = covariances_of(cloud["quaternions"], cloud["scales"])
    return dense(cloud["means"], spread, cloud["opacities"], cloud["features"], camera, **limits)


def compare(cloud, camera, dtype, **limits):
    """Draw both ways, push the same gradient through both, and compare everything."""
    batch = len(cloud["means"])
    cloud = {n: v.to(dtype) for n, v in cloud.items()}  # both see the same numbers

    def leaves(precision, of_camera):
        return (
            {n: v.detach().to(precision).requires_grad_() for n, v in cloud.items()},
            posed(camera, batch, of_camera),
        )

    def gradients(pictures, parts):
        values, view = parts
        wanted = [w.to(p.dtype) for w, p in zip(weights, pictures, strict=True)]
        return torch.autograd.grad(pictures, [*values.values(), view.R, view.t], wanted)

    twin, ours = leaves(torch.float64, torch.float64), leaves(dtype, torch.float64)
    *expected, distance = draw_dense(*twin, limits)
    found = draw_ours(*ours, limits)
    sure = (distance > (1e-4 if dtype == torch.float32 else 1e-9))[:, None]
    assert sure.double().mean() > 0.9
    picture, tolerance = TOLERANCE[dtype]
    for a, b in zip(found, expected, strict=True):
        assert ((a - b) * sure).abs().max() <= picture * max(1.0, b.abs().max().item())
    generator = torch.Generator().manual_seed(0)
    weights = [
        (torch.rand(e.shape, generator=generator, dtype=torch.float64) - 0.5) * sure
        for e in expected
    ]
    theirs, mine = gradients(expected, twin), gradients(found, ours)
    allowed = tolerance
    if dtype == torch.float32:
        single = leaves(dtype, dtype)
        *rough, _ = draw_dense(*single, limits)
        lost = max(map(relative_error, gradients(rough, single), theirs))
        allowed = max(tolerance, OF_DENSE_SUMS * lost)
    for name, a, b in zip([*cloud, "R", "t"], mine, theirs, strict=True):
        assert relative_error(a, b) <= allowed, name


def relative_error(found, expected) -> float:
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 80), channels=st.sampled_from([1, 3, 8]))
@example(seed=2378, count=1, channels=8)  # float32 loses 1.4e-5 of its gradients
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
