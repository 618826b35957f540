import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io import VideoWriter, read_video
from avatar_kit.io.image import encode_image
from avatar_kit.io.video import read_frames

SIZE = (64, 48)


def picture(i: int, size=SIZE) -> np.ndarray:
    """A bar that tells the frame's number by its place, and a red corner that tells what is up."""
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    image[height // 2 :, i : i + 5] = 230
    image[: height // 3, : width // 3] = (200, 20, 20)
    return image


def number(image: np.ndarray) -> int:
    bar = (image[image.shape[0] // 2 + 4 :, :, 1].mean(0) - 100).clip(0)
    return round(float(bar @ np.arange(len(bar)) / bar.sum())) - 2 if bar.any() else -1


def write(path, frames=30, fps=30.0, size=SIZE, **options):
    with VideoWriter(path, fps, size, **options) as video:
        for i in range(frames):
            video.write(picture(i, size))
    return path


def test_round_trip(tmp_path):
    reader = read_video(write(tmp_path / "a.mp4", fps=29.97))
    frames = list(reader)
    assert (reader.width, reader.height, len(reader), reader.corrupt) == (*SIZE, 30, 0)
    assert reader.fps == pytest.approx(29.97, rel=1e-4)
    assert [number(f) for f in frames] == list(range(30))
    assert np.abs(frames[7][4, 4].astype(int) - (200, 20, 20)).max() < 8
    assert [number(f) for f in reader] == list(range(30)), "a reader can be iterated again"


def test_odd_sizes_are_continued(tmp_path):
    reader = read_video(write(tmp_path / "a.mp4", 3, size=(63, 47)))
    assert (reader.width, reader.height) == (64, 48)


def test_writer_leaves_nothing_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 30, SIZE) as video:
        video.write(picture(0))
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_writer_refuses_another_size(tmp_path):
    with (
        pytest.raises(ValueError, match=r"expected \[48, 64, 3\]"),
        VideoWriter(tmp_path / "a.mp4", 30, SIZE) as video,
    ):
        video.write(picture(0, (32, 32)))


def test_writer_refuses_unknown_containers(tmp_path):
    with pytest.raises(UserError, match=r"cannot write '\.gif'; use \.mp4"):
        VideoWriter(tmp_path / "a.gif", 30, SIZE)
    for suffix in (".mp4", ".mkv"):
        with pytest.raises(UserError, match=r"has no alpha; use \.webm \(VP9\) or \.mov \(ProRes"):
            VideoWriter(tmp_path / f"a{suffix}", 30, SIZE, alpha=True)


def ghost(i: int) -> np.ndarray:
    """A white ramp of alpha over a colour that alpha must not darken, and a bar that moves."""
    image = np.full((48, 64, 4), (200, 120, 40, 0), np.uint8)
    image[..., 3] = np.linspace(0, 255, 64).round()
    image[24:, 8 * i : 8 * i + 8] = (200, 120, 40, 255)
    return image


@pytest.mark.parametrize(
    ("suffix", "decoder", "pixels", "off"),
    [(".webm", "libvpx-vp9", "yuva420p", 6), (".mov", "prores", "yuva444p", 2)],
)
def test_alpha_is_straight_and_comes_back(tmp_path, suffix, decoder, pixels, off):
    """Read by the decoders players have; FFmpeg's own of VP9 would leave alpha out."""
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, 25, SIZE, alpha=True) as video:
        for i in range(4):
            video.write(ghost(i))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("vp9", "libvpx-vp9", "prores")
        reader = av.CodecContext.create(decoder, "r")
        reader.extradata = stream.codec_context.extradata
        reader.codec_tag = stream.codec_context.codec_tag
        packets = [packet for packet in container.demux(stream) if packet.size]
        found = [frame for packet in packets for frame in reader.decode(packet)]
    assert len(found) == 4 and found[0].format.name.startswith(pixels)
    for i, frame in enumerate(found):
        shown, truth = frame.to_ndarray(format="rgba").astype(int), ghost(i).astype(int)
        assert np.abs(shown - truth)[..., 3].mean() < off
        assert np.abs(shown - truth)[..., :3].max() < 12


def test_a_writer_with_alpha_wants_four_channels(tmp_path):
    with (
        pytest.raises(ValueError, match=r"expected \[48, 64, 4\]"),
        VideoWriter(tmp_path / "a.webm", 30, SIZE, alpha=True) as video,
    ):
        video.write(picture(0))


def test_opaque_webm(tmp_path):
    frames = list(read_video(write(tmp_path / "a.webm", 6)))
    assert [number(f) for f in frames] == list(range(6))
    assert np.abs(frames[3][4, 4].astype(int) - (200, 20, 20)).max() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_title_that_is_no_utf8_is_no_matter(tmp_path, suffix):
    """PyAV before 19 refuses the file unless it is told otherwise; from 19 on it cannot be told."""
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "TITLExyzTITLE"
        stream = out.add_stream("mpeg4", 25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for i in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i))))
        out.mux(stream.encode(None))
    data = path.read_bytes()
    assert b"TITLExyzTITLE" in data
    path.write_bytes(data.replace(b"TITLExyzTITLE", b"TITLE\xff\xe9\xfeTITLE"))
    assert len(list(read_video(path))) == 3


