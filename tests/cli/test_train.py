"""``train``, ``eval``, ``render`` and ``--resume``, as a person runs them."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from safetensors.torch import load_file

from tests.cli.conftest import TINY


def weights(run, step=10):
    folder = run / "checkpoints" / f"step-{step:06d}"
    return {
        **load_file(folder / "weights.safetensors"),
        **load_file(folder / "training.safetensors"),
    }


def test_consent_is_kept_with_the_avatar_and_said_by_its_pictures(trained_run):
    run, _ = trained_run
    summary = json.loads((run / "summary.json").read_text())
    assert summary["consent"] == "lectures, until 2030"
    with Image.open(run / "preview.png") as image:
        assert "consent: lectures, until 2030" in image.info["Description"]
        assert "compositeWithTrainedAlgorithmicMedia" in image.info["XML:com.adobe.xmp"]


def assert_equal_bits(one, other):
    assert one.keys() == other.keys()
    differing = [k for k in one if not one[k].equal(other[k])]
    assert not differing, differing


def test_training_ends_with_the_table_and_the_pictures(trained_run):
    run, text = trained_run
    assert "nearest frame" in text
    assert "mean frame" in text
    assert "protocol 2" in text
    assert str(run / "preview.png") in text
    assert str(run / "preview.mp4") in text
    for name in (
        "config.yaml",
        "environment.json",
        "subject.json",
        "log.jsonl",
        "training_motion.npz",
        "preview.png",
        "preview.mp4",
        "summary.json",
    ):
        assert (run / name).stat().st_size > 0
    facts = json.loads((run / "environment.json").read_text())["method"]
    assert f"perceptual loss  {facts['perceptual loss']}" in text
    result = json.loads((run / "eval" / "test.json").read_text())
    split = result["splits"]["test"]
    assert split["n"] == 3
    assert set(split["baselines"]) == {"nearest_frame", "mean_frame"}
    assert result["protocol"]["test_poses_refitted"] is False
    assert len(result["protocol"]["metrics"]["st_lpips_alex"]["weights_sha256"]) == 64


def test_no_body_model_is_in_a_checkpoint(trained_run):
    assert not [k for k in weights(trained_run[0]) if "body." in k and "vert" in k]
    folder = trained_run[0] / "checkpoints" / "step-000010"
    sizes = [(folder / f"{n}.safetensors").stat().st_size for n in ("weights", "training")]
    assert sizes[0] < 10e6
    assert sizes[1] < 3.1 * sizes[0]  # Adam's two moments, and the weights before averaging


@pytest.mark.slow  # as test_exact_resume.py, of all methods
def test_ten_steps_equal_five_resume_five_bit_for_bit(cli, capture_folder, trained_run, tmp_path):
    out = tmp_path / "halves"
    words = ("--method", "ram", "--data", capture_folder, "--out", out)
    text = cli("train", *words, "steps=10", "stop_at=5", *TINY)
    assert f"avatar-kit train --resume {out}" in text
    cli("train", "--resume", out)
    assert_equal_bits(weights(out), weights(trained_run[0]))


@pytest.mark.slow
def test_with_a_discriminator_four_steps_equal_two_resume_two(cli, capture_folder, tmp_path):
    words = ("--method", "ram", "--preset", "light", "--data", capture_folder, *TINY, "steps=4")
    narrow = (
        "renderer.channel_multiplier=0.05",
        "discriminator.channel_multiplier=0.05",
        "accumulate=2",
        "stages.attention_from=60000",
    )
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    cli("train", *words, *narrow, "--out", straight)
    cli("train", *words, *narrow, "--out", halves, "stop_at=2")
    cli("train", "--resume", halves)
    assert_equal_bits(weights(halves, 4), weights(straight, 4))
    assert any(k.startswith("module/discriminator/") for k in weights(straight, 4))


def test_the_average_is_saved_as_the_avatar_and_the_raw_weights_beside_it(trained_run):
    folder = trained_run[0] / "checkpoints" / "step-000010"
    shown = load_file(folder / "weights.safetensors")
    kept = load_file(folder / "training.safetensors")
    raw = {k.removeprefix("raw/"): v for k, v in kept.items() if k.startswith("raw/")}
    assert "renderer.network.stem.weight" in raw
    assert raw.keys() < shown.keys()  # buffers are not averaged
    assert not any(shown[name].equal(raw[name]) for name in raw)


def test_resume_prints_what_changed_and_refuses_structural_changes(cli_here, trained_run, tmp_path):
    run = tmp_path / "copy"
    shutil.copytree(trained_run[0], run)
    text = cli_here("train", "--resume", run, "batch_size=3", check=2)
    assert "must keep batch_size" in text
    text = cli_here("train", "--resume", run, "steps=12", "stop_at=11")
    assert "changed: steps: 10 -> 12" in text
    assert (run / "checkpoints" / "step-000011").exists()


def test_a_run_goes_on_where_its_capture_lies_now(cli_here, trained_run, capture_folder, tmp_path):
    run = shutil.copytree(trained_run[0], tmp_path / "copy")
    moved = shutil.copytree(capture_folder, tmp_path / "moved", copy_function=shutil.copyfile)
    words = ("steps=12", "stop_at=11")
    text = cli_here("train", "--resume", run, "data.path=nowhere", *words, check=2)
    assert "--resume" in text and "data.path=FOLDER" in text
    text = cli_here("train", "--resume", run, f"data.path={moved}", *words)
    assert "changed: data:" in text and "continuing at step 10 of 12" in text
    masks = sorted((moved / "masks").rglob("*.png"))
    masks[0].write_bytes(masks[5].read_bytes())
    text = cli_here("train", "--resume", run, "steps=12", check=2)
    assert "not the capture that this run started with" in text


@pytest.mark.slow
def test_eval_again_gives_the_same_numbers(cli, trained_run, tmp_path):
    run = tmp_path / "copy"
    shutil.copytree(trained_run[0], run)
    before = json.loads((run / "eval" / "test.json").read_text())
    (run / "eval" / "test.json").unlink()
    assert "nearest frame" in cli("eval", run)
    assert json.loads((run / "eval" / "test.json").read_text()) == before


@pytest.mark.slow  # the conformance kit asks it of every method
def test_render_needs_no_capture(cli, trained_run, tmp_path):
    import av

    out = tmp_path / "dance.mp4"
    text = cli(
        "render", trained_run[0], "--motion", trained_run[0] / "training_motion.npz", "--out", out,
        "--frames", 5,
    )  # fmt: skip
    assert "5 frames" in text
    with av.open(str(out)) as video:
        pictures = list(video.decode(video=0))
    assert len(pictures) == 5
    assert (pictures[0].width, pictures[0].height) == (64, 64)


@pytest.mark.slow  # in this process: tests/engine/test_stopping.py
def test_sigterm_saves_and_says_how_to_go_on(capture_folder, tmp_path):
    out = tmp_path / "stopped"
    words = ["train", "--method", "ram", "--data", str(capture_folder), "--out", str(out)]
    process = _start([*words, "steps=100000", *TINY, "checkpoint.every=100000"])
    _wait_for_log(out, process)
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal.SIGTERM
    assert "continue with" in text
    saved = list((out / "checkpoints").glob("step-*"))
    assert len(saved) == 1


@pytest.mark.slow
def test_kill_9_at_random_moments_never_loses_the_run(cli, capture_folder, tmp_path):
    out = tmp_path / "killed"
    words = ["train", "--method", "ram", "--data", str(capture_folder), "--out", str(out)]
    chooser = random.Random(0)
    process = _start([*words, "steps=60", *TINY, "checkpoint.every=1"])
    for _ in range(6):
        _wait_for_checkpoint(out, process)
        time.sleep(chooser.uniform(0.0, 1.5))
        process.kill()
        process.communicate()
        process = _start(["train", "--resume", str(out)])
    process.kill()
    process.communicate()
    cli("train", "--resume", out)
    straight = tmp_path / "straight"
    cli("train", *words[1:-1], straight, "steps=60", *TINY, "checkpoint.every=1")
    assert_equal_bits(weights(out, 60), weights(straight, 60))


def _start(words):
    return subprocess.Popen(
        [sys.executable, "-m", "avatar_kit.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _wait_for_log(out, process):
    _wait(lambda: (out / "log.jsonl").exists(), process)


def _wait_for_checkpoint(out, process):
    _wait(lambda: any((out / "checkpoints").glob("step-*")), process)


def _wait(ready, process):
    end = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "nothing was written in two minutes"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train",), "which method? for example"),
        (("train", "--method", "rum"), "unknown method 'rum'; did you mean 'ram'?"),
        (("train", "--method", "ram", "--data", "no/such/folder"), "no such folder; make one with"),
        (("train", "--method", "ram", "--data", "stdio"), "unknown dataset 'stdio'; did you mean"),
        (("train", "--method", "ram", "stepz=4"), "stepz: unknown key; did you mean 'steps'?"),
        (("train", "--resume", "nowhere"), "not a run folder"),
        (("train", "--resume", "nowhere", "--method", "ram"), "omit --method"),
        (("eval", "nowhere"), "not a run folder"),
        (("render", "nowhere", "--motion", "x.npz"), "not a run folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cli_here, words, message):
    text = cli_here(*words, check=2)
    assert message in text
    assert "Traceback" not in text


def test_a_used_output_folder_is_refused_untouched(cli_here, capture_folder, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine.txt").write_text("precious")
    text = cli_here("train", "--method", "ram", "--data", capture_folder, "--out", used, check=2)
    assert "the output folder is not empty" in text
    assert [p.name for p in used.iterdir()] == ["mine.txt"]


def test_a_checkpoint_of_another_method_is_refused(cli_here, trained_run, tmp_path):
    run = tmp_path / "copy"
    shutil.copytree(trained_run[0], run)
    state = run / "checkpoints" / "step-000010" / "state.json"
    state.write_text(state.read_text().replace('"method": "ram"', '"method": "anr"'))
    text = cli_here("train", "--resume", run, "steps=12", check=2)
    assert "a checkpoint of method 'anr', not of 'ram'" in text


def test_a_motion_that_does_not_exist_is_refused(cli_here, trained_run, tmp_path):
    run = trained_run[0]
    text = cli_here("render", run, "--motion", tmp_path / "none.npz", check=2)
    assert "none.npz: no such motion file" in text
    assert "cannot write '.avi'; use .mp4" in cli_here(
        "render", run, "--motion", run / "training_motion.npz", "--out", "x.avi", check=2
    )


def test_a_full_disk_is_one_line(cli_here, trained_run, monkeypatch):
    import errno

    from avatar_kit.io import video

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "dance.mp4")

    monkeypatch.setattr(video.VideoWriter, "write", full)
    run = trained_run[0]
    text = cli_here(
        "render", run, "--motion", run / "training_motion.npz", "--out", "dance.mp4", check=2
    )
    assert "dance.mp4: the disk is full; free some space" in text


def test_every_command_has_help_a_newcomer_understands(cli_here):
    for words in (
        (),
        ("train",),
        ("prepare",),
        ("render",),
        ("eval",),
        ("plugins",),
        ("config", "show"),
        ("doctor",),
    ):
        text = cli_here(*words, "--help")
        assert "Usage" in text


def test_doctor_and_config_show_run(cli_here):
    found = cli_here("doctor")
    assert "torch" in found and "splatting" in found
    text = cli_here("config", "show", "--method", "ram", "--preset", "light", "steps=7")
    assert "command line" in text
    assert "preset light" in text
