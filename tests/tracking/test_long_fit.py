"""A long video, window by window, against the same frames at once."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.tracking import long_fit
from avatar_kit.tracking.fit import ROOT_VARIABLES, Fitter, Phase
from avatar_kit.tracking.long_fit import Filmed, fit_videos, fit_windows, spread_stretches, windows
from avatar_kit.tracking.place import static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person

lengths = st.lists(st.integers(5, 2000), min_size=1, max_size=4)


def ranges(lengths):
    edges = np.concatenate([[0], np.cumsum(lengths)])
    return [(int(a), int(b)) for a, b in pairwise(edges)]


@given(lengths)
def test_windows_hold_every_frame_and_share_some(lengths):
    clips = ranges(lengths)
    found = windows(clips)
    assert all(0 < b - a <= long_fit.WINDOW_FRAMES for a, b in found)
    seen = np.zeros(clips[-1][1], int)
    for a, b in found:
        seen[a:b] += 1
    assert seen.min() == 1 and seen.max() <= 2
    for (a, b), (c, d) in pairwise(found):
        same = any(x <= a and d <= y for x, y in clips)
        assert c == (b - long_fit.SHARED_FRAMES if same else b)


@given(lengths)
def test_stretches_lie_in_their_clips(lengths):
    clips = ranges(lengths)
    frames, parts = spread_stretches(clips)
    assert len(frames) <= 1000
    assert parts[-1][1] == len(frames)
    for a, b in parts:
        assert (np.diff(frames[a:b]) == 1).all()
        assert any(x <= frames[a] and frames[b - 1] < y for x, y in clips)


@pytest.mark.slow
def test_the_windows_of_a_video_join_to_the_fit_of_all_frames(monkeypatch):
    monkeypatch.setattr(long_fit, "WINDOW_FRAMES", 40)
    monkeypatch.setattr(long_fit, "SHARED_FRAMES", 10)
    phases = (
        Phase(30, ROOT_VARIABLES, 0.2),
        Phase(40, (*ROOT_VARIABLES, "pose"), 0.1),
    )
    monkeypatch.setattr("avatar_kit.tracking.fit.PHASES", phases)
    body, motion = StickBody(), turning_person(90, 2.5 * np.pi)
    truth = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    camera = static_camera(600, 800)[0]
    tracks, heard = observed(truth, camera), []
    found = fit_windows(
        body, camera, tracks, [(0, 90)], 30.0, {}, lambda done, total: heard.append((done, total))
    )
    assert len(found.motion) == len(found.yaw) == len(found.keypoints) == 90
    assert heard[-1][0] == heard[-1][1]
    assert [d for d, _ in heard] == sorted(d for d, _ in heard)
    whole = Fitter(body, camera, tracks, [(0, 90)], 30.0).run()
    apart = (camera.project(found.keypoints)[0] - camera.project(whole.keypoints)[0])[:, :23]
    assert apart.norm(dim=-1).mean() < 0.01 * whole.height
    step = np.degrees(np.diff(found.yaw.numpy()))
    assert np.abs(step).max() < 12  # 5 degrees a frame, and no jump where windows join
    assert found.yaw[-1] - found.yaw[0] == pytest.approx(-2.5 * np.pi, abs=0.3)
    posed = body.keypoints(body.from_motion(found.motion, found.shape))
    moves = posed[:, :23].diff(dim=0).norm(dim=-1)
    assert moves.max() < 3 * truth[:, :23].diff(dim=0).norm(dim=-1).max()


def seen_by(camera, motion, size=0.5):
    body = StickBody()
    truth = body.keypoints(body.from_motion(motion, torch.tensor([size])))
    return Filmed(camera, observed(truth, camera), [(0, len(motion))], 30.0)


@pytest.mark.slow
def test_two_cameras_share_the_shape_and_keep_their_places(monkeypatch):
    monkeypatch.setattr("avatar_kit.tracking.fit.PHASES", (Phase(50, ROOT_VARIABLES, 0.2),))
    body, motion = StickBody(), turning_person(8)
    near, far = static_camera(600, 800)[0], static_camera(1280, 720, fov=30)[0]
    both = fit_videos(body, [seen_by(near, motion), seen_by(far, motion)], {}, lambda *_: None)
    assert torch.equal(both[0].shape, both[1].shape)
    truth = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))[:, :21].mean(1)
    for found in both:
        middle = found.keypoints[:, :21].mean(1)
        assert (middle - truth).norm(dim=-1).max() < 0.4


def test_a_video_that_is_there_twice_has_the_shape_that_it_has_alone(monkeypatch):
    monkeypatch.setattr("avatar_kit.tracking.fit.PHASES", (Phase(12, ROOT_VARIABLES, 0.2),))
    video = seen_by(static_camera(600, 800)[0], turning_person(5), 0.7)
    (alone,) = fit_videos(StickBody(), [video], {}, lambda *_: None)
    both = fit_videos(StickBody(), [video, video], {}, lambda *_: None)
    for found in both:
        torch.testing.assert_close(found.shape, alone.shape, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.keypoints, alone.keypoints, atol=1e-2, rtol=0)


def test_long_videos_take_the_shape_of_stretches_of_all(monkeypatch):
    monkeypatch.setattr(long_fit, "WINDOW_FRAMES", 10)
    monkeypatch.setattr("avatar_kit.tracking.fit.PHASES", (Phase(8, ROOT_VARIABLES, 0.2),))
    camera, heard = static_camera(600, 800)[0], []
    videos = [seen_by(camera, turning_person(7)), seen_by(camera, turning_person(9))]
    found = fit_videos(StickBody(), videos, {}, lambda *pair: heard.append(pair))
    assert [len(fit.motion) for fit in found] == [7, 9]
    torch.testing.assert_close(found[0].shape, found[1].shape)
    assert heard[-1] == (24, 24) and [d for d, _ in heard] == sorted(d for d, _ in heard)
