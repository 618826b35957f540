"""Parts of a video, pictures in a folder, masks of one's own."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.io import read_video
from avatar_kit.io.image import write_image
from avatar_kit.io.read_options import ReadOptions, parse_box, parse_rectangle, parse_time
from tests.io.encoded import frame_of, ycbcr
from tests.io.test_video_files import SIZE, number, picture, varying, write


def numbers(path, **options):
    return [number(image) for image in read_video(path, ReadOptions(**options))]


@pytest.mark.parametrize(
    ("options", "expected", "fps"),
    [
        ({}, range(30), 30),
        ({"start": 0.5}, range(15, 30), 30),
        ({"end": 0.5}, range(15), 30),
        ({"start": 0.2, "end": 0.4, "every": 2}, range(6, 12, 2), 15),
        ({"every": 7}, range(0, 30, 7), 30 / 7),
        ({"fps": 10}, range(0, 30, 3), 10),
        ({"fps": 10, "start": 0.3, "every": 2}, range(9, 30, 6), 5),
    ],
)
def test_parts_of_a_video(tmp_path, options, expected, fps):
    path = write(tmp_path / "a.mp4")
    reader = read_video(path, ReadOptions(**options))
    assert [number(image) for image in reader] == list(expected)
    assert len(reader) == len(expected)
    assert reader.fps == pytest.approx(fps)
    assert reader.start == pytest.approx(expected[0] / 30)
    assert (reader.corrupt, reader.gaps, reader.suspect) == (0, [], [])
    assert reader.options.record() == options


def test_a_part_of_a_video_of_varying_rate_is_told_by_time(tmp_path):
    times = [0, 40, 80, 120, 320, 360, 400, 440, 480, 500, 520]
    path = varying(tmp_path / "a.mp4", times)
    assert [times[n] for n in numbers(path, start=0.3, end=0.45)] == [320, 320, 360, 400, 440][1:]


def test_a_loss_outside_the_part_is_none(tmp_path):
    from tests.io.test_video_files import overwrite, packets

    path = write(tmp_path / "a.mp4", 50)
    position, size = packets(path)[22]
    overwrite(path, position, b"\xff" * size)
    reader = read_video(path, ReadOptions(end=0.5))
    assert [number(image) for image in reader] == list(range(15))
    assert (reader.corrupt, reader.gaps, reader.suspect) == (0, [], [])
    reader = read_video(path)
    assert len(list(reader)) + reader.corrupt == 50 and reader.corrupt


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 1.0}, r"--start 1: .*a\.mp4 is 1\.00 seconds long"),
        ({"start": -1}, "--start -1: expected 0"),
        ({"end": 2.0}, r"--end 2: .* is 1\.00 seconds long"),
        ({"start": 0.5, "end": 0.5}, "--end 0.5: must come after --start 0.5"),
        ({"start": 0.51, "end": 0.52}, r"--start 0.51: no frame of .* lies before --end 0.52"),
        ({"every": 0}, "--every 0: expected 1"),
        ({"fps": 60}, r"--fps 60: .*a\.mp4 has 30 frames a second; give fewer"),
        ({"fps": 0}, "--fps 0: expected"),
        ({"rotate": 45}, "--rotate 45: expected 90, 180 or 270"),
        ({"crop": (40, 0, 30, 40)}, r"--crop 40,0,30,40: .* inside 64x48"),
        ({"crop": (0, 0, 8, 8)}, "at least 16 pixels"),
        ({"crop": (0, 0, 16, 50), "rotate": 180}, "inside 64x48"),
    ],
)
def test_what_does_not_fit_the_video_is_refused(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        read_video(write(tmp_path / "a.mp4"), ReadOptions(**options))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_pictures_are_turned_clockwise_and_then_cropped(tmp_path, rotate):
    path = write(tmp_path / "a.mp4", 3)
    upright = next(iter(read_video(path)))
    turned = np.asarray(Image.fromarray(upright).rotate(-rotate, expand=True))
    box = (3, 5, 20, 30)
    reader = read_video(path, ReadOptions(rotate=rotate, crop=box))
    assert (reader.width, reader.height) == (20, 30)
    assert reader.full_size == (turned.shape[1], turned.shape[0])
    assert np.array_equal(next(iter(reader)), turned[5:35, 3:23])


def folder_of(root, names, **save):
    root.mkdir()
    for i, name in enumerate(names):
        Image.fromarray(picture(i)).save(root / name, **save)
    return root


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    root = folder_of(tmp_path / "frames", [f"f{i}.png" for i in range(12)])
    (root / "notes.txt").write_text("mine")
    (root / ".DS_Store").write_text("")
    reader = read_video(root, ReadOptions(fps=24))
    assert [number(image) for image in reader] == list(range(12))
    assert (reader.fps, reader.width, reader.height) == (24, *SIZE)
    assert reader.notes == ["1 files of the folder are no pictures and left out"]
    assert len(reader.files) == 12
    assert "30 pictures a second assumed; say --fps if not" in read_video(root).notes


def test_numbered_names(tmp_path):
    root = folder_of(tmp_path / "frames", [f"{i:05d}.png" for i in (3, 4, 5, 9, 10)])
    Image.new("RGB", (9, 9)).save(root / "cover.png")
    reader = read_video(root / "%05d.png", ReadOptions(fps=30))
    assert [number(image) for image in reader] == list(range(5))
    assert reader.notes == ["numbers are left out in 1 places; read as if none were"]
    with pytest.raises(UserError, match=r"%05d\.jpg: there are no such pictures"):
        read_video(root / "%05d.jpg")


def test_folders_that_are_no_video(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"empty: holds no pictures; expected \.bmp"):
        read_video(empty)
    root = folder_of(tmp_path / "frames", ["0.png", "1.png"])
    Image.new("RGB", (32, 32)).save(root / "2.png")
    with pytest.raises(UserError, match=r"2\.png: 32x32 pixels, the first picture has 64x48"):
        list(read_video(root))
    (root / "0.png").write_bytes(b"none")
    with pytest.raises(UserError, match=r"0\.png: cannot be read as a picture"):
        read_video(root)


def exif(**values):
    found = Image.Exif()
    found.update({0x0112: values["orientation"]} if "orientation" in values else {})
    if "focal" in values:
        found.get_ifd(0x8769)[0xA405] = values["focal"]
    return found


def test_pictures_say_how_they_are_turned_and_their_focal_length(tmp_path):
    names = [f"{i}.jpg" for i in range(6)]
    root = folder_of(tmp_path / "f", names, exif=exif(orientation=6, focal=26), quality=95)
    reader = read_video(root)
    assert (reader.width, reader.height) == SIZE[::-1]
    assert reader.focal_35mm == 26
    first = next(iter(reader))
    assert (first[2, -2] > (150, -1, -1)).all() and first[2, -2, 1] < 60, "red is up on the right"
    root = folder_of(tmp_path / "g", names, exif=exif(focal=2))
    reader = read_video(root)
    assert reader.focal_35mm is None
    assert "the focal length in the file, 2 mm, is not believed" in reader.notes


def test_the_focal_length_of_a_video_makes_the_camera(tmp_path):
    """26 mm (35 mm equivalent) see 79.5 degrees across the diagonal."""
    import av

    from avatar_kit.tracking.place import static_camera

    path = tmp_path / "a.mov"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out:
        out.metadata["com.apple.quicktime.camera.focal_length.35mm_equivalent"] = "26"
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
        for _ in range(5):
            frame = frame_of(ycbcr(np.full((72, 128, 3), 0.5), 1, 8), "yuv420p")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    reader = read_video(path, ReadOptions(rotate=90, crop=(10, 20, 40, 60)))
    assert reader.focal_35mm == 26
    given = {"focal_35mm": reader.focal_35mm, "crop": reader.crop}
    camera, note = static_camera(*reader.full_size, **given)
    assert note.endswith("(from the file: 26 mm (35 mm equivalent))")
    half = math.atan(0.5 * math.hypot(128, 72) / float(camera.K[0, 0, 0]))
    assert math.degrees(2 * half) == pytest.approx(79.5, abs=0.1)
    assert camera.K[0, :2, 2].tolist() == [36 - 10, 64 - 20]
    assert (camera.width, camera.height) == (40, 60)
    assert "(given)" in static_camera(72, 128, fov=50, focal_35mm=26)[1]
    assert "(assumed)" in static_camera(72, 128)[1]


def masks_of(root, count, image=None, size=SIZE):
    root.mkdir()
    for i in range(count):
        mask = np.zeros((size[1], size[0]), np.uint8)
        mask[10:20, i : i + 5] = 255
        write_image(root / f"{i}.png", mask if image is None else image)
    return root


def test_masks_follow_the_frames_and_the_pictures(tmp_path):
    video, masks = write(tmp_path / "a.mp4"), masks_of(tmp_path / "masks", 30)
    options = ReadOptions(start=0.5, every=4, rotate=90, crop=(0, 5, 48, 50), masks=masks)
    reader = read_video(video, options)
    assert reader.masked and "masks of masks" in reader.notes and len(reader.files) == 31
    found = list(reader.with_masks())
    assert len(found) == 4
    for (image, mask), frame in zip(found, range(15, 30, 4), strict=True):
        assert mask.shape == image.shape[:2] == (50, 48)
        expected = np.zeros((48, 64), np.uint8)
        expected[10:20, frame : frame + 5] = 255
        assert np.array_equal(mask, np.rot90(expected, -1)[5:55])


def test_a_mask_may_be_alpha(tmp_path):
    image = np.zeros((48, 64, 4), np.uint8)
    image[5:9, 5:9, 3] = 200
    root = masks_of(tmp_path / "masks", 3, image)
    video = write(tmp_path / "a.mp4", 3)
    mask = next(read_video(video, ReadOptions(masks=root)).with_masks())[1]
    assert np.array_equal(mask, image[..., 3])


@pytest.mark.parametrize(
    ("count", "image", "words"),
    [
        (4, None, r"--masks .*masks: 4 masks for 5 frames; give one for each"),
        (5, np.zeros((40, 64), np.uint8), r"0\.png: 64x40 pixels, the pictures .* have 64x48"),
        (5, np.eye(48, 64, dtype=np.uint8), r"0\.png: no pixel is above 1 of 255"),
        (0, None, r"masks: holds no pictures"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, count, image, words):
    root = masks_of(tmp_path / "masks", count, image)
    with pytest.raises(UserError, match=words):
        list(read_video(write(tmp_path / "a.mp4", 5), ReadOptions(masks=root)))


def test_masks_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match=r"--masks none: no such folder"):
        read_video(write(tmp_path / "a.mp4", 5), ReadOptions(masks=Path("none")))


def test_alpha_of_pictures_is_the_mask(tmp_path):
    root = tmp_path / "f"
    root.mkdir()
    image = np.dstack([picture(0), np.full(SIZE[::-1], 255, np.uint8)])
    image[:30, :, 3] = 0
    for i in range(5):
        Image.fromarray(image).save(root / f"{i}.png")
    shown, mask = next(read_video(root).with_masks())
    assert np.array_equal(mask, image[..., 3])
    assert (shown[:30] == 180).all() and np.array_equal(shown[30:], image[30:, :, :3])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 12), ("1:05", 65), ("1:02.5", 62.5), ("1:00:00", 3600), (".5", 0.5)],
)
def test_times(text, seconds):
    assert parse_time(text, "--start") == seconds


@pytest.mark.parametrize("text", ["", "a", "1:", "-3", "1:2:3:4", "nan", "1e3", "1,5"])
def test_what_is_no_time(text):
    with pytest.raises(UserError, match=r"--end .*: expected seconds or minutes:seconds"):
        parse_time(text, "--end")


def test_rectangles():
    assert parse_rectangle("1, 2,30,40") == (1, 2, 30, 40)
    for text in ("", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1.5,2,3,4"):
        with pytest.raises(UserError, match=r"--crop .*: write X,Y,W,H"):
            parse_rectangle(text)


@given(
    st.integers(2, 200),
    st.sampled_from([12.0, 24.0, 25.0, 30000 / 1001, 60.0]),
    st.integers(1, 9),
    st.floats(0, 0.9),
)
def test_a_part_holds_the_frames_between_its_times(count, fps, every, begin):
    times = 5.0 + np.arange(count) / fps
    start = round(begin * count / fps, 3)
    options = ReadOptions(start=start, every=every)
    inside = [k for k in range(count) if k / fps >= start - 1e-6]
    if not inside:
        with pytest.raises(UserError, match=r"no frame of a\.mp4 lies before the end"):
            options.slots(times, fps, True, Path("a.mp4"))
        return
    assert options.slots(times, fps, True, Path("a.mp4")).tolist() == inside[::every]


def test_colours_of_a_folder_are_untouched(tmp_path):
    root = folder_of(tmp_path / "f", [f"{i}.png" for i in range(5)])
    assert all(np.array_equal(a, picture(i)) for i, a in enumerate(read_video(root)))


def test_boxes_may_say_when():
    assert parse_box("1,2,30,40") == ((1, 2, 30, 40), None)
    assert parse_box("1,2,30,40@1:02.5") == ((1, 2, 30, 40), 62.5)
    for text, words in (
        ("1,2,3", "--box 1,2,3: write X,Y,W,H"),
        ("1,2,0,9", "width and a height of 1 pixel or more"),
        ("1,2,3,4@", "--box @ : expected seconds"),
        ("1,2,3,4@noon", "--box @ noon: expected seconds"),
    ):
        with pytest.raises(UserError, match=words):
            parse_box(text)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_places_are_told_in_the_pixels_of_the_file(tmp_path, rotate):
    """A red corner at the top left of the file is found again, however the picture is read."""
    path = write(tmp_path / "a.mp4", 2)
    reader = read_video(path, ReadOptions(rotate=rotate))
    picture = next(iter(reader)).astype(int)
    red = (picture[..., 0] - picture[..., 1]) > 100
    y, x = np.nonzero(red)
    middle = reader.in_file(np.array([x.mean() + 0.5, y.mean() + 0.5]))
    np.testing.assert_allclose(middle, (64 / 6, 48 / 6), atol=1)
    cropped = read_video(path, ReadOptions(rotate=rotate, crop=(3, 5, 20, 20)))
    np.testing.assert_allclose(cropped.in_file(np.zeros(2)), reader.in_file(np.array([3.0, 5.0])))
