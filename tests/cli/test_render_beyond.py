"""``render`` says when a motion leaves what the training showed."""

import re
from dataclasses import replace

import pytest
import torch

from avatar_kit.engine.beyond import beyond
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.motion import save_motion
from avatar_kit.testing.poses import swaying_motion


@pytest.fixture(scope="module")
def loaded(anr_run):
    return load_avatar(RunFolder.open(anr_run), device="cpu")


def test_the_training_motion_stays_within(loaded):
    found = beyond(loaded, loaded.training_motion)
    assert found.lines() == []
    assert found.far.max() < 1e-5 and found.unseen.max() < 0.1


def test_a_raised_arm_and_a_turned_back_are_found(loaded):
    motion = swaying_motion(30)
    pose = motion.body_pose.clone().view(-1, 21, 3)
    pose[20:, 15, 2] = 1.1  # the left arm, up
    orient = motion.global_orient.clone()
    orient[10:, 1] = torch.pi
    moved = replace(motion, body_pose=pose.flatten(1), global_orient=orient)
    found = beyond(loaded, moved)
    assert (found.far[:20] < 0.3).all() and (found.far[20:] > 0.5).all()
    assert {name.split("_")[0] for name in found.limb[20:]} == {"left"}
    assert (found.unseen[:10] < 0.2).all() and (found.unseen[10:] > 0.6).all()
    sides, poses = found.lines()
    assert sides.startswith("67% of the frames show sides") and "estimated" in sides
    assert poses.startswith("33% of the frames are far") and "left" in poses


def test_an_orbit_is_told(cli_here, anr_run):
    words = ("--frames", 12, "--out", "around.gif", "--fps", 2)
    text = " ".join(cli_here("render", anr_run, "--orbit", 360, *words).split())
    assert re.search(r"\d\d% of the frames show sides of the person that no training", text)
    assert "far from every training pose" not in text


def test_a_run_that_does_not_say_is_silent_of_sides(cli_here, anr_run, tmp_path, loaded):
    import shutil

    run = shutil.copytree(anr_run, tmp_path / "run")
    (run / "coverage.npz").unlink()
    save_motion(tmp_path / "m.npz", loaded.training_motion[:3])
    text = cli_here("render", "run", "--motion", "m.npz", "--orbit", 180, "--out", "o.gif")
    assert "show sides" not in text
    (run / "coverage.npz").write_bytes(b"no archive")
    words = ("--motion", "m.npz", "--orbit", 180, "--out", "p.gif")
    assert "coverage.npz: not as avatar-kit writes it" in cli_here("render", "run", *words, check=2)
    assert not (tmp_path / "p.gif").exists()
