"""The capture as its readers see it."""

import numpy as np
import pytest
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.dataset import Studio
from avatar_kit_studio.session import Session, dress

TINY = {"size": 64, "frames": 8, "test_frames": 4, "supersample": 1}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own that borrows the baked body."""
    import avatar_kit_studio.dataset as module

    monkeypatch.setattr(module, "cache_dir", lambda *parts: _made(tmp_path.joinpath(*parts)))
    return tmp_path / "studio"


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".npz"  # zip files carry the time
    }


def test_same_options_same_bytes(tmp_path, cache):
    studio = Studio(StudioConfig(**TINY))
    first = studio.open()
    kept = contents(first.root)
    motion = first.motion
    first.root.rename(tmp_path / "elsewhere")
    dress.cache_clear()
    again = Studio(StudioConfig(**TINY)).open()
    assert contents(again.root) == kept
    assert torch.equal(again.motion.rotvec(), motion.rotvec())
    assert len(kept) > 2 * 20


def test_splits_are_named_disjoint_and_whole(cache):
    capture = Studio(StudioConfig(**TINY)).open()
    splits = capture.record.splits
    assert list(splits) == ["train", "in_distribution", "large_rotation", "out_of_distribution"]
    assert {k: len(v) for k, v in splits.items()} == {
        "train": 8,
        "in_distribution": 4,
        "large_rotation": 4,
        "out_of_distribution": 4,
    }
    numbers = [n for v in splits.values() for n in v]
    assert sorted(numbers) == list(range(20))


def test_made_once(cache, monkeypatch):
    studio = Studio(StudioConfig(**TINY))
    studio.open()
    monkeypatch.setattr(Session, "__init__", lambda *a: pytest.fail("made again"))
    assert len(Studio(StudioConfig(**TINY)).open().motion) == 20


def test_size_follows_training_unless_given():
    assert Studio(StudioConfig()).folder(128) != Studio(StudioConfig()).folder(256)
    assert Studio(StudioConfig(seed=1)).folder(64) != Studio(StudioConfig()).folder(64)


def test_an_interrupted_session_leaves_nothing(cache, monkeypatch):
    film = Session.film

    def stops(self):
        frames = film(self)
        yield next(frames)
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "film", stops)
    with pytest.raises(KeyboardInterrupt):
        Studio(StudioConfig(**TINY)).open()
    assert [p for p in cache.rglob("*") if p.is_file()] == []


@pytest.mark.slow
def test_subjects_differ():
    shots = {}
    for name in ("ada", "ben", "cleo"):
        session = Session(StudioConfig(subject=name, **TINY), 64)
        shots[name] = next(session.film())[0].astype(float)
    for a, b in (("ada", "ben"), ("ben", "cleo"), ("ada", "cleo")):
        assert np.abs(shots[a] - shots[b]).mean() > 3
