"""Pixels that are not square, fields, alpha, covers: what a picture is made of."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.io.video import BEHIND_ALPHA, VideoWriter, play, read_frames, read_video
from tests.io.encoded import encode, frame_of, ycbcr


def disc(size, centre, radius, aspect=1.0):
    """[H, W, 3] a white disc on grey; its columns ``aspect`` times as wide as its rows."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    inside = np.hypot((x - centre[0]) * aspect, y - centre[1]) < radius
    return np.where(inside[..., None], 0.9, 0.3) * np.ones(3)


def extent(image):
    """Width and height of what is bright."""
    bright = image[..., 1] > 150
    return int(bright.any(0).sum()), int(bright.any(1).sum())


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((640, 480), Fraction(1281, 960), (854, 480)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((720, 480), Fraction(8, 9), (720, 540)),
    ],
)
def test_pixels_are_made_square(tmp_path, size, aspect, expected):
    image = disc(size, (size[0] / 2, size[1] / 2), 150, float(aspect))
    frame = frame_of(ycbcr(image, 1, 8), "yuv420p")
    path = tmp_path / "a.mp4"
    encode(path, "libx264", [frame] * 2, tags=(1, 1, 1, 1), sample_aspect_ratio=aspect)
    reader = read_video(path)
    assert (reader.width, reader.height) == expected
    picture = next(iter(reader))
    assert picture.shape == (expected[1], expected[0], 3)
    width, height = extent(picture)
    assert width == pytest.approx(height, abs=3)
    (note,) = reader.notes
    assert f"{size[0]}x{size[1]} to {expected[0]}x{expected[1]}" in note


def test_pixels_are_made_square_before_the_picture_is_turned(tmp_path):
    image = disc((320, 240), (160, 120), 60, 4 / 3)
    path, aspect = tmp_path / "a.mp4", Fraction(4, 3)
    frame = frame_of(ycbcr(image, 1, 8), "yuv420p")
    encode(path, "libx264", [frame], tags=(1, 1, 1, 1), sample_aspect_ratio=aspect)
    data = bytearray(path.read_bytes())
    at, one = data.index(b"tkhd") + 4 + 40, 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 240 * one, 0, 1 << 30)
    path.write_bytes(data)
    reader = read_video(path)
    assert (reader.width, reader.height) == (240, 426)
    width, height = extent(next(iter(reader)))
    assert width == pytest.approx(height, abs=3)


@pytest.mark.parametrize("aspect", [Fraction(1880, 1881), Fraction(10, 1)])
def test_an_aspect_of_less_than_a_pixel_or_that_is_absurd_changes_nothing(tmp_path, aspect):
    frame = frame_of(ycbcr(disc((64, 48), (32, 24), 9), 1, 8), "yuv420p")
    path = tmp_path / "a.mp4"
    encode(path, "libx264", [frame], tags=(1, 1, 1, 1), sample_aspect_ratio=aspect)
    reader = read_video(path)
    assert (reader.width, reader.height) == (64, 48)
    assert [("not believed" in note) for note in reader.notes] == [True] * (aspect > 2)


@pytest.mark.parametrize(
    ("codec", "options", "suffix"),
    [
        ("libx264", {"x264-params": "bff=1:crf=4"}, "mkv"),
        ("mpeg2video", {"flags": "+ildct+ilme", "b": "20M"}, "m2t"),
    ],
)
def test_fields_are_made_whole_pictures(tmp_path, codec, options, suffix):
    """The disc moves on between the two fields of a frame, which shows as combs."""
    size = (160, 96)
    truth = [disc(size, (30 + 4 * t, 48), 20) for t in range(24)]
    woven = []
    for first, second in zip(truth[::2], truth[1::2], strict=True):
        frame = first.copy()
        frame[::2] = second[::2]  # the bottom field is the first, which encoders take by default
        woven.append(frame_of(ycbcr(frame, 1, 8), "yuv422p" if suffix == "m2t" else "yuv420p"))
    path = tmp_path / f"a.{suffix}"
    encode(path, codec, woven, tags=(1, 1, 1, 1), options=options)
    reader = read_video(path)
    assert reader.notes == ["interlaced, made progressive (bwdif)"]
    found = list(reader)
    assert len(found) == 12

    def combs(image):
        rows = image[..., 1].astype(float)
        return np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean()

    for image, first in zip(found, truth[::2], strict=True):
        whole = 255 * first
        assert np.abs(image.astype(float) - whole).mean() < 1.5
        assert combs(image) < 1.5 * combs(whole)


