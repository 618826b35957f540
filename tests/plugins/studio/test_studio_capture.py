"""The capture as its readers see it."""

import numpy as np
import pytest
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.dataset import Studio
from avatar_kit_studio.session import Session

TINY = {"size": 64, "frames": 8, "test_frames": 4, "supersample": 1}


def into(patch, folder):
    """Make captures below ``folder``; the baked body is still taken from the project's cache."""
    patch.setattr("avatar_kit_studio.dataset.cache_dir", lambda *parts: folder.joinpath(*parts))


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        into(patch, tmp_path_factory.mktemp("cache"))
        yield Studio(StudioConfig(**TINY)).open()


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".npz"  # zip files carry the time
    }


@pytest.mark.slow  # films twice
def test_same_options_same_bytes(capture, tmp_path, monkeypatch):
    into(monkeypatch, tmp_path)
    again = Studio(StudioConfig(**TINY)).open()
    assert again.root != capture.root
    assert contents(again.root) == contents(capture.root)
    assert torch.equal(again.motion.rotvec(), capture.motion.rotvec())
    assert len(contents(capture.root)) > 2 * 20


def test_splits_are_named_disjoint_and_whole(capture):
    splits = capture.splits
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 8,
        "in_distribution": 4,
        "large_rotation": 4,
        "out_of_distribution": 4,
    }
    numbers = [n for split in splits.values() for n in split.frames]
    assert sorted(numbers) == list(range(20))


def test_made_once(capture, monkeypatch):
    into(monkeypatch, capture.root.parents[1])
    monkeypatch.setattr(Session, "__init__", lambda *a: pytest.fail("made again"))
    assert Studio(StudioConfig(**TINY)).open().root == capture.root


def test_size_follows_training_unless_given():
    assert Studio(StudioConfig()).folder(128) != Studio(StudioConfig()).folder(256)
    assert Studio(StudioConfig(seed=1)).folder(64) != Studio(StudioConfig()).folder(64)


def test_an_interrupted_session_leaves_nothing(tmp_path, monkeypatch):
    into(monkeypatch, tmp_path)
    film = Session.film

    def stops(self):
        frames = film(self)
        yield next(frames)
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "film", stops)
    with pytest.raises(KeyboardInterrupt):
        Studio(StudioConfig(**TINY)).open()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.slow
def test_subjects_differ():
    shots = {}
    for name in ("ada", "ben", "cleo"):
        session = Session(StudioConfig(subject=name, **TINY), 64)
        shots[name] = next(session.film())[1].astype(float)
    for a, b in (("ada", "ben"), ("ben", "cleo"), ("ada", "cleo")):
        assert np.abs(shots[a] - shots[b]).mean() > 3
