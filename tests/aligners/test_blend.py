"""Between a motion and its aligned form."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from avatar_kit.aligners.blend import blend
from avatar_kit.aligners.measure import geodesic_error
from tests.aligners.poses import waving


def test_the_ends_are_exact():
    source, aligned = waving(5), waving(5, phase=1.0)
    assert blend(source, aligned, 0.0) is source
    assert blend(source, aligned, 1.0) is aligned
    with pytest.raises(ValueError, match="between 0 and 1"):
        blend(source, aligned, 1.5)


@settings(max_examples=30, deadline=None)
@given(strength=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_joints_go_the_shortest_way_as_scipy_says(strength, seed):
    generator = torch.Generator().manual_seed(seed)
    source, aligned = waving(1), waving(1)
    for motion in (source, aligned):
        motion.body_pose.copy_(torch.randn(1, 63, generator=generator))
    mixed = blend(source, aligned, strength).body_pose.view(21, 3).double()
    for a, b, got in zip(
        source.body_pose.view(21, 3), aligned.body_pose.view(21, 3), mixed, strict=True
    ):
        ends = Rotation.from_rotvec(torch.stack((a, b)).double().numpy())
        expected = torch.from_numpy(Slerp([0, 1], ends)(strength).as_rotvec())
        assert geodesic_error(got, expected).item() < 2e-3


def test_positions_go_straight_and_equal_fields_are_left_alone():
    source = waving(4)
    moved = replace(source, transl=source.transl + 2, expression=source.expression * 0)
    mixed = blend(source, moved, 0.25)
    assert torch.allclose(mixed.transl, source.transl + 0.5)
    assert torch.allclose(mixed.expression, 0.75 * source.expression)
    assert mixed.left_hand_pose is source.left_hand_pose
