from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.live import FrameSolver
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS
from avatar_kit.tracking.limits import body_limits
from tests.live.people import CAMERA, body_named, keypoints, limb_error, performer_of, tracked
from tests.tracking.stick_person import turning_person


def solver_of(body, fps=30.0):
    return FrameSolver(body, performer_of(body), CAMERA, fps)


def solved(body, tracks, times=None):
    solver = solver_of(body)
    times = np.arange(len(tracks)) / 30 if times is None else times
    return [solver.solve(t, float(at)) for t, at in zip(tracks, times, strict=True)]


def unseen(track):
    return replace(track, body_confidence=0 * track.body_confidence,
                   hands_confidence=0 * track.hands_confidence)  # fmt: skip


@pytest.fixture(scope="module")
def stick():
    body, motion = body_named("stick"), turning_person(60)
    return body, motion, tracked(body, motion)


@pytest.mark.parametrize("name", ["stick", "mannequin", "default"])
def test_a_person_who_turns_around_is_solved_to_a_degree(name):
    body, motion = body_named(name), turning_person(60)
    found = solved(body, tracked(body, motion))
    assert limb_error(body, [f.motion for f in found], motion).mean() < 1
    assert not any(f.lost for f in found)
    assert max(f.error for f in found) < 0.004
    assert found[0].iterations == 12
    assert {f.iterations for f in found[1:]} <= {1, 2}


def test_place_and_fingers_are_found(stick):
    body, motion, tracks = stick
    found = solved(body, tracks)
    last, truth = found[-1].motion, motion[-1]
    assert (last.transl - truth.transl).norm() < 0.03
    points = [keypoints(body, m)[0, 23:44] for m in (last, truth)]
    off = (points[0] - points[0][:1]) - (points[1] - points[1][:1])
    assert off.norm(dim=-1).mean() < 0.008


def test_frames_may_come_at_uneven_times(stick):
    body, _, _ = stick
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([1, 1, 2, 4], 40)) / 60
    phase = torch.from_numpy(times).float()
    motion = swinging(phase)
    found = solved(body, tracked(body, motion), times)
    assert limb_error(body, [f.motion for f in found], motion)[1:].mean() < 1
    with pytest.raises(ValueError, match="time order"):
        solver = solver_of(body)
        for at in (1.0, 1.0):
            solver.solve(tracked(body, motion[0])[0], at)
    with pytest.raises(ValueError, match=r"nan follows 1\.0"):
        solver.solve(tracked(body, motion[0])[0], float("nan"))


def swinging(seconds):
    pose = torch.zeros(len(seconds), 21, 3)
    pose[:, BODY_JOINTS.index("left_shoulder"), 2] = -0.9 + 0.5 * torch.sin(4 * seconds)
    pose[:, BODY_JOINTS.index("right_shoulder"), 2] = 0.9
    transl = torch.tensor([0.0, 0.0, -3.4]).repeat(len(seconds), 1)
    return Motion.rest(len(seconds), 30.0, transl=transl, body_pose=pose.flatten(1))


def test_the_pose_does_not_lag(stick):
    body, _, _ = stick
    motion = swinging(torch.arange(60) / 30)
    found = solved(body, tracked(body, motion))
    shoulder = 3 * BODY_JOINTS.index("left_shoulder") + 2
    live = torch.cat([f.motion.body_pose for f in found])[10:, shoulder].numpy()
    true = motion.body_pose[10:, shoulder].numpy()
    # the shift in frames that explains the difference best: d = -lag * slope
    lag = -((live - true) @ np.gradient(true)) / (np.gradient(true) @ np.gradient(true))
    assert abs(lag) < 0.3


def test_who_is_lost_stays_as_it_was_and_comes_back(stick):
    body, motion, tracks = stick
    gone = [*tracks[:20], *map(unseen, tracks[20:30]), *tracks[30:]]
    found = solved(body, gone)
    assert [f.lost for f in found] == [False] * 22 + [True] * 8 + [False] * 30
    for f in found[20:30]:
        torch.testing.assert_close(f.motion.rotvec(), found[19].motion.rotvec())
        assert f.iterations == 0
        assert float(f.motion.confidence) == 0
        assert np.isnan(f.error)
    assert found[30].iterations == 12
    error = limb_error(body, [f.motion for f in found[30:]], motion[list(range(30, 60))])
    assert error.mean() < 1


def test_landmarks_of_no_person_are_not_followed(stick):
    body, _, tracks = stick
    rng = np.random.default_rng(0)
    wild = [replace(t, body=rng.uniform(0, 600, (23, 2)).astype(np.float32)) for t in tracks[10:16]]
    found = solved(body, [*tracks[:10], *wild, *tracks[16:]])
    assert [f.lost for f in found[10:16]] == [False, False, True, True, True, True]
    for f in found[10:16]:
        torch.testing.assert_close(f.motion.rotvec(), found[9].motion.rotvec())
    assert not found[16].lost


