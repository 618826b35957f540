"""Clips kept for measuring do not get into a corpus."""

import pytest

from avatar_kit.engine.corpus import gather_corpus
from avatar_kit.errors import UserError
from avatar_kit.io.motion import save_motion
from avatar_kit.scene import Motion


def test_clips_are_left_out_by_name(tmp_path):
    for name in ("walk_001", "walk_004", "kick_001"):
        save_motion(tmp_path / f"{name}.npz", Motion.rest(3))
    found = gather_corpus([tmp_path], leave_out=r"_004|kick")
    assert [name.rpartition("/")[2] for name in found.clips] == ["walk_001.npz"]
    assert len(gather_corpus([tmp_path]).clips) == 3


def test_what_is_no_regular_expression(tmp_path):
    save_motion(tmp_path / "walk.npz", Motion.rest(3))
    with pytest.raises(UserError, match="not a regular expression"):
        gather_corpus([tmp_path], leave_out="(")
