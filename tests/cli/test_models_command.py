"""``avatar-kit models``: what a component declares can be listed, added and missed."""

import hashlib
import re
import sys

import pytest

from avatar_kit.registry import loading

CONTENT = b"weights"
TRACKER = """
from typing import ClassVar, Literal
from avatar_kit import hookimpl
from avatar_kit.config import ModelFile, TrackerConfig

class Config(TrackerConfig):
    '''Tracks nothing.'''
    needs: ClassVar[tuple] = (
        ModelFile("needed.bin", "all of it", 7, "MIT", "http://127.0.0.1:9/needed.bin", "0"),
    )
    models: ClassVar[tuple] = (
        ModelFile("mine.bin", "everything", {size}, "MIT", "http://127.0.0.1:9/mine.bin", "{sha}"),
    )
    type: Literal["models_mine"] = "models_mine"

@hookimpl
def register_trackers(register):
    register("models_mine", config=Config, target="avatar_kit.interfaces:Tracker")
"""


@pytest.fixture
def models(cli_here, tmp_path, monkeypatch):
    loading._loaded.cache_clear()
    digest = hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / "models_dev.py").write_text(TRACKER.format(size=len(CONTENT), sha=digest))
    monkeypatch.setenv("AVATAR_KIT_DEV", str(tmp_path / "models_dev.py"))
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    yield lambda *words, check=0: cli_here("models", *words, check=check)
    loading._loaded.cache_clear()
    sys.modules.pop("models_dev", None)


def row(table: str, name: str = "mine.bin") -> str:
    return next(line for line in table.splitlines() if name in line)


def test_who_needs_a_model_is_listed(models):
    listed = models("list")
    assert "all of it; tracker models_mine needs it" in row(listed, "needed.bin")
    assert "needs" not in row(listed)


def test_a_declared_model_is_listed_added_and_then_here(models, tmp_path):
    assert "no" in row(models("list")).split()
    assert all(text in row(models()) for text in ("everything", "MIT", "0.0"))
    (tmp_path / "some").write_bytes(CONTENT)
    assert "mine.bin: everything" in models("add", tmp_path / "some")
    assert "yes" in row(models("list")).split()
    assert "already installed" in models("get", "mine.bin")


def test_what_cannot_be_had_is_one_line(models):
    assert "http://127.0.0.1:9/mine.bin: cannot be downloaded" in models("get", "mine.bin", check=2)
    assert "did you mean 'mine.bin'?" in models("get", "mine.bun", check=2)
    both = models("get", "needed.bin", "mine.bun", check=2)
    assert "mine.bun" in both and "downloaded" not in both  # nothing is begun


def test_doctor_counts_the_models(models, cli_here):
    line = next(li for li in cli_here("doctor").splitlines() if "│ models " in li)
    assert re.search(r"\d of \d+ optional ones are installed", line)
    assert "avatar-kit models list" in line


def test_a_name_that_another_file_has_refuses_the_plugin(models, cli_here, tmp_path):
    name = "face_landmarker.task"  # of the default tracker
    text = (tmp_path / "models_dev.py").read_text().replace("mine.bin", name)
    (tmp_path / "models_dev.py").write_text(text)
    listed = " ".join(cli_here("plugins").replace("│", " ").split())
    assert f"the model name '{name}' is taken" in listed
    assert models("list").count(name) == 1
