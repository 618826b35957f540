"""Animated pictures, read back by Pillow and by FFmpeg."""

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.io import AnimationWriter
from tests.io.test_synthetic import SAID, source_type
from tests.io.test_video_files import SIZE, ghost, number, picture

SUFFIXES = (".gif", ".webp")


def write(path, frames, fps=25.0, **options):
    size = frames[0].shape[1], frames[0].shape[0]
    with AnimationWriter(path, fps, size, alpha=frames[0].shape[2] == 4, **options) as out:
        for frame in frames:
            out.write(frame)
    return path


def read(path, mode="RGB"):
    """Frames, their durations in milliseconds, and the loop count."""
    with Image.open(path) as image:
        frames, durations = [], []
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert(mode)).astype(int))
            durations.append(image.info["duration"])
        return frames, durations, image.info["loop"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_come_back(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", [picture(i) for i in range(12)])
    frames, durations, loop = read(path)
    assert [number(f) for f in frames] == list(range(12))
    assert durations == [40] * 12 and loop == 0
    for i, frame in enumerate(frames):
        assert abs(frame - picture(i)).mean() < 4
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_ffmpeg_reads_the_same_gif(tmp_path):
    path = write(tmp_path / "a.gif", [picture(i) for i in range(6)])
    with av.open(str(path)) as container:
        found = [f.to_ndarray(format="rgb24").astype(int) for f in container.decode(video=0)]
    assert len(found) == 6
    for mine, theirs in zip(read(path)[0], found, strict=True):
        assert (mine == theirs).all()


@settings(deadline=None, max_examples=25)
@given(fps=st.floats(1, 50), count=st.integers(2, 12), suffix=st.sampled_from(SUFFIXES))
def test_no_frame_is_early_or_late(tmp_path_factory, fps, count, suffix):
    path = tmp_path_factory.mktemp("fps") / f"a{suffix}"
    _, durations, _ = read(write(path, [picture(i) for i in range(count)], fps))
    unit = 10 if suffix == ".gif" else 1
    ends = np.cumsum(durations)
    assert len(durations) == count and min(durations) >= 20
    assert abs(ends - np.arange(1, count + 1) * 1000 / fps).max() <= unit / 2 + 1e-9


def test_webp_keeps_alpha_and_gif_one_bit_of_it(tmp_path):
    truth = [ghost(i).astype(int) for i in range(4)]
    frames, _, _ = read(write(tmp_path / "a.webp", [ghost(i) for i in range(4)]), "RGBA")
    for frame, expected in zip(frames, truth, strict=True):
        assert abs(frame - expected)[..., 3].max() <= 1
        assert abs(frame - expected)[expected[..., 3] > 32].max() < 12
    path = write(tmp_path / "a.gif", [ghost(i) for i in range(4)])
    frames, _, _ = read(path, "RGBA")
    for frame, expected in zip(frames, truth, strict=True):
        covered = expected[..., 3] >= 128
        assert (frame[..., 3] == np.where(covered, 255, 0)).all()
        assert abs(frame - expected)[covered][:, :3].max() < 4


def test_what_stands_still_does_not_flicker(tmp_path):
    ramp = np.linspace(0, 255, 64 * 48).reshape(48, 64, 1).repeat(3, 2).astype(np.uint8)
    shown = []
    for i in range(5):
        frame = ramp.copy()
        frame[:8, 8 * i : 8 * i + 8] = (255, 30 * i, 0)
        shown.append(frame)
    frames, _, _ = read(write(tmp_path / "a.gif", shown))
    assert all((f[8:] == frames[0][8:]).all() for f in frames)
    assert abs(frames[0][8:] - ramp[8:]).max() <= 6


def test_they_say_that_they_are_synthetic(tmp_path):
    with Image.open(write(tmp_path / "a.gif", [picture(0), picture(9)], synthetic=SAID)) as gif:
        assert gif.info["comment"].decode() == f"{SAID.line()}; {SAID.source}"
    with Image.open(write(tmp_path / "a.webp", [picture(0), picture(9)], synthetic=SAID)) as webp:
        assert source_type(webp.info["xmp"]) == SAID.source


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_frame_is_a_picture(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", [picture(3)], synthetic=SAID)
    with Image.open(path) as image:
        assert abs(np.asarray(image.convert("RGB")).astype(int) - picture(3)).mean() < 4


def test_nothing_is_left_after_an_error(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"before")
    with pytest.raises(RuntimeError), AnimationWriter(tmp_path / "a.gif", 25, SIZE) as out:
        out.write(picture(0))
        raise RuntimeError
    with (
        pytest.raises(ValueError, match="no picture"),
        AnimationWriter(tmp_path / "b.gif", 25, SIZE),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]
    assert (tmp_path / "a.gif").read_bytes() == b"before"


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: no animated picture; use \.gif or \.webp"):
        AnimationWriter(tmp_path / "a.mp4", 25, SIZE)
    with pytest.raises(UserError, match=r"60 frames a second.*--fps 50 or less"):
        AnimationWriter(tmp_path / "a.gif", 60, SIZE)
    with pytest.raises(UserError, match="at most 16383 on a side"):
        AnimationWriter(tmp_path / "a.webp", 25, (20000, 8))
    with (
        pytest.raises(ValueError, match=r"expected \[48, 64, 4\]"),
        AnimationWriter(tmp_path / "a.webp", 25, SIZE, alpha=True) as out,
    ):
        out.write(picture(0))
