"""Files that are no video, or no longer one: what is said of each."""

import os
import struct

import av
import numpy as np
import pytest
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.io.video import VideoWriter, read_video
from tests.io.encoded import encode, frame_of, ycbcr

SIZE = (64, 48)


def write(path, frames=60, **options):
    rng = np.random.default_rng(0)
    with VideoWriter(path, 25, SIZE, **options) as video:
        for _ in range(frames):
            video.write(rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8))
    return path


def refused(path, words):
    with pytest.raises(UserError, match=words) as error:
        read_video(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp4", b"", r"a\.mp4: is empty \(0 bytes\); copy it anew"),
        ("a.mp4", b"version https://git-lfs.github.com/spec/v1\n", r"is text, not a video"),
        ("a.mp4", "<html>Größe</html>".encode() * 400, r"is text, not a video"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:9,\nhttps://x.example/1.ts\n", r"is text, not a video"),
        ("a.mp4", bytes(range(256)) * 40, r"cannot be opened as a video .* convert it to H.264"),
    ],
)
def test_no_video_at_all(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, words)


@pytest.mark.parametrize(
    "address", ["https://x.example/a.mp4", "http:/x.example/a.mp4", "rtsp://10.0.0.1:554/live"]
)
def test_an_address(address):
    refused(address, r"^\w+://.*: is an address, not a file; download it first")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp"])
@pytest.mark.parametrize("named", ["", "mp4"])
def test_a_photo(tmp_path, suffix, named):
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (64, 48), "red").save(path)
    refused(path.rename(path.with_suffix(f".{named or suffix}")), "is a picture, not a video")


def test_a_photo_in_a_container_of_videos(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1"))
    refused(path, "is a picture, not a video")


def test_no_file(tmp_path):
    refused("/dev/zero", "/dev/zero: is no file")
    refused(tmp_path / "none.mp4" / "a.mp4", "no such video")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_no_permission(tmp_path):
    path = write(tmp_path / "a.mp4", 3)
    path.chmod(0)
    refused(path, r"a\.mp4: you have no permission to read it")


def without_index(path):
    """As a phone leaves it whose battery went flat: frames and no 'moov'."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(30):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def test_a_recording_without_an_index(tmp_path):
    words = r"cut off before its index was written .* untrunc or recover_mp4"
    refused(without_index(tmp_path / "a.mp4"), words)
    path = tmp_path / "b.mp4"
    path.write_bytes((tmp_path / "a.mp4").read_bytes()[:-200])
    refused(path, words)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi"])
@pytest.mark.parametrize("part", [0.35, 0.8])
def test_a_copy_that_broke_off(tmp_path, suffix, part):
    """How many of how many frames are missing; the others are whole and in order."""
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "avi":
        noise = np.random.default_rng(0).random((60, SIZE[1], SIZE[0], 3))
        encode(whole, "mpeg4", [frame_of(ycbcr(image, 1, 8), "yuv420p") for image in noise])
    else:
        write(whole)
    truth = list(read_video(whole))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    reader = read_video(path)
    found = list(reader)
    (note,) = reader.notes
    missing = 60 - len(found)
    assert f"the file is cut off: {missing} of 60 frames are missing; copy it anew" in note
    assert 60 * part - 12 < len(found) < 60 * part + 8
    assert reader.constant and reader.corrupt == 0 and reader.gaps == []
    assert all(np.array_equal(a, b) for a, b in zip(found, truth, strict=False))


def patched(path, box, offset, value):
    """Overwrite a 32-bit number of a box."""
    data = bytearray(path.read_bytes())
    at = data.index(box, data.index(b"stbl")) + 4 + offset
    data[at : at + 4] = struct.pack(">I", value)
    path.write_bytes(data)
    return path


def test_a_header_that_claims_too_many_frames(tmp_path):
    path = patched(write(tmp_path / "a.mp4", 5), b"stsz", 8, 1_000_000_000)
    refused(path, r"claims 1000000000 frames, more than a day")
    patched(path, b"stsz", 8, 2_000_000)
    refused(path, r"claims 2000000 frames in \d+ bytes; the file is damaged")


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (9_000, r"claims pictures of 9000x9000 pixels, more than 64 megapixels"),
        (60_000, r"no frame of the video can be decoded"),  # FFmpeg refuses it itself
    ],
)
def test_a_header_that_claims_too_many_pixels(tmp_path, side, words):
    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    path = encode(tmp_path / "a.mov", "qtrle", [frame] * 3)  # it has no other header
    patched(path, b"rle ", 24, (side << 16) + side)
    refused(path, words)


def test_sound_alone(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused(path, r"a\.m4a: holds no video stream, but sound alone")
