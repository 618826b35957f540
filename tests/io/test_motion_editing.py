"""Cutting, looping, mirroring, smoothing; contacts of feet; BVH without an avatar."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from avatar_kit.errors import UserError
from avatar_kit.io.motion import load_motion
from avatar_kit.io.motion.bvh_export import save_bvh
from avatar_kit.io.motion.contacts import contacts_of
from avatar_kit.io.motion.editing import in_place, looped, mirrored, smoothed, trimmed
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS
from avatar_kit.scene.skeleton import rest_offsets, whole_positions
from tests.io.motion_writers import walking

WALK = walking(60, hands=True)


@settings(max_examples=20, deadline=None)
@given(start=st.floats(0, 1.9), length=st.floats(0.04, 3))
def test_trimmed_frames_lie_between_the_times(start, length):
    found = trimmed(WALK, start, start + length)
    times = np.arange(60) / 30
    assume(min(np.abs(times - end).min() for end in (start, start + length)) > 1e-5 or start == 0)
    inside = (times >= start - 1e-6) & (times <= start + length + 1e-6)
    assert torch.equal(found.transl, WALK.transl[torch.from_numpy(inside)])


def test_nothing_between_the_times_is_refused():
    with pytest.raises(UserError, match=r"--start 3, --end 2: no frame lies between them"):
        trimmed(WALK, 3)


def test_a_loop_goes_on_where_it_ended():
    found = looped(WALK, 3)
    assert len(found) == 180
    joints = whole_positions(found).numpy()
    flat = found.transl[:, [0, 2]]
    torch.testing.assert_close(flat[60], flat[59], atol=1e-5, rtol=0)
    # every repetition is the first one, turned about the vertical and moved
    for again in (60, 120):
        a, b = joints[:60], joints[again : again + 60]
        np.testing.assert_allclose(a[..., 1], b[..., 1], atol=1e-5)
        apart = [np.linalg.norm(p - p[:1, :1], axis=-1) for p in (a, b)]
        np.testing.assert_allclose(*apart, atol=1e-4)


def test_a_mirror_swaps_the_places_of_joints():
    """On a symmetric skeleton; the mirror image of every place is that of the other side."""
    found = whole_positions(mirrored(WALK))
    wanted = whole_positions(WALK) * torch.tensor([-1.0, 1.0, 1.0])
    other = [
        SMPLX_JOINTS.index(
            n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")
        )
        for n in SMPLX_JOINTS
    ]
    torch.testing.assert_close(found, wanted[:, other], atol=1e-5, rtol=0)


def test_a_mirror_swaps_expressions_and_undoes_itself():
    draw = torch.Generator().manual_seed(1)
    motion = Motion.rest(3, expression=torch.rand(3, 52, generator=draw))
    found = mirrored(motion).expression
    at = ARKIT_CHANNELS.index
    assert torch.equal(found[:, at("jawLeft")], motion.expression[:, at("jawRight")])
    assert torch.equal(found[:, at("eyeBlinkRight")], motion.expression[:, at("eyeBlinkLeft")])
    assert torch.equal(found[:, at("jawOpen")], motion.expression[:, at("jawOpen")])
    twice = mirrored(mirrored(WALK))
    torch.testing.assert_close(twice.rotvec(), WALK.rotvec())


def test_smoothing_is_a_gaussian_average():
    found = smoothed(WALK, 0.1)
    wanted = gaussian_filter1d(WALK.transl.numpy(), 3.0, axis=0, mode="nearest", radius=9)
    np.testing.assert_allclose(found.transl, wanted, atol=1e-5)
    still = Motion.rest(30, 30.0, body_pose=WALK.body_pose[:1].repeat(30, 1))
    torch.testing.assert_close(smoothed(still, 0.2).body_pose, still.body_pose, atol=1e-5, rtol=0)
    with pytest.raises(UserError, match="--smooth 0: expected seconds between 0 and 2"):
        smoothed(WALK, 0.0)


def test_in_place_keeps_heights():
    found = in_place(WALK)
    assert not found.transl[:, [0, 2]].any()
    assert torch.equal(found.transl[:, 1], WALK.transl[:, 1])


def test_contacts_of_a_foot_that_steps():
    """Stands for a second, flies for half of one, stands again: at 0 m/s, then slides at 0.2."""
    t = torch.arange(75) / 30
    height = torch.where((t >= 1) & (t < 1.5), 0.2 * ((t - 1) * torch.pi * 2).sin(), 0.0)
    along = torch.where(t < 1, 0.0, torch.where(t < 1.5, t - 1, 0.5 + 0.2 * (t - 1.5)))
    foot = torch.stack([0 * t, height, along], 1)
    still = torch.zeros(75, 3) + torch.tensor([0.0, 1.0, 0.0])
    still[:, 1] = torch.linspace(1, 3, 75)  # a foot that rises never stands
    found = contacts_of(torch.stack([foot, still], 1), 30.0)
    stands = found.standing[:, 0]
    assert stands[:29].all() and not stands[33:43].any() and stands[47:].all()
    assert not found.standing[5:, 1].any()
    assert 0.05 < found.skating < 0.15


def test_a_bvh_without_an_avatar_is_read_back(tmp_path):
    save_bvh(tmp_path / "a.bvh", WALK)
    found = load_motion(tmp_path / "a.bvh")
    torch.testing.assert_close(found.rotvec(), WALK.rotvec(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.transl, WALK.transl, atol=1e-5, rtol=0)


def test_places_of_all_joints_hold_those_of_the_body():
    from avatar_kit.scene.skeleton import body_positions

    torch.testing.assert_close(whole_positions(WALK)[:, :22], body_positions(WALK, rest_offsets()))
