import numpy as np
import pytest
import torch
from avatar_kit_studio import choreography as ch
from avatar_kit_studio.performance import measure, sole_height
from avatar_kit_studio.script import FPS, idle, step_feet
from avatar_kit_studio.solve import to_motion

from avatar_kit.scene.joints import SMPLX_JOINTS


@pytest.fixture(scope="module")
def skeleton(session):
    return measure(session.cast.body, session.cast.shape, sole_height(session.cast.person))


def yaw_of(motion):
    import roma

    turn = roma.rotvec_to_rotmat(motion.global_orient)
    return np.degrees(np.unwrap(torch.atan2(turn[:, 0, 2], turn[:, 2, 2]).numpy()))


def clip(director, frames, skeleton, seed=0):
    motion, lead = ch.make_clip(director, frames, np.random.default_rng(seed), skeleton)
    return motion[lead:]


@pytest.mark.parametrize("director", [ch.talking, ch.signs])
def test_train_turns_are_moderate(director, skeleton):
    yaw = yaw_of(clip(director, 200, skeleton))
    assert np.abs(yaw).max() < 42


def test_one_train_take_turns_once_around(skeleton):
    share = next(share for director, share in ch.SPLITS["train"] if director is ch.slow_turn)
    yaw = yaw_of(clip(ch.slow_turn, round(240 * share), skeleton))
    assert 340 < yaw.max() - yaw.min() < 380


def test_large_rotation_shows_the_back(skeleton):
    yaw = yaw_of(clip(ch.large_turn, 60, skeleton))
    assert yaw.max() > 180
    assert yaw.min() > 55


def test_planted_feet_stand_still(session, skeleton):
    """Through the body model: while its script says a foot stands, its ankle does not move."""
    rng = np.random.default_rng(3)
    script = idle(np.arange(0, 75) / FPS, rng)
    ch.slow_turn(script, rng)
    step_feet(script, skeleton)
    motion = to_motion(script, skeleton)
    body = session.cast.body
    with torch.no_grad():
        joints = body(body.from_motion(motion, session.cast.shape)).joints.numpy()
    for side, name in enumerate(("foot.L", "foot.R")):
        ankle = joints[:, body.joint_names.index(name)]
        still = np.abs(np.diff(script.feet[side], axis=0)).max(1) < 1e-9
        assert 0 < still.sum() < len(still)
        assert np.linalg.norm(np.diff(ankle, axis=0), axis=1)[still].max() < 0.004
        height = ankle[:, 1] - script.feet[side][:, 1]
        assert np.abs(height - skeleton.sole).max() < 0.02


def test_a_squat_is_deep_and_the_knees_bend(skeleton):
    motion = clip(ch.squat, 40, skeleton)
    knee = motion.rotvec()[:, SMPLX_JOINTS.index("left_knee")].norm(dim=1)
    assert motion.transl[:, 1].min() < 0.75 * skeleton.height
    assert np.degrees(knee.max()) > 75


def test_motion_is_smooth(skeleton):
    """No joint turns faster than people do, and none jumps."""
    import roma

    everything = {director for parts in ch.SPLITS.values() for director, _ in parts}
    for director in everything:
        motion = clip(director, 50, skeleton, seed=5)
        turns = roma.rotvec_to_rotmat(motion.rotvec()[:, :22])
        step = roma.rotmat_geodesic_distance(turns[1:], turns[:-1])
        assert np.degrees(step.max()) * FPS < 1100, director.__name__
        assert torch.isfinite(motion.rotvec()).all()


def test_seeds_change_the_take_and_repeat_it(skeleton):
    a, b, c = (clip(ch.talking, 20, skeleton, seed) for seed in (1, 1, 2))
    assert torch.equal(a.rotvec(), b.rotvec())
    assert not torch.allclose(a.rotvec(), c.rotvec(), atol=1e-2)


def test_faces_speak_and_blink(skeleton):
    from avatar_kit.scene.joints import ARKIT_CHANNELS

    face = clip(ch.talking, 200, skeleton).expression
    assert face.min() >= 0
    assert face.max() <= 1
    for channel in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft"):
        assert face[:, ARKIT_CHANNELS.index(channel)].max() > 0.25
