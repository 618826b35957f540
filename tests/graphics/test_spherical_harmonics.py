"""Spherical harmonics against their definition by Legendre functions."""

import numpy as np
import pytest
import torch
from scipy.special import lpmv

from avatar_kit.graphics import harmonic_colors, spherical_harmonics
from avatar_kit.graphics.harmonic_numba import HarmonicColors
from avatar_kit.graphics.spherical_harmonics import colors_dense
from avatar_kit.scene import Camera


def sphere():
    """Directions [P, 3] and weights [P] that integrate polynomials of degree 15 exactly."""
    z, weight = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * (2 * np.pi / 16)
    ring = np.sqrt(1 - z * z)[:, None]
    points = np.stack(
        [ring * np.cos(phi), ring * np.sin(phi), np.broadcast_to(z[:, None], (8, 16))], -1
    )
    weights = np.broadcast_to(weight[:, None] * 2 * np.pi / 16, (8, 16))
    return torch.from_numpy(points.reshape(-1, 3)), torch.from_numpy(weights.reshape(-1).copy())


def test_orthonormal():
    points, weights = sphere()
    values = spherical_harmonics(points, 3)
    gram = values.mT @ (weights[:, None] * values)
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), atol=1e-12, rtol=0)


def test_closed_form_by_legendre_functions():
    """sqrt(2) K P_l^|m|(z) cos or sin(m phi), with the Condon-Shortley phase, m from -l to l."""
    points, _ = sphere()
    x, y, z = points.numpy().T
    phi, expected = np.arctan2(y, x), []
    for degree in range(4):
        for m in range(-degree, degree + 1):
            k = abs(m)
            ratio = np.prod([1.0, *range(degree - k + 1, degree + k + 1)])
            norm = np.sqrt((2 * degree + 1) / (4 * np.pi) / ratio)
            wave = 1.0 if m == 0 else np.sqrt(2) * (np.sin(k * phi) if m < 0 else np.cos(k * phi))
            expected.append(norm * lpmv(k, degree, z) * wave)
    found = spherical_harmonics(3.0 * points, 3).numpy().T
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_lower_degrees_come_first(degree):
    points, _ = sphere()
    count = (degree + 1) ** 2
    assert torch.equal(
        spherical_harmonics(points, degree), spherical_harmonics(points, 3)[:, :count]
    )


def test_colors():
    camera = Camera.look_at((0, 0, 3.0), (0, 0, 0), width=8, height=8, fov_y=40)
    means = torch.tensor([[[0.0, 0, 0], [0, 0, 1], [2.0, 0, 3.0]]])
    coefficients = torch.zeros(1, 3, 4, 3)
    coefficients[..., 0, 0] = 1.0  # a constant
    coefficients[..., 2, 1] = 1.0  # along z: the camera looks along -z
    coefficients[..., 0, 2] = -9.0  # below black
    colors = harmonic_colors(coefficients, means, camera)
    torch.testing.assert_close(colors[0, :, 0], torch.full((3,), 0.5 + 0.28209479))
    along = torch.tensor([-1.0, -1.0, 0.0]) * 0.48860251
    torch.testing.assert_close(colors[0, :, 1], 0.5 + along)
    assert colors[0, :, 2].abs().max() == 0


def test_gradients():
    view = Camera.look_at((0.3, 0.2, 3.0), (0, 0, 0), width=8, height=8, fov_y=40)
    generator = torch.Generator().manual_seed(0)
    coefficients = 0.2 * torch.randn(1, 5, 16, 3, generator=generator, dtype=torch.float64)
    means = torch.randn(1, 5, 3, generator=generator, dtype=torch.float64)
    R, t = view.R.double(), view.t.double()

    def colors(coefficients, means, R, t):
        return harmonic_colors(coefficients, means, Camera(view.K.double(), R, t, 8, 8))

    leaves = [v.clone().requires_grad_() for v in (coefficients, means, R, t)]
    torch.autograd.gradcheck(colors, leaves)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_kernels_equal_their_dense_twin(degree):
    generator = torch.Generator().manual_seed(degree)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    leaves = (normal(2, 40, (degree + 1) ** 2, 5), normal(2, 40, 3), normal(2, 3))
    ours, twin = HarmonicColors.apply(*leaves), colors_dense(*leaves)
    torch.testing.assert_close(ours, twin, atol=1e-12, rtol=0)
    given = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
    mine, theirs = (
        torch.autograd.grad(colors, leaves, given, materialize_grads=True)
        for colors in (ours, twin)
    )
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=0)


def test_a_mean_at_the_camera():
    means = torch.zeros(1, 1, 3, requires_grad=True)
    colors = HarmonicColors.apply(torch.rand(1, 1, 16, 3), means, torch.zeros(1, 3))
    colors.sum().backward()
    assert colors.isfinite().all() and means.grad.abs().max() == 0


def test_wrong_numbers():
    view = Camera.look_at((0, 0, 3.0), (0, 0, 0), width=8, height=8, fov_y=40)
    with pytest.raises(ValueError, match="not 5"):
        harmonic_colors(torch.zeros(1, 2, 5, 3), torch.zeros(1, 2, 3), view)
    with pytest.raises(ValueError, match="not 4"):
        spherical_harmonics(torch.zeros(2, 3), 4)
