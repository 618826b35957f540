"""The examples as somebody else uses them: installed by pip, named in a config, trained."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avatar_kit.testing.capture import small_capture

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = (
    "size=64",
    "batch_size=2",
    "steps=6",
    "evaluation.metrics=[psnr]",
    "evaluation.max_frames=2",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip has installed the third-party project, and nothing else."""
    root = tmp_path_factory.mktemp("third-party")
    source = shutil.copytree(EXAMPLES / "third_party", root / "source")
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation")
    offline = ("--no-index", "--disable-pip-version-check", "--root-user-action", "ignore")
    target = root / "site"
    subprocess.run([*pip, *offline, "--target", target, source], check=True)
    shutil.rmtree(source)
    return target


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return small_capture(tmp_path_factory.mktemp("captures") / "small").root


@pytest.fixture
def run(tmp_path):
    def run(*words, check=0, site=None, **env):
        if site is not None:  # before what is on the path already
            env["PYTHONPATH"] = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **env},
        )
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def test_an_installed_project_is_found(run, installed):
    text = run("avatar_kit.cli.main", "plugins", "list", site=installed)
    assert "avatar-kit-sketch 0.1.0" in text and "renderer: pixel_mlp" in text
    text = run("avatar_kit.cli.main", "plugins", "show", "pixel_mlp", site=installed)
    assert "Neurons of a hidden layer." in text and "Apache-2.0" in text


def test_its_method_trains_and_is_driven(run, installed, capture, tmp_path):
    env = {"site": installed}
    words = ("--method", "sketch", "--data", capture, "--out", "run", "aligner=calm", *TINY)
    run("avatar_kit.cli.main", "train", *words, **env)
    motion = tmp_path / "run" / "training_motion.npz"
    run("avatar_kit.cli.main", "render", "run", "--motion", motion, "--out", "driven.mp4", **env)
    assert (tmp_path / "driven.mp4").stat().st_size > 1000
    text = run("avatar_kit.cli.main", "eval", "run", check=2)  # without the package
    assert "unknown method 'sketch'" in text
    assert "the method 'sketch' is of avatar-kit-sketch 0.1.0, " in text
    assert "the aligner 'calm' is of avatar-kit-sketch 0.1.0: install it" in text


@pytest.mark.slow  # README's plugin is tested so
def test_its_renderer_serves_another_method(run, installed, capture, tmp_path):
    words = ("--method", "ram", "--data", capture, "--out", "run", "renderer=pixel_mlp", *TINY)
    run("avatar_kit.cli.main", "train", *words, site=installed)
    assert "type: pixel_mlp" in (tmp_path / "run" / "config.yaml").read_text()
    assert (tmp_path / "run" / "eval" / "test.json").exists()


@pytest.mark.slow
def test_its_own_conformance_tests_pass(run, installed):
    tests = EXAMPLES / "third_party" / "tests"
    text = run(
        *("pytest", "-q", "-p", "no:cacheprovider", "-m", "conformance", "--rootdir", tests),
        *("--avatar-kit-device", "cpu", tests),
        site=installed,
    )
    assert "passed" in text and "failed" not in text


@pytest.mark.slow  # README's plugin is a file, too
def test_a_file_is_a_plugin(run, capture, tmp_path):
    env = {"AVATAR_KIT_DEV": str(EXAMPLES / "one_file_plugin.py")}
    assert "renderer: linear_paint" in run("avatar_kit.cli.main", "plugins", **env)
    text = run("avatar_kit.cli.main", "plugins", "check", "linear_paint", **env)
    assert "renderer linear_paint: all" in text
    words = ("--method", "ram", "--data", capture, "--out", "run", "renderer=linear_paint", *TINY)
    run("avatar_kit.cli.main", "train", *words, **env)
    assert (tmp_path / "run" / "eval" / "test.json").exists()
