"""The examples as somebody else uses them: installed by pip, named in a config, trained."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from avatar_kit.capture import open_capture
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
    return _installed("third_party", tmp_path_factory.mktemp("third-party"))


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """The same of the project of Gaussians."""
    return _installed("gaussians", tmp_path_factory.mktemp("gaussians"))


def _installed(project, root):
    source = shutil.copytree(EXAMPLES / project, root / "source")
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


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def plain_folder(capture, tmp_path_factory):
    """The small capture as the dataset of the Gaussians' project reads it."""
    root, opened = tmp_path_factory.mktemp("plain") / "folder", open_capture(capture)
    for name, pictures in (("pictures", opened.images), ("masks", opened.masks)):
        (root / name).mkdir(parents=True)
        for frame, picture in enumerate(pictures(range(len(opened)))):
            Image.fromarray(picture).save(root / name / f"{frame:04d}.png")
    camera = next(iter(opened.cameras.values()))
    about = {key: getattr(camera, key)[0].tolist() for key in ("K", "R", "t")}
    (root / "camera.json").write_text(json.dumps(about))
    shutil.copy(capture / "motion.npz", root / "motion.npz")
    return root


def test_the_project_of_gaussians_is_found(run, blobs):
    text = run("avatar_kit.cli.main", "plugins", "list", site=blobs)
    assert "avatar-kit-blobs 0.1.0" in text
    for part in (
        "encoder: blob_cloud",
        "renderer: blob_splat",
        "method: blobs",
        "dataset: blob_folder",
        "metric: blob_edges",
    ):
        assert part in text


@pytest.mark.slow
def test_the_gaussians_train_resume_and_are_driven(run, blobs, plain_folder, tmp_path):
    words = ("train", "--method", "blobs", "--data", f"blob_folder path={plain_folder}")
    small = (
        "--out",
        "run",
        "--resume",
        "auto",
        "size=64",
        "steps=400",
        "encoders.cloud.points=2000",
    )
    measure = ("evaluation.metrics=[psnr, blob_edges]", "checkpoint.every=200")
    command = ("avatar_kit.cli.main", *words, *small, *measure)
    run(*command, "stop_at=200", site=blobs)
    assert "continuing at step 200 of 400" in run(*command, site=blobs)
    found = json.loads((tmp_path / "run" / "eval" / "test.json").read_text())["splits"]["test"]
    assert found["psnr"] > found["baselines"]["mean_frame"]["psnr"]
    assert 0 < found["blob_edges"] < 10
    motion = tmp_path / "run" / "training_motion.npz"
    drive = ("render", "run", "--motion", motion, "--out", "driven.mp4", "--frames", 3)
    run("avatar_kit.cli.main", *drive, site=blobs)
    assert (tmp_path / "driven.mp4").stat().st_size > 1000


@pytest.mark.slow
def test_the_gaussians_keep_every_contract(run, blobs, plain_folder):
    words = ("plugins", "check", "blobs", f"blob_folder.path={plain_folder}")
    small = ("blobs.encoders.cloud.points=600", "blob_cloud.points=100")
    text = run("avatar_kit.cli.main", *words, *small, site=blobs)
    assert text.count("checks pass") == 10 and "5 parts" in text
