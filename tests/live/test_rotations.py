import numpy as np
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.live.rotations import cross_matrices, to_matrix, to_rotvec

component = st.floats(-2.5, 2.5, width=32)


@given(st.tuples(component, component, component))
def test_rotations_agree_with_roma(values):
    rotvec = np.array(values, np.float32)
    matrix = to_matrix(rotvec)
    torch.testing.assert_close(
        torch.from_numpy(matrix), roma.rotvec_to_rotmat(torch.from_numpy(rotvec)), atol=2e-6, rtol=0
    )
    back = to_rotvec(matrix)
    assert np.linalg.norm(back) <= np.pi + 1e-5
    np.testing.assert_allclose(to_matrix(back), matrix, atol=2e-6)


def test_half_turns_and_no_turn():
    for axis in np.eye(3):
        np.testing.assert_allclose(
            np.abs(to_rotvec(to_matrix(np.pi * axis))), np.pi * axis, atol=1e-5
        )
    assert (to_rotvec(np.eye(3)) == 0).all()


def test_small_turns_move_points_along_the_cross_product():
    rng = np.random.default_rng(0)
    points, turn = rng.normal(size=(5, 3)), rng.normal(size=3)
    np.testing.assert_allclose(cross_matrices(points) @ turn, np.cross(turn, points), atol=1e-6)