def test_missing_numbers_count_as_unseen(stick):
    body, motion, _ = stick
    tracks = tracked(body, motion)
    wrist, elbow = 9, 7
    for t in tracks[5:]:
        t.body[wrist], t.body_world[elbow] = np.nan, np.nan
        t.hands[0], t.expression[3] = np.nan, np.nan
    found = solved(body, tracks)
    assert all(bool(f.motion.is_finite().all()) for f in found)
    assert not any(f.lost for f in found)
    right = limb_error(body, [f.motion for f in found], motion)[:, [2, 3, 6, 7]]
    assert right.mean() < 1


def test_a_camera_may_look_down(stick):
    body, motion, _ = stick
    camera = Camera.look_at((0.3, 1.0, 0.4), (0.1, 0.0, -3.4), width=600, height=800, fov_y=45)
    points = keypoints(body, motion)
    seen, _ = camera.project(points)
    axes = (points - points[:, 11:13].mean(1, keepdim=True)) @ camera.R[0].T
    tracks = [
        replace(
            track, body=pixels[:23].numpy(), body_world=about[:23].numpy(),
            hands=pixels[23:].view(2, 21, 2).numpy(), hands_world=about[23:].view(2, 21, 3).numpy(),
        )
        for track, pixels, about in zip(tracked(body, motion), seen, axes, strict=True)
    ]  # fmt: skip
    solver = FrameSolver(body, performer_of(body), camera)
    found = [solver.solve(t, i / 30).motion for i, t in enumerate(tracks)]
    assert limb_error(body, found, motion).mean() < 1
    assert (found[-1].transl - motion[-1].transl).norm() < 0.03


def test_nobody_from_the_start():
    body = body_named("stick")
    nobody = [unseen(t) for t in tracked(body, turning_person(4))]
    found = solved(body, nobody)
    assert all(f.lost and f.iterations == 0 for f in found)
    points = CAMERA.project(keypoints(body, found[0].motion))[0]
    inside = (points > 0) & (points < torch.tensor([CAMERA.width, CAMERA.height]))
    assert inside.all()
    assert float(found[0].motion.confidence) == 0


def test_hands_that_are_never_seen_are_at_ease():
    body, motion = body_named("stick"), turning_person(30)
    tracks = [replace(t, hands_confidence=np.zeros(2)) for t in tracked(body, motion)]
    found = solved(body, tracks)
    assert limb_error(body, [f.motion for f in found], motion).mean() < 1
    bent = found[-1].motion.left_hand_pose.unflatten(1, (15, 3))[0, :12, 2]
    assert ((bent > -0.4) & (bent < -0.1)).all()


def test_the_past_calms_noise():
    body = body_named("stick")
    tracks = tracked(body, swinging(torch.zeros(40)), noise=1.0)
    shaking = lambda motions: torch.cat([m.body_pose for m in motions]).diff(2, 0).std()  # noqa: E731
    solver, alone = solver_of(body), []
    for track in tracks[10:25]:
        solver.reset()
        alone.append(solver.solve(track, 0.0).motion)
    assert shaking([f.motion for f in solved(body, tracks)][10:]) < 0.3 * shaking(alone)


def test_expressions_are_relative_to_the_neutral_face_and_settle():
    body = body_named("stick")
    jaw = ARKIT_CHANNELS.index("jawOpen")
    neutral = np.zeros(52)
    neutral[jaw] = 0.2
    performer = performer_of(body).model_copy(update={"neutral": tuple(neutral)})
    solver = FrameSolver(body, performer, CAMERA)
    track = tracked(body, swinging(torch.zeros(1)))[0]
    seen = np.zeros(52, np.float32)
    for k, (value, expected) in enumerate([(0.2, 0.0), (1.0, 1.0), (0.6, 0.5)]):
        seen[jaw] = value
        heard = replace(track, expression=seen.copy(), expression_confidence=1.0)
        found = [solver.solve(heard, k + (i + 1) / 30) for i in range(29)]
        assert found[-1].motion.expression[0, jaw] == pytest.approx(expected, abs=0.01)


def test_another_body_is_refused():
    performer = performer_of(body_named("stick"))
    with pytest.raises(UserError, match=r"body 'stick'.*calibrate again"):
        FrameSolver(body_named("mannequin"), performer, CAMERA)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_pose_within_the_limits_is_matched_in_the_picture(seed):
    body, limits = body_named("stick"), body_limits()
    rng = np.random.default_rng(seed)
    share = torch.from_numpy(rng.beta(4, 4, (21, 3))).float()
    pose = limits.low + share * (limits.high - limits.low)
    heading = torch.tensor([[0.0, rng.uniform(-np.pi, np.pi), 0.0]])
    motion = Motion.rest(
        6, 30.0, transl=torch.tensor([[0.0, 0.0, -3.6]]).repeat(6, 1),
        global_orient=heading.repeat(6, 1), body_pose=pose.flatten().repeat(6, 1),
    )  # fmt: skip
    found = solved(body, tracked(body, motion))
    assert not found[-1].lost
    assert found[-1].error < 0.01
    assert bool(found[-1].motion.is_finite().all())
