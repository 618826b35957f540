"""``ak.read_motion``: motion files of any kind, and videos."""

import pytest

import avatar_kit as ak
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion
from tests.aligners.poses import waving


def test_a_motion_file_is_read_by_path_or_text(tmp_path):
    save_motion(tmp_path / "wave.npz", waving(5, fps=25.0))
    for path in (tmp_path / "wave.npz", str(tmp_path / "wave.npz")):
        motion = ak.read_motion(path)
        assert (len(motion), motion.fps) == (5, 25.0)


def test_a_video_is_tracked(tmp_path, monkeypatch):
    import avatar_kit.tracking

    wanted = waving(3)
    monkeypatch.setattr(avatar_kit.tracking, "track_motion", lambda path: (path, wanted))
    video = tmp_path / "Dancer.MP4"
    video.touch()
    assert ak.read_motion(video) == (video, wanted)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.bvh: no such motion file"):
        ak.read_motion(tmp_path / "none.bvh")
