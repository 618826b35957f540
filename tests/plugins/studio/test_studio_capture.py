"""The capture as its readers see it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.dataset import Studio, middles
from avatar_kit_studio.session import Session
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.testing.capture import small_capture

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


def test_one_camera_is_filmed_as_before_there_could_be_several():
    """The names that version 7 gave to captures; a change of them films everybody's anew."""
    assert Studio(StudioConfig()).folder(256).name == "ada-256-d0c0c1f1a7078445"
    assert Studio(StudioConfig(**TINY)).folder(64).name == "ada-64-195ee799c381273a"
    assert Studio(StudioConfig(framing="upper")).folder(256) != Studio(StudioConfig()).folder(256)
    several = Studio(StudioConfig(cameras=3)).folder(256)
    assert several != Studio(StudioConfig()).folder(256)
    assert several == Studio(StudioConfig(cameras=3, held_out=2)).folder(256), (
        "the film is the same"
    )


def test_splits_of_several_cameras(tmp_path):
    film = small_capture(tmp_path / "film", cameras=3)
    for held_out, trained in ((None, 2), (2, 1), (0, 3)):
        studio = Studio(StudioConfig(cameras=3, held_out=held_out, test_frames=4))
        capture = film.with_splits(studio._splits(film))
        names = tuple(capture.cameras)
        assert capture.splits["train"].cameras == capture.splits["test"].cameras == names[:trained]
        assert capture.novelty("test") == "novel pose"
        if trained < 3:
            assert capture.splits["novel_view"].cameras == names[trained:]
            assert len(capture.splits["novel_view"].frames) == 4
            assert capture.novelty("novel_view") == "novel view"


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5), count=st.integers(1, 80))
def test_the_middles_of_clips(lengths, count):
    edges = np.cumsum([0, *lengths]).tolist()
    clips = list(pairwise(edges))
    found = middles(clips, count)
    assert len(found) == min(count, edges[-1]) and sorted(set(found)) == found
    for first, end in clips:
        inside = [f for f in found if first <= f < end]
        assert inside == list(range(inside[0], inside[0] + len(inside))) if inside else True
        assert abs(len(inside) - (end - first) * min(1, count / edges[-1])) <= 1
        if inside:
            assert abs((inside[0] - first) - (end - 1 - inside[-1])) <= 1


@pytest.mark.slow
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
