"""Corrections of training poses: what the method's losses say reaches them, and no further."""

from dataclasses import replace

import pytest
import torch

from avatar_kit.capture import CaptureView, open_capture
from avatar_kit.config import RefinementConfig
from avatar_kit.engine.frames import PosedFrames, TrainingFrames
from avatar_kit.engine.refining import Refining
from avatar_kit.errors import UserError
from avatar_kit.interfaces import PoseRefinement
from avatar_kit.testing.capture import small_capture

FREE = RefinementConfig(learning_rate=0.01, weight=0.0, smooth=0.0, camera=True)


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    root = tmp_path_factory.mktemp("refining") / "two"
    small_capture(root, frames=6, test_frames=2, cameras=2)
    return CaptureView(open_capture(root), 32)


@pytest.fixture
def frames(body, view):
    """Training frames whose poses jitter: elbows by a quarter, all by 3 cm, on average by none."""
    truth = view.capture.motion
    pose, sign = truth.body_pose.clone(), torch.ones(len(truth), 1)
    sign[1::2] = -1
    pose[:, 17 * 3 + 1] -= 0.25 * sign[:, 0]
    off = replace(
        truth, body_pose=pose, transl=truth.transl + sign * torch.tensor([0.03, 0.0, 0.0])
    )
    shape = body.shape_vector(view.capture.shape)
    posed, refinement = PosedFrames(body, off, shape), PoseRefinement(6, 2)
    made = TrainingFrames(
        view, posed, batch_size=4, seed=0, neighbours=False, refinement=refinement
    )
    made.truth = PosedFrames(body, truth, shape)
    return made


def pixels(camera, joints):
    return camera.project(joints)[0]


def loss_of(batch, frames):
    """How far the joints are from where the true ones are seen, in pixels."""
    numbers = [frames.frames[i] for i in batch.context.index.tolist()]
    true = frames.truth.bodies(numbers).joints
    camera = batch.context.camera
    seen = replace(camera, t=camera.t.detach())  # the true ones do not move with the camera
    return (pixels(camera, batch.context.body.joints) - pixels(seen, true)).square().mean()


def test_without_corrections_nothing_changes(frames):
    plain = frames.posed.context(
        [0, 3], [0, 2], frames.camera([frames.samples[0], frames.samples[3]]), [0, 3]
    )
    refined = frames.context([0, 3])
    torch.testing.assert_close(refined.body.vertices, plain.body.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(refined.previous.joints, plain.previous.joints, atol=1e-5, rtol=0)


def test_losses_bring_the_poses_to_the_truth(frames):
    refining = Refining(FREE, frames.refinement, [6])
    first = None
    for step in range(60):
        batch = refining.prepared(frames.batch(frames.read(step)))
        for part in batch.parts(2):  # a method may go backward as often as it likes
            (0.5 * loss_of(part, frames)).backward()
        refining.update(step)
        first = first or float(loss_of(batch, frames).detach())
    assert float(loss_of(frames.batch(frames.read(0)), frames)) < 0.1 * first


def test_the_gradient_is_that_of_finite_differences(frames):
    refining = Refining(FREE, frames.refinement, [6])
    reading = frames.read(0)
    loss_of(refining.prepared(frames.batch(reading)), frames).backward()
    pairs = zip(refining._roots, refining._leaves, strict=True)
    kept = [(root, leaf.grad) for root, leaf in pairs if leaf.grad is not None]
    torch.autograd.backward([r for r, _ in kept], [g for _, g in kept])
    for name in ("rotation", "shift", "camera_shift"):
        values = getattr(frames.refinement, name)
        along = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
        exact = float((values.grad * along).sum())
        measured = []
        for sign in (1, -1):
            with torch.no_grad():
                values.add_(sign * 1e-3 * along)
                # the true points are seen by the camera as it was
                measured.append(float(seen_from_before(frames, reading)))
                values.sub_(sign * 1e-3 * along)
        slope = (measured[0] - measured[1]) / 2e-3
        assert exact == pytest.approx(slope, rel=0.02, abs=1e-3), name


def seen_from_before(frames, reading):
    """The loss, with the true joints seen by cameras that are not corrected."""
    batch = frames.batch(reading)
    samples = [frames.samples[p] for p in reading.positions]
    numbers = [s.frame for s in samples]
    true = pixels(frames.camera(samples), frames.truth.bodies(numbers).joints)
    return (pixels(batch.context.camera, batch.context.body.joints) - true).square().mean()


def test_the_penalty_by_hand():
    refinement = PoseRefinement(5, 1)
    config = RefinementConfig(weight=2.0, smooth=3.0)
    refining = Refining(config, refinement, [2, 3])
    with torch.no_grad():
        refinement.shift[:, 0] = torch.tensor([0.0, 1.0, 5.0, 5.0, 7.0])
    size = (1 + 25 + 25 + 49) / 5
    change = (1 + 0 + 4) / 3  # never from the first clip into the second
    assert float(refining.penalty().detach()) == pytest.approx(2 * size + 3 * change)


def test_before_its_start_nothing_is_learned(frames):
    refining = Refining(FREE.model_copy(update={"start": 3}), frames.refinement, [6])
    for step in range(4):
        assert not frames.refinement.rotation.any(), step
        loss_of(refining.prepared(frames.batch(frames.read(step))), frames).backward()
        refining.update(step)
    assert frames.refinement.rotation.any()


def test_one_camera_has_nothing_to_be_corrected_against():
    with pytest.raises(UserError, match=r"refine\.camera: there is only one training camera"):
        Refining(FREE, PoseRefinement(5, 1), [5])


def test_corrections_have_a_mean_of_zero_and_reach_only_what_a_step_saw(frames):
    refining = Refining(FREE, frames.refinement, [6])
    whole = frames.read(0)
    one = {name: picture[:1] for name, picture in whole.pictures.items()}
    reading = replace(whole, positions=whole.positions[:1], pictures=one)
    loss_of(refining.prepared(frames.batch(reading)), frames).backward()
    refining.update(0)
    for values in (frames.refinement.rotation, frames.refinement.shift):
        assert values.mean(0).abs().max() < 1e-6
    seen = {frames.samples[p].frame for p in reading.positions}
    seen |= {frames.neighbours[f][0] for f in seen}
    rows = [frames._number[f] for f in frames.frames if f not in seen]
    unseen = frames.refinement.shift[rows]  # moved by the mean alone, and so all alike
    assert len(rows) > 1 and (unseen - unseen[0]).abs().max() < 1e-7
    assert frames.refinement.shift.abs().max() > 1e-3
