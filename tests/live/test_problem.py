"""Derivatives and normal equations against autograd and the objective of whole videos."""

import numpy as np
import pytest
import torch

from avatar_kit.live.evidence import Lens, evidence
from avatar_kit.live.observation import Observation
from avatar_kit.live.points import KeypointModel
from avatar_kit.live.problem import FrameProblem
from avatar_kit.live.state import PLACE, ROOT_UNKNOWNS, Smoothness, State, Trail
from avatar_kit.live.variables import Unknowns
from avatar_kit.scene import Motion
from avatar_kit.tracking.fit import Fitter
from avatar_kit.tracking.limits import body_limits
from avatar_kit.tracking.objective import Targets, Weights, landmark_terms
from tests.live.people import CAMERA, body_named, keypoints, performer_of, tracked
from tests.tracking.stick_person import observed, turning_person


@pytest.mark.parametrize("name", ["stick", "default"])
def test_derivatives_of_shared_rows_are_those_of_autograd(name):
    body, unknowns = body_named(name), Unknowns.of(Weights())
    model = KeypointModel(body, body.default_shape(), unknowns)
    angles = unknowns.liked + np.random.default_rng(1).normal(0, 0.2, unknowns.count)
    points, slopes = model(angles.astype(np.float32))
    weight = torch.randn(65, 3, generator=torch.Generator().manual_seed(0))
    pose = torch.from_numpy(unknowns.pose(angles)).float().requires_grad_()
    rest = Motion.rest(1)
    motion = Motion.from_rotvec(30.0, rest.transl, pose.view(1, 55, 3), rest.expression,
                                rest.confidence)  # fmt: skip
    exact = body.keypoints(body.from_motion(motion, body.default_shape()))[0]
    np.testing.assert_allclose(points, exact.detach().numpy(), atol=1e-5)
    (exact * weight).sum().backward()
    slope = unknowns.share * pose.grad.numpy()
    wanted = np.bincount(unknowns.column[unknowns.column >= 0], slope[unknowns.column >= 0])
    found = np.einsum("kan,ka->n", slopes, weight.numpy())
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_a_frame_costs_what_it_costs_in_a_whole_video():
    body, height = body_named("stick"), 400.0
    weights, lens = Weights(sigma=0.04), Lens.of(CAMERA)
    seen = Observation.of(tracked(body, turning_person(3), noise=2.0)[1], lens.R.T)
    points = keypoints(body, turning_person(3, 0.4))[:1].requires_grad_()
    values = (seen.points, seen.weight, seen.lines, seen.line_weight, seen.hands, seen.hand_weight,
              seen.hand_lines)  # fmt: skip
    targets = Targets(*(torch.from_numpy(value)[None].float() for value in values), height)
    pixels = CAMERA.project(points)[0]
    sum(landmark_terms(points, pixels, targets, weights).values()).backward()
    every = np.eye(195, dtype=np.float32).reshape(65, 3, 195)
    found = evidence(points[0].detach().numpy(), every, seen, lens, height, weights)
    wanted = points.grad.flatten().numpy()
    np.testing.assert_allclose(2 * found.normal.gradient, wanted, rtol=2e-3, atol=2e-3)


def test_limits_and_prior_are_those_of_whole_videos():
    unknowns, limits = Unknowns.of(Weights()), body_limits()
    rng = np.random.default_rng(0)
    angles = torch.from_numpy(rng.normal(0, 1.0, unknowns.count)).requires_grad_()
    used = torch.from_numpy(np.maximum(unknowns.column, 0))
    share = torch.from_numpy(unknowns.share)
    pose = torch.from_numpy(unknowns.base).double() + share * angles[used]
    body = pose[3:66].view(21, 3)
    (limits.beyond(body).square().sum() + 0.05 * limits.dislike(body).sum()).backward()
    beyond, _ = unknowns.beyond(angles.detach().numpy())
    prior = unknowns.prior * (angles.detach().numpy() - unknowns.liked)
    of_body = np.bincount(
        unknowns.column[3:66][unknowns.column[3:66] >= 0], minlength=unknowns.count
    )
    mine = of_body > 0
    np.testing.assert_allclose(2 * (beyond + prior)[mine], angles.grad.numpy()[mine], atol=1e-4)


def test_steady_motion_costs_no_acceleration():
    unknowns = Unknowns.of(Weights())
    still = State(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), unknowns.liked)
    change = np.zeros(ROOT_UNKNOWNS + unknowns.count, np.float32)
    change[PLACE] = [0.3, 0.0, -0.2]
    trail = Trail(still, 0.05, change, 1 / 30)
    np.testing.assert_allclose(trail.expected().place, [0.015, 0, -0.01], atol=1e-7)


def test_a_step_lowers_the_error():
    body = body_named("stick")
    problem = FrameProblem(body, performer_of(body), Lens.of(CAMERA), Weights(), Smoothness())
    track = tracked(body, turning_person(1))[0]
    seen = Observation.of(track, problem.lens.R.T)
    place = np.array([0.0, 0.0, -3.2], np.float32)
    state = State(np.eye(3, dtype=np.float32), place, problem.unknowns.liked)
    errors = []
    for _ in range(4):
        state, error = problem.step(state, seen, 0.2, None)
        errors.append(error)
    assert errors[-1] < 0.1 * errors[0] + 0.002


def test_the_fit_of_a_video_likes_an_upright_pelvis():
    body, motion = body_named("stick"), turning_person(2, 0.1)
    tracks = observed(body.keypoints(body.from_motion(motion, body.default_shape())), CAMERA)
    fitter = Fitter(body, CAMERA, tracks, [(0, 2)], 30.0)
    with torch.no_grad():
        upright = float(fitter.terms(Weights(), outline=False)["upright"])
        fitter.variables.root[:, 0] += 0.3
        tilted = float(fitter.terms(Weights(), outline=False)["upright"])
    assert upright == pytest.approx(0, abs=1e-5)
    assert tilted == pytest.approx(Weights().upright * (1 - np.cos(0.3)), rel=1e-3)
