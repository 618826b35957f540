"""README's commands are the ones that are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from avatar_kit.testing.capture import small_capture

ROOT = Path(__file__).parents[1]


def test_ci_runs_the_test_command_of_the_readme():
    command = 'pip install -e ".[dev]" && pytest'
    assert command in (ROOT / "README.md").read_text()
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text()


def test_every_picture_in_the_readme_exists():
    text = (ROOT / "README.md").read_text()
    elsewhere = "://", "../../actions/"  # of the place where the project is hosted
    found = re.findall(r"\]\(([^)#]+?)\)", text)
    local = [p for p in found if not any(part in p for part in elsewhere)]
    assert local
    missing = [p for p in local if not (ROOT / p).exists()]
    assert not missing, missing


def test_the_plugin_of_the_readme_trains(tmp_path):
    text = (ROOT / "README.md").read_text()
    (plugin,) = re.findall(r"```python\n([^`]*hookimpl[^`]*)```", text)
    (tmp_path / "paint.py").write_text(plugin)
    command = shlex.split(re.search(r"AVATAR_KIT_DEV=paint.py (avatar-kit train .*)", text)[1])
    script = Path(sys.executable).parent / command[0]  # does not see the folder it is run in
    if not script.exists():
        pytest.skip(f"avatar-kit is not installed beside {sys.executable}")
    capture = small_capture(tmp_path / "capture").root
    small = ["--data", capture, "--out", "run", "size=64", "batch_size=1", "steps=2",
             "evaluation.metrics=[psnr]", "evaluation.max_frames=1"]  # fmt: skip
    env = {**os.environ, "AVATAR_KIT_DEV": "paint.py", "OMP_NUM_THREADS": "1"}
    for words in ((*command[1:], *small), ("plugins", "check", "paint")):
        done = subprocess.run(
            [script, *words], capture_output=True, text=True, cwd=tmp_path, env=env
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "type: paint" in (tmp_path / "run" / "config.yaml").read_text()
