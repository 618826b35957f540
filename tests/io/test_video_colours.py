"""Colours as they are stored, against formulas written out here in float numpy."""

import av
import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.video import read_video
from tests.io.encoded import PATCHES, encode, frame_of, middles, patches, ycbcr

SIZE = (256, 64)
#: Linear BT.709 to linear BT.2020 (ITU-R BT.2087).
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def pq(light):
    """Signal of luminance in cd/m2 (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    y = (light / 10_000) ** m1
    return ((c1 + c2 * y) / (1 + c3 * y)) ** m2


def hlg(light):
    """Signal of luminance in cd/m2 on a display of 1000 cd/m2, its OOTF undone by channel."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene = (light / 1000) ** (1 / 1.2)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), a * np.log((12 * scene - b).clip(1e-9)) + c
    )


def hdr(path, signal, number, white, values=PATCHES, pixels="yuv420p10le", codec="libx265"):
    light = white * (patches(SIZE, values) / 255) ** 2.4 @ TO_BT2020.T
    frame = frame_of(ycbcr(signal(light), 9, 10), pixels)
    options = {"x265-params": "log-level=none:crf=6"} if codec == "libx265" else {}
    return encode(path, codec, [frame] * 3, tags=(9, 9, number, 1), options=options)


@pytest.mark.parametrize(("white", "said"), [(203, "203"), (100, "100")])
@pytest.mark.parametrize(("name", "signal", "number"), [("HLG", hlg, 18), ("PQ", pq, 16)])
def test_hdr_is_tone_mapped(tmp_path, name, signal, number, white, said):
    """SDR shown on an HDR display, at the white of HDR (BT.2408) or at its own, comes back."""
    reader = read_video(hdr(tmp_path / "a.mp4", signal, number, white))
    off = np.abs(middles(next(iter(reader))) - PATCHES)
    assert off.max() <= 6
    assert reader.notes == [f"HDR ({name}), tone-mapped to SDR (BT.709, white at {said} cd/m2)"]


def test_hdr_that_cannot_be_sought_in(tmp_path):
    """A bare stream has no index: its first frame tells how bright it is."""
    reader = read_video(hdr(tmp_path / "a.hevc", pq, 16, 203))
    assert np.abs(middles(next(iter(reader))) - PATCHES).max() <= 6
    assert "white at 203 cd/m2" in reader.notes[0]


def test_highlights_bend_and_keep_their_order(tmp_path):
    """Greys up to three times the light of white: all told apart, below the shoulder as before."""
    levels = 255 * np.array([0.2, 0.6, 0.9, 1.0, 1.04, 1.1, 1.25, 1.6])
    path = hdr(tmp_path / "a.mkv", pq, 16, 203, levels[:, None].repeat(3, 1), codec="ffv1")
    found = middles(next(iter(read_video(path))))
    assert np.ptp(found, axis=1).max() <= 1
    grey = found[:, 1]
    assert (np.diff(grey) > 0).all() and grey[-1] <= 255
    assert np.abs(grey[:3] - levels[:3]).max() <= 2
    assert grey[3] == pytest.approx(249, abs=1)


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_bt2020_without_hdr(tmp_path, pixels):
    signal = ((patches(SIZE) / 255) ** 2.4 @ TO_BT2020.T) ** (1 / 2.4)
    frame = frame_of(ycbcr(signal, 9, 10), pixels)
    reader = read_video(encode(tmp_path / "a.mkv", "ffv1", [frame] * 2, tags=(9, 9, 14, 1)))
    assert np.abs(middles(next(iter(reader))) - PATCHES).max() <= 2
    assert reader.notes == ["colours of BT.2020, brought to BT.709"]


@pytest.mark.parametrize("size", [(64, 720), (64, 480)])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [2, 1, 6])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
def test_sdr_is_as_tagged_and_untagged_by_its_lines(tmp_path, size, full, matrix, pixels):
    meant = matrix if matrix != 2 else 1 if size[1] >= 720 else 6
    bits = 10 if "10" in pixels else 8
    planes = ycbcr(patches(size) / 255, meant, bits, full=full)
    tags = (matrix, 2, 2, 2 if full else 0)
    path = encode(tmp_path / "a.mkv", "ffv1", [frame_of(planes, pixels)], tags=tags)
    reader = read_video(path)
    assert np.abs(middles(next(iter(reader))) - PATCHES).max() <= 3
    assert reader.notes == []


def test_motion_jpeg_is_bt601_of_full_range(tmp_path):
    planes = ycbcr(patches((1280, 720)) / 255, 6, 8, full=True)
    frame = frame_of(planes, "yuvj420p")
    options = {"qmin": "1", "qmax": "1"}
    path = encode(tmp_path / "a.avi", "mjpeg", [frame] * 2, tags=(2, 2, 2, 2), options=options)
    assert np.abs(middles(next(iter(read_video(path)))) - PATCHES).max() <= 3


@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "bgr0"), ("qtrle", "rgb24")])
def test_stored_as_rgb(tmp_path, codec, pixels):
    image = np.rint(patches(SIZE)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    path = encode(
        tmp_path / ("a.mkv" if codec == "ffv1" else "a.mov"),
        codec,
        [frame.reformat(format=pixels)] * 2,
    )
    reader = read_video(path)
    assert np.abs(middles(next(iter(reader))) - PATCHES).max() <= 1
    assert not reader.masked


def test_a_matrix_that_is_not_understood(tmp_path):
    frame = frame_of(ycbcr(patches(SIZE) / 255, 1, 8), "yuv444p")
    path = encode(tmp_path / "a.mkv", "ffv1", [frame], tags=(8, 2, 2, 1))
    with pytest.raises(UserError, match=r"a\.mkv: its colours .*\(matrix 8 of ITU-T H.273\)"):
        read_video(path)
