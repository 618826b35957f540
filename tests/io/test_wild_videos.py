"""Videos that went wrong when people sent them: what a reader makes of each."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.video import read_video
from tests.conftest import shared_file
from tests.io.encoded import PATCHES, middles


@dataclass(frozen=True)
class Outcome:
    size: tuple[int, int]
    frames: int
    notes: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    rate: float = field(default=30 / 1.001)


HDR = "HDR (HLG), tone-mapped to SDR (BT.709, white at 100 cd/m2)"
WALL = (217.0, 206.0, 210.0)

READ = {
    "hlg10.mov": Outcome((854, 480), 60, (HDR,), WALL),
    "chlg.mov": Outcome((1280, 720), 12, (HDR,), rate=30),
    "c709u.mp4": Outcome((1280, 720), 12, rate=30),
    "sar43.mp4": Outcome(
        (854, 480), 60, ("pixels of 4:3 made square: 640x480 to 854x480",), (219, 207, 212)
    ),
    "interlaced.m2t": Outcome(
        (1024, 576),
        30,
        (
            "pixels of 64:45 made square: 720x576 to 1024x576",
            "interlaced, made progressive (bwdif)",
        ),
        (219, 207, 212),
        rate=15 / 1.001,
    ),
    "cover_first.mkv": Outcome((854, 480), 60, ("a cover picture in the file left out",), WALL),
    "trunc_faststart.mp4": Outcome(
        (854, 480),
        34,
        ("the file is cut off: 26 of 60 frames are missing; copy it anew from the camera",),
        WALL,
    ),
    "vp9_alpha.webm": Outcome(  # its key took the skin out and left the wall
        (854, 480),
        60,
        (
            "its alpha is left out: it keeps 100% of the border of the picture, so it cuts out no "
            "person",
        ),
        WALL,
    ),
    "concat2p.mp4": Outcome((412, 480), 108, rate=30),
    "faceblur.mp4": Outcome((412, 540), 45),
    "facehidden.mp4": Outcome((412, 540), 60),
    "sideways.mp4": Outcome((480, 854), 60),
    "freeze.mp4": Outcome((854, 480), 130),
    "shake.mp4": Outcome((854, 480), 90),
}
REFUSED = {
    "trunc_nomoov.mp4": r"cut off before its index was written .* untrunc or recover_mp4",
    "photo.jpg": r"is a picture, not a video",
    "sizechange.h264": r"frame 30 is 480x270 pixels, the first was 640x360; cut the video where",
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name):
    reader, expected = read_video(shared_file(f"video/wild/{name}")), READ[name]
    pictures = list(reader.with_masks())
    assert (reader.width, reader.height, len(pictures)) == (*expected.size, expected.frames)
    assert reader.fps == pytest.approx(expected.rate, rel=1e-3)
    assert tuple(reader.notes) == expected.notes
    assert (reader.corrupt, reader.gaps, reader.suspect, reader.constant) == (0, [], [], True)
    assert not reader.masked and all(mask is None for _, mask in pictures)
    first = pictures[0][0]
    assert first.shape == (expected.size[1], expected.size[0], 3)
    if expected.mean is not None:
        assert np.abs(first.reshape(-1, 3).mean(0) - expected.mean).max() < 4


@pytest.mark.parametrize("name", ["chlg.mov", "c709u.mp4"])
def test_patches_have_their_colours(name):
    picture = next(iter(read_video(shared_file(f"video/wild/{name}"))))
    assert np.abs(middles(picture) - PATCHES).max() <= 6


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    with pytest.raises(UserError, match=REFUSED[name]):
        list(read_video(shared_file(f"video/wild/{name}")))


def test_every_file_is_in_a_table():
    folder = shared_file("video/wild/MANIFEST.md").parent
    known = {"MANIFEST.md", *READ, *REFUSED}
    assert {path.name for path in folder.iterdir()} == known
