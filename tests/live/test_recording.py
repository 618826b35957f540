import errno
from pathlib import Path

import av
import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.live.recording import Recording
from avatar_kit.live.session import recording_name


def flat(value: int, channels: int = 3) -> np.ndarray:
    return np.full((32, 48, channels), value, np.uint8)


def levels(path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(f.to_ndarray(format="rgb24").mean()) for f in container.decode(video=0)]


def test_pictures_stay_until_the_next_one_whatever_the_pace(tmp_path):
    out = tmp_path / "film.mp4"
    recording = Recording(out, 10.0)
    for now, value in ((5.0, 40), (5.21, 120), (5.6, 200)):
        recording.add(flat(value), now)
    assert not out.exists(), "a film appears when it is whole"
    assert "0.7 s" in recording.end()
    found = levels(out)
    assert len(found) == 7
    np.testing.assert_allclose(found, [40, 40, 120, 120, 120, 120, 200], atol=4)


def test_a_film_says_that_it_is_synthetic(tmp_path):
    said = Synthetic("ada", "run", "splat", "lectures")
    recording = Recording(tmp_path / "film.mp4", 10.0, said)
    recording.add(flat(40), 0.0)
    recording.end()
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert container.metadata["comment"].startswith(said.line())


@pytest.mark.parametrize(("background", "channels"), [("plate", 3), ("transparent", 4)])
def test_a_recording_from_the_page_has_a_name_that_can_hold_it(tmp_path, background, channels):
    out = Path(recording_name(tmp_path, background))
    recording = Recording(out, 10.0)
    recording.add(flat(40, channels), 0.0)
    recording.end()
    assert out.exists() and out.name.startswith("live-")


def test_alpha_is_kept_and_a_change_of_background_is_left_out(tmp_path):
    out = tmp_path / "film.webm"
    recording = Recording(out, 10.0)
    recording.add(flat(90, 4), 0.0)
    recording.add(flat(250), 0.1)  # an opaque picture
    recording.add(flat(90, 4), 0.3)
    recording.end()
    assert len(levels(out)) == 4 and max(levels(out)) < 120


def test_nothing_recorded_is_said_and_no_file(tmp_path):
    assert "nothing was recorded" in Recording(tmp_path / "a.mp4", 25.0).end()
    assert not list(tmp_path.iterdir())


def test_a_container_we_do_not_write_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"cannot write '\.avi'"):
        Recording(tmp_path / "a.avi", 25.0)
    recording = Recording(tmp_path / "a.mp4", 25.0)
    with pytest.raises(UserError, match="has no alpha"):
        recording.add(flat(9, 4), 0.0)
    recording.abandon()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_file(tmp_path, monkeypatch):
    recording = Recording(tmp_path / "a.mp4", 25.0)
    recording.add(flat(9), 0.0)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recording._writer, "write", full)
    with pytest.raises(OSError, match="No space"):
        recording.add(flat(9), 1.0)
    recording.abandon()
    assert not list(tmp_path.iterdir())
