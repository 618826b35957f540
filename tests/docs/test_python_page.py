"""The Python of docs/python.md and of README's door runs, on trainings that are small enough."""

import re
import shutil
from pathlib import Path

import pytest

import avatar_kit as ak
from avatar_kit.io import read_video, save_motion
from tests.aligners.poses import waving
from tests.api.tiny import TINY

ROOT = Path(__file__).parents[2]


def run_blocks(page, wanted=""):
    """Run the blocks of Python on a page that hold a word, one after another; what they define."""
    names: dict = {}
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for text in (block for block in found if wanted in block):
        exec(compile(text, page, "exec"), names)
    return names


@pytest.fixture
def small(monkeypatch):
    """``ak.train`` with the arguments of a page, of two steps and with narrow networks."""
    whole = ak.train

    def train(method=None, **words):
        if method is None:
            return whole(**{**words, "steps": 3})
        values = {**words.pop("values", {}), **TINY[method]}
        return whole(method, **{**words, "steps": 2}, values=values)

    monkeypatch.setattr(ak, "train", train)


@pytest.fixture
def folder(capture_folder, tmp_path, monkeypatch):
    """Where a page runs, with what it takes for granted: a capture and a motion."""
    shutil.copytree(capture_folder, tmp_path / "captures" / "me")
    save_motion(tmp_path / "dance.npz", waving(5, fps=25.0))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_runs_and_prints_what_it_says(folder, small, capsys):
    names = run_blocks("docs/python.md")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "normals 22 25.0 ['train', 'test']"
    assert said[1] == "5 25.0 torch.Size([5, 63])"
    assert said[-1] == "runs/nobody: not a run folder (no config.yaml)"
    assert len(read_video(folder / "dance.mp4")) == 5
    assert len(list(names["turntable"])) == 6
    assert ak.load("runs/anr", device="cpu").step == 3


def test_the_lines_of_the_readme_run(folder, small):
    ak.train("ram", data="captures/me", out="runs/me")
    assert "avatar" in run_blocks("README.md", "ak.load")
