import os
import shutil
from typing import ClassVar

import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.tracking.stages import Silent, Stages, digest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))


def run(calls: list, options=None, *, video="v" * 64, fresh=False, second=None):
    stages = Stages(video, Silent(), fresh=fresh)

    def stage(name):
        calls.append(name)
        return {"x": np.arange(3), "y": np.array(2.5)}

    note = lambda found: f"{len(found['x'])}"  # noqa: E731
    first = stages.run("first", options or {}, lambda: stage("first"), note=note)
    stages.run("second", second or {}, lambda: stage("second"), note=note)
    return stages, first


def test_a_finished_stage_is_not_done_again():
    calls = []
    run(calls)
    _, found = run(calls)
    assert calls == ["first", "second"]
    np.testing.assert_array_equal(found["x"], [0, 1, 2])
    assert float(found["y"]) == 2.5


def test_options_of_a_stage_redo_it_and_what_follows():
    calls = []
    run(calls)
    run(calls, second={"weight": 2})
    assert calls == ["first", "second", "second"]
    run(calls, {"a": 1}, second={"weight": 2})
    assert calls[3:] == ["first", "second"]


def test_another_video_and_fresh_start_over():
    calls = []
    run(calls)
    run(calls, video="w" * 64)
    run(calls, fresh=True)
    assert calls == ["first", "second"] * 3


def test_a_damaged_result_is_made_again():
    calls = []
    stages, _ = run(calls)
    path = stages.folder / "first.npz"
    path.write_bytes(path.read_bytes()[:50])
    run(calls)
    assert calls == ["first", "second", "first"]


def test_a_stage_that_fails_leaves_nothing():
    stages = Stages("f" * 64, Silent())

    def fail():
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        stages.run("first", {}, fail, note=str)
    assert list(stages.folder.iterdir()) == []


def test_a_cache_that_is_deleted_during_a_stage_is_no_error(tmp_path):
    stages = Stages("d" * 64, Silent())

    def stage():
        shutil.rmtree(tmp_path / "cache")
        return {"x": np.arange(3)}

    for name in ("first", "second"):
        found = stages.run(name, {}, stage, note=lambda _: "done")
        np.testing.assert_array_equal(found["x"], [0, 1, 2])
    assert [path.name for path in stages.folder.iterdir()] == ["second.npz"]


def test_digest_is_sha256(tmp_path):
    import hashlib

    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1000)
    assert digest([path], {}) == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_what_is_read_of_a_video_is_part_of_its_digest(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name)
    one, two = [tmp_path / "a"], [tmp_path / "a", tmp_path / "b"]
    found = [
        digest(one, {}),
        digest(one, {"start": 1.0}),
        digest(one, {"start": 2.0}),
        digest(one, {"crop": (0, 0, 20, 20)}),
        digest(two, {}),
        digest(two[::-1], {}),
    ]
    assert len(set(found)) == len(found)
    assert digest(one, {"start": 1.0}) == found[1]


def test_note_of_no_array_option(tmp_path):
    with pytest.raises(TypeError):  # options must be plain: they are part of the key
        Stages("g" * 64, Silent()).run("a", {"x": np.zeros(2)}, dict, note=str)


def test_stages_of_older_videos_are_dropped_and_it_is_said(monkeypatch):
    class Heard(Silent):
        notes: ClassVar[list[str]] = []

        def finish(self, note, *, cached=False):
            self.notes.append(note)

    noise = np.random.default_rng(0).integers(0, 255, 200_000, dtype=np.uint8)
    monkeypatch.setenv("AVATAR_KIT_STAGES_GIB", str(450_000 / 2**30))
    folders = []
    for k, video in enumerate("abc"):
        stages = Stages(video * 64, Heard())
        stages.run("first", {}, lambda: {"x": noise}, note=lambda _: "done")
        folders.append(stages.folder)
        os.utime(stages.folder, (1000 + k, 1000 + k))
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert Heard.notes[:2] == ["done", "done"]
    assert Heard.notes[2].startswith("done; stages of 1 older videos dropped (limit of the cache:")
    again = Stages("c" * 64, Heard())
    again.run("first", {}, lambda: {"x": noise}, note=lambda _: "done")
    assert Heard.notes[3] == "done" and folders[1].exists()


def test_a_limit_that_is_none_is_refused_before_the_work(monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_STAGES_GIB", "little")
    with pytest.raises(UserError, match="AVATAR_KIT_STAGES_GIB=little: expected a positive"):
        Stages("a" * 64, Silent())