def test_rotation_flag_is_applied(tmp_path):
    """A phone held upright writes landscape frames and the matrix that turns them by 90 degrees."""
    path = write(tmp_path / "a.mp4", 3)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, SIZE[1] * one, 0, 1 << 30)
    path.write_bytes(data)
    reader = read_video(path)
    assert (reader.width, reader.height) == (SIZE[1], SIZE[0])
    image = next(iter(reader))
    red = image[..., 0].astype(int) - image[..., 1] > 100
    assert red[4, -4] and red.sum() == red[:, -16:].sum(), "the top-left corner is now top-right"


def varying(path, milliseconds):
    """A video whose frame i is shown at the given time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, at in enumerate(milliseconds):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_varying_rate_is_resampled_by_time(tmp_path):
    times = [0, 40, 80, 120, 320, 360, 400, 440, 480, 500, 520]
    reader = read_video(varying(tmp_path / "a.mp4", times))
    assert not reader.constant
    assert reader.fps == pytest.approx(25, rel=1e-3)
    shown = [number(f) for f in reader]
    expected = [int(np.abs(np.array(times) - t).argmin()) for t in range(0, 521, 40)]
    assert shown[:3] == [0, 1, 2]
    assert len(shown) == len(expected)
    distance = [abs(times[s] - 40 * k) for k, s in enumerate(shown)]
    assert distance == [abs(times[e] - 40 * k) for k, e in enumerate(expected)]
    assert reader.gaps == []


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("avi", "libx264"),
        ("avi", "mpeg4"),
        ("mkv", "libx264"),
        ("webm", "libvpx-vp9"),
        ("ts", "libx264"),
    ],
)
def test_other_containers(tmp_path, suffix, codec):
    """Among them AVI with B-frames, whose packets do not say when they are shown."""
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for i in range(30):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    reader = read_video(path)
    assert [number(f) for f in reader] == list(range(30))
    assert (reader.fps, reader.corrupt, reader.constant) == (pytest.approx(25), 0, True)


def packets(path):
    """Place and size in the file of every packet, in the order of decoding."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


def overwrite(path, start, content):
    data = bytearray(path.read_bytes())
    data[start : start + len(content)] = content
    path.write_bytes(data)


def test_corrupt_packets_lose_only_their_frames(tmp_path):
    path = write(tmp_path / "a.mp4", 50)
    for position, size in packets(path)[20:23]:
        overwrite(path, position, b"\xff" * size)
    reader = read_video(path)
    frames = list(reader)
    assert reader.corrupt == 3
    assert len(frames) == 47 and len(reader) == 50
    assert reader.gaps, "the frames after the loss do not follow those before it"
    sound = [number(f) for i, f in enumerate(frames) if i not in reader.suspect]
    assert sound[:15] == list(range(15))
    assert sound[-20:] == list(range(30, 50)), "sound again from the next key frame, at 30"
    assert 0 < len(reader.suspect) <= 10


@pytest.mark.parametrize("seed", range(5))
def test_random_damage_never_loses_the_rest(tmp_path, seed):
    path, noise = tmp_path / "a.mp4", np.random.default_rng(seed)
    with VideoWriter(path, 30, SIZE) as video:
        for i in range(50):
            grain = noise.integers(-20, 20, (SIZE[1], SIZE[0], 1))
            video.write((picture(i).astype(int) + grain).clip(0, 255).astype(np.uint8))
    middle, size = packets(path)[20]
    overwrite(path, middle - 150, noise.bytes(300))
    assert size > 300, "the damage meets two packets"
    reader = read_video(path)
    frames = list(reader)
    assert len(frames) + reader.corrupt == 50
    assert 0 < reader.corrupt <= 4
    assert [number(f) for f in frames[-15:]] == pytest.approx(range(35, 50), abs=1)


def test_frames_of_changing_size(tmp_path):
    path = tmp_path / "a.mjpeg"
    small = [encode_image(picture(i), ".jpg") for i in range(3)]
    large = [encode_image(picture(i, (96, 64)), ".jpg") for i in range(3)]
    path.write_bytes(b"".join(small + large))
    with pytest.raises(UserError, match=r"frame 3 is 96x64 pixels, the first was 64x48"):
        list(read_video(path))


def test_missing_video(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: no such video"):
        read_video(tmp_path / "a.mp4")


def test_not_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UserError, match=r"a\.mp4: cannot be opened as a video .* convert it"):
        read_video(path)


def test_no_frame_can_be_decoded(tmp_path):
    path = write(tmp_path / "a.mp4", 5)
    for position, size in packets(path):
        overwrite(path, position, b"\xff" * size)
    with pytest.raises(UserError, match=r"a\.mp4: no frame .* can be decoded; convert it"):
        read_video(path)


def test_cut_short(tmp_path):
    path = write(tmp_path / "a.mp4", 5)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"a\.mp4: the recording was cut off before its index"):
        read_video(path)


def test_chosen_frames(tmp_path):
    path = write(tmp_path / "a.mp4")
    wanted = [3, 4, 4, 20, 1]
    assert [number(f) for f in read_frames(path, wanted)] == wanted
    with pytest.raises(UserError, match="frame 30 cannot be decoded"):
        list(read_frames(path, [29, 30]))
