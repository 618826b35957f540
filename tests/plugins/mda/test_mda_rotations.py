import numpy as np
import torch
from avatar_kit_mda.rotations import geodesic, matrices_from_six, orthonormal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from avatar_kit.aligners.rotations import rotvec_from_six, six_from_rotvec

turns = arrays(np.float64, (5, 6), elements=st.floats(-4, 4))


@given(turns)
def test_six_numbers_give_the_rotation_back(rotvec):
    again = rotvec_from_six(six_from_rotvec(torch.from_numpy(rotvec))).numpy()
    same = Rotation.from_rotvec(again.reshape(-1, 3)).inv() * Rotation.from_rotvec(
        rotvec.reshape(-1, 3)
    )
    assert same.magnitude().max() < 1e-6


@given(turns)
def test_matrices_agree_with_scipy(rotvec):
    ours = matrices_from_six(six_from_rotvec(torch.from_numpy(rotvec)))
    theirs = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(5, 2, 3, 3)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-9)


def test_any_six_numbers_become_a_rotation():
    six = torch.randn(50, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices = matrices_from_six(six)
    eye = torch.eye(3, dtype=torch.float64).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.mT, eye)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(50, 2, dtype=torch.float64))
    torch.testing.assert_close(matrices_from_six(orthonormal(six)), matrices)


def test_angles_agree_with_scipy():
    a, b = Rotation.random(40, random_state=1), Rotation.random(40, random_state=2)
    ours = geodesic(torch.from_numpy(a.as_matrix()), torch.from_numpy(b.as_matrix()))
    np.testing.assert_allclose(ours.numpy(), (a.inv() * b).magnitude(), atol=1e-6)


def test_the_angle_of_equal_rotations_has_a_finite_gradient():
    six = six_from_rotvec(torch.zeros(1, 63)).requires_grad_()
    geodesic(matrices_from_six(six), matrices_from_six(six.detach())).sum().backward()
    assert torch.isfinite(six.grad).all()
