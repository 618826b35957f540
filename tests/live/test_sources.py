"""Clips as a camera: newest frame wins, and a new round is told from the one before."""

import platform
import time

import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.video import play
from avatar_kit.io.video_writer import VideoWriter
from avatar_kit.live import sources
from avatar_kit.live.sources import NewestFrame, check_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Ten frames, half a second, each brighter than the one before."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(path, 20, (32, 32)) as film:
        for number in range(10):
            film.write(np.full((32, 32, 3), 20 + 20 * number, np.uint8))
    return path


def number_of(picture) -> int:
    return round((float(picture.mean()) - 20) / 20)


def test_frames_come_with_their_times(clip):
    found = [(at, number_of(picture())) for at, picture in play(clip)]
    assert [number for _, number in found] == list(range(10))
    np.testing.assert_allclose([at for at, _ in found], np.arange(10) / 20, atol=1e-3)


def test_who_is_slow_gets_the_newest_and_learns_how_many_were_left_out(clip):
    source = NewestFrame(str(clip))
    first = source.take()
    time.sleep(0.26)
    number, at, _, dropped = source.take()
    assert dropped >= 2 and number == first[0] + dropped + 1 and at > first[1]
    source.stop()


def test_a_clip_goes_round_and_a_new_round_is_told(clip):
    source, seen = NewestFrame(str(clip)), []
    while len(seen) < 16:
        _, _, picture, _ = source.take()
        seen.append((source.round, number_of(picture)))
    source.stop()
    assert {turn for turn, _ in seen} >= {1, 2}
    for (turn, number), (before, earlier) in zip(seen[1:], seen, strict=False):
        assert number > earlier if turn == before else number < earlier, seen


def test_a_camera_that_goes_away_is_opened_again(clip, tmp_path, monkeypatch):
    """A clip in a camera's place: it ends, cannot be opened, and is there again."""
    device, away = tmp_path / "video0.mp4", tmp_path / "away.mp4"
    device.write_bytes(clip.read_bytes())
    monkeypatch.setattr(sources, "_CAMERAS", {platform.system(): ("mp4", str(device))})
    monkeypatch.setattr(sources, "_AGAIN", 0.05)
    source = NewestFrame("0")
    assert source.take() is not None
    device.rename(away)
    while source.take(1) is not None:  # what it still had
        pass
    before = source.round
    assert source.take(0.1) is None
    away.rename(device)
    assert source.take(10) is not None and source.round > before
    source.stop()


def test_a_file_that_is_no_video_and_a_camera_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(UserError, match="is text, not a video"):
        check_source(str(tmp_path / "notes.mp4"))
    with pytest.raises(UserError, match="no such file; expected browser"):
        check_source(str(tmp_path / "none.mp4"))
    with pytest.raises(UserError, match="--camera 97"):
        NewestFrame("97").take()
