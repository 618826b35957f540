"""The aligners that ship with the framework, and what every aligner promises."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from avatar_kit.aligners.config import IdentityConfig, NearestPoseConfig, PcaClampConfig
from avatar_kit.aligners.identity import Identity
from avatar_kit.aligners.measure import geodesic_error, knn_distance
from avatar_kit.aligners.nearest_pose import NearestPose
from avatar_kit.aligners.pca_clamp import PcaClamp
from avatar_kit.errors import UserError
from avatar_kit.interfaces import make_room
from avatar_kit.scene.motion import FIELDS
from avatar_kit.testing.poses import random_motion
from tests.aligners.poses import BODY, OTHER_BODY, waving

TAKES = [waving(50), waving(40, phase=3.1)]

MAKERS = {
    "identity": lambda: Identity(IdentityConfig()),
    "nearest_pose": lambda: NearestPose(NearestPoseConfig()),
    "nearest_pose, smoothed": lambda: NearestPose(NearestPoseConfig(smoothing=0.1)),
    "pca_clamp": lambda: PcaClamp(PcaClampConfig()),
}
FITTED = [name for name in MAKERS if name != "identity"]


def fitted(name):
    aligner = MAKERS[name]()
    aligner.fit(TAKES, BODY)
    return aligner


@pytest.mark.parametrize("name", MAKERS)
def test_length_rate_and_all_that_it_does_not_change_are_kept(name):
    aligner, motion = fitted(name), waving(23, fps=24.0, reach=1.2)
    aligned = aligner.align(motion)
    assert len(aligned) == 23
    assert aligned.fps == 24.0
    for field in set(FIELDS) - set(aligner.changes):
        assert getattr(aligned, field).equal(getattr(motion, field)), field
    assert (not aligner.changes) == aligned.body_pose.equal(motion.body_pose)


@pytest.mark.parametrize("name", MAKERS)
def test_stepping_equals_aligning_at_once(name):
    aligner, motion = fitted(name), waving(15, reach=1.2)
    state, frames = None, []
    for i in range(len(motion)):
        frame, state = aligner.step(motion[i : i + 1], state)
        frames.append(frame.body_pose)
    assert torch.cat(frames).equal(aligner.align(motion).body_pose)


@pytest.mark.parametrize("name", FITTED)
def test_what_was_learned_is_saved_and_read_back(name, tmp_path):
    aligner, motion = fitted(name), waving(15, reach=1.2)
    save_file({k: v.contiguous() for k, v in aligner.state_dict().items()}, tmp_path / "a")
    state = load_file(tmp_path / "a")
    fresh = MAKERS[name]()
    assert fresh.state_dict().keys() == state.keys()
    make_room(fresh, state)
    fresh.load_state_dict(state)
    fresh.check_body(BODY)
    assert fresh.align(motion).body_pose.equal(aligner.align(motion).body_pose)


@pytest.mark.parametrize("name", FITTED)
def test_fitting_twice_is_fitting_once(name):
    aligner = fitted(name)
    before = copy.deepcopy(aligner.state_dict())
    aligner.fit(TAKES, BODY)
    assert all(v.equal(before[k]) for k, v in aligner.state_dict().items())


def test_nearest_pose_leaves_training_poses_exactly_as_they_are():
    for take in TAKES:
        assert fitted("nearest_pose").align(take).body_pose.equal(take.body_pose)


def test_nearest_pose_shows_training_poses_alone_and_the_nearest_of_them():
    aligner, motion = fitted("nearest_pose"), waving(20, reach=1.3, phase=0.21)
    aligned = aligner.align(motion)
    known = torch.cat([t.body_pose for t in TAKES])
    for source, pose in zip(motion.body_pose, aligned.body_pose, strict=True):
        angles = torch.stack([geodesic_error(source, k).mean() for k in known])
        assert pose.equal(known[angles.argmin()])


def test_nearest_pose_after_an_in_place_load_forgets_the_old_poses():
    aligner, motion = fitted("nearest_pose"), waving(5)
    aligner.align(motion)
    other = MAKERS["nearest_pose"]()
    other.fit([waving(90, reach=0.1)], BODY)
    aligner.load_state_dict(other.state_dict())
    assert aligner.align(motion).body_pose.equal(other.align(motion).body_pose)


def test_smoothing_calms_the_jumps_between_few_poses():
    motion, jumps = waving(60), {}
    for smoothing in (0.0, 0.1):
        aligner = NearestPose(NearestPoseConfig(smoothing=smoothing))
        aligner.fit([waving(60)[::10]], BODY)
        poses = aligner.align(motion).body_pose
        jumps[smoothing] = float(geodesic_error(poses[1:], poses[:-1]).mean(1).max())
    assert jumps[0.1] < 0.5 * jumps[0.0]


def test_smoothing_is_a_time_and_not_a_number_of_frames():
    aligner = fitted("nearest_pose, smoothed")
    rest, away = TAKES[0][:1], TAKES[0][25:26]
    for fps in (20.0, 80.0):
        first, then = (replace(m, fps=fps) for m in (rest, away))
        frame, state = aligner.step(first, None)
        for _ in range(round(0.1 * fps)):
            frame, state = aligner.step(then, state)
        whole = geodesic_error(rest.body_pose, away.body_pose)
        left = geodesic_error(frame.body_pose, away.body_pose)
        assert torch.allclose(left / whole, torch.full_like(whole, math.exp(-1)), atol=2e-3)


def test_pca_clamp_hardly_touches_training_poses_and_pulls_others_in():
    aligner = fitted("pca_clamp")
    known = torch.cat([t.body_pose for t in TAKES])
    inside = aligner.align(TAKES[0])
    assert geodesic_error(inside.body_pose, TAKES[0].body_pose).mean().rad2deg() < 3
    far = waving(30, reach=2.0)
    before, after = (knn_distance(m.body_pose, known).mean() for m in (far, aligner.align(far)))
    assert after < 0.5 * before


def test_pca_clamp_keeps_as_many_axes_as_it_is_told():
    clips = [random_motion(60, seed=1), random_motion(50, seed=2)]
    kept = {}
    for components in (3, 20, 500, None):
        aligner = PcaClamp(PcaClampConfig(components=components))
        aligner.fit(clips, BODY)
        kept[components] = len(aligner.axes)
        free = PcaClamp(PcaClampConfig(components=components, sigmas=1e6))
        free.fit(clips, BODY)
        off = (free.align(clips[0]).body_pose - clips[0].body_pose).abs().mean()
        assert (float(off) < 1e-3) == (components == 500)
    assert kept[3] == 3 and kept[20] == 20
    assert 20 < kept[None] < kept[500] <= 109


def test_pca_clamp_of_one_pose_is_that_pose():
    aligner = PcaClamp(PcaClampConfig())
    still = waving(1)[[0] * 6]
    aligner.fit([still], BODY)
    assert geodesic_error(aligner.align(waving(6)).body_pose, still.body_pose).max() < 1e-3


def test_takes_that_are_too_short_are_left_out_or_refused():
    config = NearestPoseConfig(smoothing=0.1)
    aligner = NearestPose(config)
    aligner.fit([waving(1), waving(8, phase=1.0)], BODY)
    assert len(aligner.poses) == 8
    with pytest.raises(UserError, match="has 1 frames, but it looks back 1: at least 2"):
        NearestPose(config).fit([waving(1), waving(1)], BODY)
    with pytest.raises(UserError, match="has 0 frames"):
        NearestPose(config).fit([], BODY)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), r"the pose of frame 3 is not finite \(NaN or infinity\)"),
        (90.0, "frame 3 turns a joint by 90 radians, more than two whole turns; .* not in degrees"),
    ],
)
def test_poses_that_are_no_rotations_are_refused(value, message):
    bad = waving(6)
    bad.body_pose[3, 6:9] = torch.tensor([value, 0, 0])
    with pytest.raises(UserError, match=f"training poses: {message}"):
        MAKERS["pca_clamp"]().fit([bad], BODY)
    with pytest.raises(UserError, match=f"aligner 'pca_clamp': {message}"):
        fitted("pca_clamp").align(bad)


def test_another_body_is_refused():
    fitted("pca_clamp").check_body(BODY)
    Identity(IdentityConfig()).check_body(OTHER_BODY)
    with pytest.raises(UserError, match="fitted to the poses of another body than 'someone else'"):
        fitted("pca_clamp").check_body(OTHER_BODY)
    with pytest.raises(UserError, match="not fitted to any training poses"):
        MAKERS["pca_clamp"]().check_body(BODY)
