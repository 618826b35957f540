"""What bad input gets: one line that names the file and the fix, and nothing half-written."""

import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import VideoWriter, read_video
from avatar_kit.tracking import Options, prepare_video, track_motion
from tests.conftest import default_tracker, shared_file


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def blank(tmp_path):
    """Twelve frames of an empty room."""
    path = tmp_path / "room.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 25.0, (160, 120)) as video:
        for _ in range(12):
            video.write(rng.integers(190, 200, (120, 160, 3)).astype(np.uint8))
    return path


def refused(video, out, words, options=None):
    with pytest.raises(UserError, match=words) as error:
        prepare_video(video, out, options)
    assert "\n" not in str(error.value)
    assert not out.exists()
    return error.value


def test_a_video_that_cannot_be_decoded(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(bytes(range(256)) * 8)
    refused(path, tmp_path / "out", r"broken\.mp4: .*convert it to H\.264")


def test_a_video_that_is_not_there(tmp_path):
    refused(tmp_path / "none.mp4", tmp_path / "out", r"none\.mp4: no such video")


@pytest.mark.slow  # the tracker begins anew
def test_a_video_without_a_person(blank, tmp_path):
    default_tracker()
    refused(blank, tmp_path / "out", r"room\.mp4: no person found in 100 % .* film one person")


def test_driving_with_a_video_without_a_person(blank):
    default_tracker()
    with pytest.raises(UserError, match="no person found"):
        track_motion(blank)


def test_frames_of_changing_size(tmp_path):
    pytest.importorskip("mediapipe")
    path = tmp_path / "changing.h264"
    with open(path, "wb") as file:
        for width, height in ((160, 120), (192, 128)):
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base = Fraction(1, 25)
            for t in range(6):
                frame = av.VideoFrame(width, height, "yuv420p")
                frame.pts = t
                for packet in encoder.encode(frame):
                    file.write(bytes(packet))
            for packet in encoder.encode(None):
                file.write(bytes(packet))
    refused(path, tmp_path / "out", r"changing\.h264: .*192x128.*160x120.*cut the video")


def test_an_output_folder_that_is_not_empty(blank, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match=r"out: the output folder is not empty; choose another"):
        prepare_video(blank, out)
    assert (out / "mine.txt").read_text() == "keep"


def test_the_extra_track_is_not_installed(blank, tmp_path, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.delitem(sys.modules, "avatar_kit_mediapipe.holistic.tracker", raising=False)
    options = Options(tracker="mediapipe")
    error = refused(blank, tmp_path / "out", r'pip install "avatar-kit\[track\]"', options)
    assert isinstance(error, MissingExtra)


@pytest.mark.slow
def test_a_person_cut_by_the_frame(tmp_path):
    default_tracker()
    source = read_video(shared_file("video/turntable_dress.mp4"))
    path = tmp_path / "upper.mp4"
    with VideoWriter(path, 30.0, (720, 560)) as video:
        for _, image in zip(range(8), source, strict=False):
            video.write(np.ascontiguousarray(image[:560]))
    words = r"upper\.mp4: the person is cut by the frame \(the feet in 100% .*step back"
    refused(path, tmp_path / "out", words)


def test_a_held_out_part_that_is_none(blank, tmp_path):
    refused(blank, tmp_path / "out", "--held-out 0.9: expected", Options(held_out=0.9))


def test_a_shape_that_is_none():
    from avatar_kit.cli.prepare import shape_values

    assert shape_values(["gender=0.9", "age=0.5"]) == {"gender": 0.9, "age": 0.5}
    for item in ("gender", "gender=tall"):
        with pytest.raises(UserError, match="write name=value"):
            shape_values([item])


@pytest.mark.slow
def test_a_shape_that_the_body_does_not_take_is_refused_before_the_work(blank, tmp_path):
    refused(
        blank, tmp_path / "out", "gender=7 must lie between 0 and 1", Options(shape={"gender": 7})
    )
    refused(blank, tmp_path / "out", "has no shape value 'girth'", Options(shape={"girth": 0.5}))


def test_an_output_that_cannot_be_written_is_told_before_the_work(blank, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"me: no folder can be made there: a part of the path is a"
    ):
        prepare_video(blank, tmp_path / "file" / "me")
    with pytest.raises(UserError, match=r"/proc/none/me: no folder can be made there: "):
        prepare_video(blank, "/proc/none/me")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ReadOptions(start=0.4), r"room\.mp4: 2 frames to read, but at least 5 are needed; film"),
        (ReadOptions(every=4), r"room\.mp4: 3 frames to read"),
        (ReadOptions(start=9), r"--start 9: .*room\.mp4 is 0\.48 seconds long"),
        (ReadOptions(crop=(100, 0, 100, 100)), "--crop 100,0,100,100: .* inside 160x120"),
    ],
)
def test_a_part_that_the_video_does_not_have(blank, tmp_path, options, words):
    refused(blank, tmp_path / "out", words, Options(read=options))
