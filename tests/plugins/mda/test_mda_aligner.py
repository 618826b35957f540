import logging
from dataclasses import replace

import pytest
import torch
from avatar_kit_mda.aligner import Mda, farthest
from avatar_kit_mda.config import FitConfig, MdaConfig, PriorConfig
from avatar_kit_mda.procedural import procedural_corpus
from avatar_kit_mda.rotations import geodesic, matrices_from_six
from mda_motions import BODY, gestures

from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.errors import UserError
from avatar_kit.interfaces import make_room
from avatar_kit.interfaces.body import Asset
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS


def degrees(a: Motion, b: Motion) -> float:
    first, second = (matrices_from_six(six_from_rotvec(m.body_pose)) for m in (a, b))
    return float(geodesic(first, second).mean().rad2deg())


def distance_to(motion: Motion, poses: Motion) -> float:
    here, there = (matrices_from_six(six_from_rotvec(m.body_pose)) for m in (motion, poses))
    return float(geodesic(here[:, None], there[None]).mean(-1).amin(1).mean().rad2deg())


def test_poses_it_was_fitted_to_stay_close(fitted):
    motion = gestures(90)
    assert degrees(fitted.align(motion), motion) < 6.0


def test_poses_it_has_never_seen_come_closer(fitted):
    training = gestures(90)
    pose = training.body_pose[:40].unflatten(1, (21, 3)).clone()
    pose[:, 0, 0] -= 1.2  # a lifted left thigh
    pose[:, 3, 0] += 1.5  # and a bent knee
    strange = replace(training[:40], body_pose=pose.flatten(1))
    assert distance_to(fitted.align(strange), training) < 0.5 * distance_to(strange, training)


def test_all_but_the_body_passes_through(fitted):
    motion = gestures(12)
    aligned = fitted.align(motion)
    assert aligned.fps == motion.fps
    for name in FIELDS:
        assert torch.equal(getattr(aligned, name), getattr(motion, name)) == (name != "body_pose")


def test_a_stream_equals_the_whole(fitted):
    motion, state, frames = gestures(20), None, []
    for i in range(20):
        frame, state = fitted.step(motion[i : i + 1], state)
        frames.append(frame.body_pose)
    assert state.shape == (4, 126)
    assert torch.equal(torch.cat(frames), fitted.align(motion).body_pose)


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_motions_shorter_than_the_history(fitted, frames):
    assert len(fitted.align(gestures(frames))) == frames


def test_no_drift_in_a_thousand_frames(fitted):
    motion = gestures(1000)
    aligned = fitted.align(motion)
    assert degrees(aligned[900:], motion[900:]) < 1.2 * degrees(aligned[100:200], motion[100:200])


def test_a_pose_that_is_held_comes_to_rest(fitted):
    aligned = fitted.align(gestures(1)[[0] * 300]).body_pose
    assert float((aligned[-1] - aligned[-2]).abs().max()) < 1e-3


def test_fitting_twice_is_the_same(fitted, config):
    again = Mda(config)
    again.fit([gestures(90), gestures(60, speed=0.31)], BODY)
    for name, value in fitted.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_what_was_learned_is_saved_and_read_without_the_prior(fitted, config, tmp_path):
    from safetensors.torch import load_file, save_file

    save_file(fitted.state_dict(), tmp_path / "aligner.safetensors")
    state = load_file(tmp_path / "aligner.safetensors")
    again = Mda(config.model_copy(update={"prior": tmp_path / "gone.safetensors"}))
    make_room(again, state)
    again.load_state_dict(state)
    again.check_body(BODY)
    motion = gestures(10)
    assert torch.equal(again.align(motion).body_pose, fitted.align(motion).body_pose)


def test_training_an_avatar_leaves_it_alone(fitted):
    before = {name: value.clone() for name, value in fitted.state_dict().items()}
    fitted.train()
    motion = gestures(8)
    assert torch.equal(fitted.align(motion).body_pose, fitted.eval().align(motion).body_pose)
    assert all(torch.equal(before[name], value) for name, value in fitted.state_dict().items())
    assert not any(parameter.requires_grad for parameter in fitted.parameters())


def test_poses_that_are_not_finite(fitted):
    motion = gestures(5)
    motion.body_pose[3, 7] = float("nan")
    with pytest.raises(UserError, match="frame 3 is not finite"):
        fitted.align(motion)


def test_another_body(fitted):
    with pytest.raises(UserError, match="poses of another body"):
        fitted.check_body(Asset("somebody", "cd" * 32, "none"))


def test_takes_shorter_than_the_history(config):
    with pytest.raises(UserError, match="at least 5 are needed"):
        Mda(config).fit([gestures(4)], BODY)


def test_facts_name_the_prior_and_its_corpus(config):
    aligner = Mda(config.model_copy(update={"learn_avatar": FitConfig(steps=5, batch=16)}))
    aligner.fit([gestures(30)], BODY)
    facts = aligner.facts()
    assert facts["prior"] == str(config.prior)
    assert "12" * 32 in facts["prior_corpus"]


def test_without_a_prior_one_is_learned_once_and_said(config, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))
    few = lambda seed: procedural_corpus(seed, clips=8, seconds=2.0)  # noqa: E731
    monkeypatch.setattr("avatar_kit_mda.aligner.procedural_corpus", few)
    alone = MdaConfig(
        width=16,
        learn_prior=PriorConfig(steps=2, batch=16),
        learn_avatar=FitConfig(steps=5, batch=16),
    )
    with caplog.at_level(logging.WARNING):
        first = Mda(alone)
        first.fit([gestures(30)], BODY)
        second = Mda(alone)
        second.fit([gestures(30)], BODY)
    assert len(caplog.records) == 1
    assert "embedded procedural corpus" in caplog.text
    assert first.facts()["prior"] == "embedded procedural corpus"
    assert len(list(tmp_path.glob("mda/*.safetensors"))) == 1


def test_farthest_poses_spread():
    poses = torch.cat((torch.zeros(10, 126), torch.ones(1, 126), 2 * torch.ones(1, 126)))
    assert farthest(poses, 3).mean(1).tolist() == [0.0, 2.0, 1.0]
    assert len(farthest(poses[:2], 256)) == 2


def test_config_is_found_by_name():
    from avatar_kit.config.slots import resolve_component

    assert isinstance(resolve_component("aligner", {"type": "mda", "latent": 8}), MdaConfig)
