"""Axes and standard deviations of covariances."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avatar_kit.gaussians import principal_axes
from avatar_kit.gaussians.covariances import THINNEST

_SD = st.floats(1e-5, 1.0)


@settings(max_examples=100, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
    scales=st.tuples(_SD, _SD, _SD),
    mirrored=st.booleans(),
)
def test_they_make_the_covariance_again(turn, scales, mirrored):
    axes = Rotation.from_rotvec(turn).as_matrix() @ np.diag([1, 1, -1 if mirrored else 1])
    covariance = torch.from_numpy(axes * np.square(scales) @ axes.T)
    quaternion, found = principal_axes(covariance[None])
    w, x, y, z = quaternion[0].tolist()
    turned = Rotation.from_quat([x, y, z, w]).as_matrix()  # scipy: xyzw, proper rotations alone
    assert np.linalg.det(turned) == pytest.approx(1)
    again = turned * np.square(found[0].numpy()) @ turned.T
    np.testing.assert_allclose(again, covariance, atol=1e-9 * max(scales) ** 2)
    np.testing.assert_allclose(found[0], sorted(scales), rtol=1e-4)
    assert abs(np.linalg.norm([w, x, y, z]) - 1) < 1e-9 and w >= 0


@pytest.mark.parametrize("thin", [0.0, -1e-12])
def test_a_flat_one_keeps_a_finite_logarithm(thin):
    covariance = torch.diag(torch.tensor([1e-4, 1e-4, thin]))
    quaternions, scales = principal_axes(covariance.expand(2, 3, 3))
    assert scales.log().isfinite().all() and quaternions.isfinite().all()
    torch.testing.assert_close(scales[0], torch.tensor([THINNEST, 1e-2, 1e-2]))


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        principal_axes(torch.full((1, 3, 3), torch.nan))