def see_through(size=(64, 48), colour=(200, 120, 40), hidden=(0, 0, 0)):
    """[H, W, 4] a disc of one colour over nothing, which is stored as ``hidden``."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    alpha = (255 * (16.5 - np.hypot(x - 32, y - 24)).clip(0, 1)).round()
    image = np.where(alpha[..., None] > 0, colour, hidden)
    return np.dstack([image, alpha]).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_alpha_is_the_mask(tmp_path, suffix):
    with VideoWriter(tmp_path / f"a{suffix}", 25, (64, 48), alpha=True) as video:
        for _ in range(3):
            video.write(see_through())
    check_alpha(tmp_path / f"a{suffix}", 12)


@pytest.mark.parametrize(("codec", "pixels"), [("qtrle", "argb"), ("png", "rgba")])
def test_alpha_of_lossless_codecs(tmp_path, codec, pixels):
    frames = []
    for _ in range(3):
        frame = av.VideoFrame.from_ndarray(see_through(), format="rgba")
        frames.append(frame.reformat(format=pixels))
    check_alpha(encode(tmp_path / "a.mov", codec, frames), 1)


def check_alpha(path, off):
    reader = read_video(path)
    assert reader.masked
    assert reader.notes[-1] == "its alpha is the mask of the person"
    truth = see_through()
    for picture, mask in reader.with_masks():
        assert np.abs(mask.astype(int) - truth[..., 3]).mean() < 3
        share = truth[..., 3:] / 255.0
        expected = truth[..., :3] * share + BEHIND_ALPHA * (1 - share)
        assert np.abs(picture - expected)[share[..., 0] == 1].mean() < off / 2
        assert np.abs(picture - expected).max() < 8 * off, "no dark fringe"
        assert (picture[0, 0] > BEHIND_ALPHA - 3).all()
    assert np.array_equal(next(read_frames(path, [0])), next(iter(reader)))


def test_alpha_that_hides_nothing_is_no_mask(tmp_path):
    image = see_through()
    image[..., 3] = 255
    frame = av.VideoFrame.from_ndarray(image, format="rgba")
    reader = read_video(encode(tmp_path / "a.mov", "png", [frame] * 2))
    assert not reader.masked and reader.notes == []
    assert next(reader.with_masks())[1] is None


def test_alpha_that_keeps_the_border_cuts_out_no_person(tmp_path):
    """A key that took the person: the picture is read as it is."""
    image = see_through(hidden=(90, 60, 30))
    image[..., 3] = 255 - image[..., 3]
    frame = av.VideoFrame.from_ndarray(image, format="rgba")
    reader = read_video(encode(tmp_path / "a.mov", "png", [frame] * 2))
    assert not reader.masked
    assert np.array_equal(next(iter(reader)), image[..., :3])
    (note,) = reader.notes
    assert note.startswith("its alpha is left out: it keeps 100% of the border")


def several(path, sizes, frames, cover=None):
    """A file of several videos, each of one grey."""
    with av.open(str(path), "w") as out:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = out.add_stream("libx264" if number != cover else "mjpeg", rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuv420p" if number != cover else "yuvj420p"
            if number == cover:
                stream.disposition = av.stream.Disposition.attached_pic
            streams.append(stream)
        for number, stream in enumerate(streams):
            for t in range(frames[number]):
                grey = np.full((stream.height, stream.width, 3), 40 + 60 * number, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
                frame.pts, frame.time_base = t, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_cover_is_never_the_video(tmp_path, order, suffix):
    sizes, frames = [(320, 240), (64, 48)], [1, 10]
    sizes, frames = [sizes[k] for k in order], [frames[k] for k in order]
    cover = order.index(0)
    reader = read_video(several(tmp_path / f"a.{suffix}", sizes, frames, cover))
    assert (reader.width, reader.height, len(list(reader))) == (64, 48, 10)
    assert reader.notes == ["a cover picture in the file left out"]


def test_the_largest_of_several_videos(tmp_path):
    path = several(tmp_path / "a.mkv", [(64, 48), (128, 96), (32, 32)], [10, 8, 6])
    reader = read_video(path)
    assert (reader.width, reader.height, len(list(reader))) == (128, 96, 8)
    assert reader.notes == ["3 videos in the file: the one of 128x96 read"]
    assert next(iter(reader)).mean() == pytest.approx(100, abs=3)


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.fractions(Fraction(1, 2), 2))
def test_square_pixels_keep_the_shape_of_things(tmp_path_factory, across, down, aspect):
    width, height = 2 * across, 2 * down
    aspect = aspect.limit_denominator(200)
    frame = frame_of(ycbcr(np.full((height, width, 3), 0.5), 1, 8), "yuv420p")
    path = tmp_path_factory.mktemp("aspect") / "a.mp4"
    encode(path, "libx264", [frame], tags=(1, 1, 1, 1), sample_aspect_ratio=aspect)
    reader = read_video(path)
    assert reader.width >= width and reader.height >= height, "no pixel is lost"
    shape = reader.width / reader.height / (width / height * float(aspect))
    assert abs(shape - 1) < 2 / min(width, height)


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_a_clip_is_played_as_it_is_read(tmp_path, suffix):
    """Who is live before a clip sees what ``prepare`` sees: square pixels, grey behind alpha."""
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, 25, (64, 48), alpha=True) as video:
        for _ in range(3):
            video.write(see_through())
    played = list(play(path))
    assert [at for at, _ in played] == pytest.approx([0, 0.04, 0.08], abs=1e-3)
    read = list(read_video(path))
    assert all(np.array_equal(show(), image) for (_, show), image in zip(played, read, strict=True))
