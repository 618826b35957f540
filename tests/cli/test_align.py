"""``align``, ``aligner train`` and ``render --align``, as a person runs them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from avatar_kit.io.motion import load_motion, save_motion
from tests.aligners.poses import waving
from tests.cli.conftest import TINY

QUICK = ("evaluation.metrics=[psnr]", "evaluation.max_frames=1", "aligner=nearest_pose")


@pytest.fixture(scope="session")
def aligned_run(cli, capture_folder, tmp_path_factory):
    """A run with an aligner of its own."""
    out = tmp_path_factory.mktemp("runs") / "aligned"
    words = ("--method", "ram", "--data", capture_folder, "--out", out, *TINY)
    cli("train", *words, *QUICK, "steps=2", "stop_at=1")
    return out


@pytest.fixture
def wild(tmp_path):
    """A motion unlike the training poses, at their frame rate."""
    save_motion(tmp_path / "wild.npz", waving(12, fps=25.0, reach=1.2))
    return tmp_path / "wild.npz"


@pytest.mark.slow
def test_a_resumed_run_keeps_the_aligner_it_was_fitted_with(cli, aligned_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(aligned_run, run)
    first = load_file(run / "checkpoints" / "step-000001" / "weights.safetensors")
    cli("train", "--resume", run)
    last = load_file(run / "checkpoints" / "step-000002" / "weights.safetensors")
    kept = [k for k in last if k.startswith("aligner.")]
    assert kept
    assert all(last[k].equal(first[k]) for k in kept)
    training = load_motion(run / "training_motion.npz")
    assert last["aligner.poses"].equal(training.body_pose)
    assert last["aligner.fitted_fps"] == 25
    assert json.loads((run / "subject.json").read_text())["clips"] == [16]


def test_the_avatars_own_aligner_is_the_default(cli_here, aligned_run, wild, tmp_path):
    run, out = aligned_run, tmp_path / "out.npz"
    text = cli_here("align", run, "--motion", wild, "--out", out)
    known = load_motion(run / "training_motion.npz").body_pose
    aligned, source = load_motion(out), load_motion(wild)
    assert "fitting" not in text
    assert f"{out}: 12 frames at 25 fps" in text
    assert all((pose == known).all(1).any() for pose in aligned.body_pose)
    assert aligned.left_hand_pose.equal(source.left_hand_pose)
    assert aligned.transl[:, [0, 2]].equal(source.transl[:, [0, 2]])


def test_another_aligner_is_fitted_on_the_spot(cli_here, trained_run, wild, tmp_path):
    out = tmp_path / "out.npz"
    words = ("align", trained_run[0], "--motion", wild, "--out", out)
    text = cli_here(*words, "--align", "pca_clamp", "sigmas=1.5")
    assert "fitting pca_clamp to 16 training poses" in text
    before, after = _degrees(text)
    assert after < before
    assert not load_motion(out).body_pose.equal(load_motion(wild).body_pose)


def _degrees(text):
    words = text.partition("(joint angles): ")[2].split()
    return float(words[0]), float(words[3])


def test_none_and_strength_zero_give_the_source(cli_here, aligned_run, wild, tmp_path):
    out, source = tmp_path / "out.npz", load_motion(wild)
    words = ("align", aligned_run, "--motion", wild, "--out", out)
    for more in (("--align", "none"), ("--align-strength", "0")):
        text = cli_here(*words, *more)
        before, after = _degrees(text)
        assert before == after
        assert load_motion(out).body_pose.equal(source.body_pose)


def test_half_strength_lies_between(cli_here, aligned_run, wild, tmp_path):
    out = tmp_path / "out.npz"
    text = cli_here("align", aligned_run, "--motion", wild, "--out", out, "--align-strength", 0.5)
    before, after = _degrees(text)
    assert 0.3 * before < after < 0.7 * before


def test_another_frame_rate_is_resampled_and_said(cli_here, aligned_run, tmp_path):
    save_motion(tmp_path / "fast.npz", waving(49, fps=100.0))
    out = tmp_path / "out.npz"
    text = cli_here("align", aligned_run, "--motion", tmp_path / "fast.npz", "--out", out)
    assert "the motion has 100 fps; it is resampled to 25 fps, the rate that nearest_pose" in text
    assert len(load_motion(out)) == 13
    assert load_motion(out).fps == 25


def test_a_motion_no_longer_than_the_history_is_aligned_and_said(cli_here, trained_run, tmp_path):
    save_motion(tmp_path / "one.npz", waving(1, fps=25.0))
    out = tmp_path / "out.npz"
    words = ("align", trained_run[0], "--motion", tmp_path / "one.npz", "--out", out)
    text = cli_here(*words, "--align", "nearest_pose", "smoothing=0.1")
    assert "the motion has 1 frame(s), but nearest_pose uses the 1 previous frames" in text
    assert len(load_motion(out)) == 1


def test_render_aligns(cli_here, trained_run, wild, tmp_path):
    out = tmp_path / "wild.mp4"
    words = ("render", trained_run[0], "--motion", wild, "--out", out, "--frames", 2)
    text = cli_here(*words, "--align", "nearest_pose")
    assert "fitting nearest_pose to 16 training poses" in text
    assert "2 frames" in text
    assert out.stat().st_size > 0


def test_a_run_whose_clips_are_not_those_of_its_poses(cli_here, trained_run, wild, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(trained_run[0], old)
    subject = json.loads((old / "subject.json").read_text())
    words = ("align", old, "--motion", wild, "--align", "pca_clamp", "--out", tmp_path / "o.npz")
    (old / "subject.json").write_text(json.dumps({**subject, "clips": [9, 9]}))
    text = cli_here(*words, check=2)
    assert "clips add up to 18 frames, but training_motion.npz holds 16" in text
    assert not (tmp_path / "o.npz").exists()
    del subject["clips"]
    (old / "subject.json").write_text(json.dumps(subject))
    assert "subject.json: clips: is required; train again" in cli_here(*words, check=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--align", "nearest_pos"), "unknown aligner 'nearest_pos'; did you mean 'nearest_pose'?"),
        (("--align", "pca_clamp", "sigma=1"), "sigma: unknown key; did you mean 'sigmas'?"),
        (("--align-strength", "1.5"), "--align-strength 1.5: must lie between 0 and 1"),
        (("sigmas=1",), "sigmas=...: values of an aligner need --align NAME"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(cli_here, trained_run, wild, tmp_path, words, message):
    out = tmp_path / "out.npz"
    text = cli_here("align", trained_run[0], "--motion", wild, "--out", out, *words, check=2)
    assert message in text
    assert not out.exists()


def test_poses_that_are_no_rotations_are_refused(cli_here, trained_run, tmp_path):
    bad, out = waving(5, fps=25.0), tmp_path / "out.npz"
    bad.body_pose[2, 0] = 90
    save_motion(tmp_path / "degrees.npz", bad)
    words = ("align", trained_run[0], "--align", "pca_clamp", "--out", out, "--motion")
    text = cli_here(*words, tmp_path / "degrees.npz", check=2)
    assert "frame 2 turns a joint by 90 radians" in text
    save_motion(tmp_path / "nan.npz", replace(bad, transl=bad.transl * torch.nan))
    text = cli_here(*words, tmp_path / "nan.npz", check=2)
    assert "pose of frame 0 is not finite" in text
    assert not out.exists()
    assert "no such motion file" in cli_here(*words, tmp_path / "gone.npz", check=2)
    text = cli_here(*words[:-2], tmp_path / "o.bvh", "--motion", tmp_path / "nan.npz", check=2)
    assert "the output must be an .npz file" in text


def test_an_aligner_fitted_to_another_body_is_refused(cli_here, aligned_run, wild, tmp_path):
    from safetensors.torch import save_file

    from avatar_kit.io.digest import file_digest

    run = tmp_path / "swapped"
    shutil.copytree(aligned_run, run)
    last = run / "checkpoints" / "step-000001"
    weights = load_file(last / "weights.safetensors")
    weights["aligner.fitted_to"] = torch.arange(32, dtype=torch.uint8)
    save_file(weights, last / "weights.safetensors")
    state = json.loads((last / "state.json").read_text())
    state["sha256"]["weights.safetensors"] = file_digest(last / "weights.safetensors")
    (last / "state.json").write_text(json.dumps(state))
    out = tmp_path / "out.npz"
    text = cli_here("align", run, "--motion", wild, "--out", out, check=2)
    assert "aligner 'nearest_pose': fitted to the poses of another body" in text
    assert not out.exists()


SHORT = ("learn_prior.steps=3", "learn_prior.batch=8", "width=16", "latent=4")


def test_a_prior_is_learned_from_files_and_folders(cli_here, tmp_path):
    corpus = tmp_path / "corpus" / "deep"
    corpus.mkdir(parents=True)
    save_motion(corpus / "ours.npz", waving(40))
    poses = waving(80, fps=120.0).body_pose.numpy()
    poses = np.concatenate((np.zeros((80, 3)), poses, np.zeros((80, 90))), 1)
    np.savez(corpus / "amass.npz", poses=poses, trans=np.zeros((80, 3)), mocap_framerate=120.0)
    np.savez(corpus / "shape.npz", betas=np.zeros(16))
    (corpus / "broken.bvh").write_text("HIERARCHY")
    save_motion(tmp_path / "more.npz", waving(30, phase=2.0))
    out = tmp_path / "prior.safetensors"
    text = cli_here(
        "aligner", "train", "--corpus", tmp_path / "corpus", tmp_path / "more.npz", *SHORT,
        "--out", out,
    )  # fmt: skip
    assert "3 clips, 90 poses" in text  # 120 fps are thinned to 30
    assert f"left out: {corpus / 'broken.bvh'}: not a BVH file" in text
    assert f"left out: {corpus / 'shape.npz'}: unknown layout" in text
    assert f"aligner.prior={out}" in text
    assert load_file(out)


def test_without_a_corpus_the_embedded_one_is_taken_and_said(cli_here, tmp_path):
    out = tmp_path / "prior.safetensors"
    text = cli_here("aligner", "train", *SHORT, "--out", out)
    assert "no --corpus: using the procedural corpus embedded in" in text
    assert load_file(out)


def test_a_corpus_without_usable_poses_is_an_error(cli_here, tmp_path):
    folder, out = tmp_path / "empty", tmp_path / "prior.safetensors"
    folder.mkdir()
    words = ("aligner", "train", "--out", out, "--corpus", folder)
    assert "no usable poses in 0 motion file(s)" in cli_here(*words, check=2)
    nan = waving(5)
    nan.body_pose[1] = torch.nan
    save_motion(folder / "nan.npz", nan)
    text = cli_here(*words, check=2)
    assert "no usable poses in 1 motion file(s)" in text
    assert "the pose of frame 1 is not finite" in text
    assert "no such file or folder" in cli_here(*words, tmp_path / "gone", check=2)
    text = cli_here(*words, "--type", "pca_clamp", check=2)
    assert "aligner 'pca_clamp' needs no prior; aligners that do: " in text
    text = cli_here("aligner", "train", "--out", tmp_path / "prior.pt", check=2)
    assert "a prior is a .safetensors file" in text
    assert not out.exists()
