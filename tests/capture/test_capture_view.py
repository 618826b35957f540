import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.capture import CaptureView, Sample, open_capture
from avatar_kit.capture.crop import Crop, crop_around, crop_resize, needed_width
from avatar_kit.capture.masks import union_box
from avatar_kit.errors import UserError
from avatar_kit.io.cache import cache_dir

AT = Sample(2, "main")


def test_box_covers_the_person_in_every_split(make):
    view = CaptureView(make.capture(make.root), 32, margin=0.0)
    assert view.crops["main"] == Crop(12, 10, 27, 27)  # the person spans x 12..39, y 12..36
    assert CaptureView(view.capture, 16, margin=0.0).crops == view.crops, "the same at every size"


def test_the_width_follows_the_person(make):
    capture = make.capture(make.root, width=100, height=90, frames=5)  # x 12..32, y 23..68
    view = CaptureView(capture, 45, margin=0.0)
    assert (view.width, view.height) == (21, 45)
    assert view.image(Sample(0, "main")).shape == (3, 45, 21)
    assert CaptureView(capture, 45, margin=0.0, multiple_of=16).width == 32
    assert CaptureView(capture, 45, 45, margin=0.0).width == 45, "unless said otherwise"
    wide = make.capture(make.root.parent / "wide", width=300, height=90, frames=200)
    assert CaptureView(wide, 45, margin=0.0).width == 45, "at most the height"


@pytest.mark.parametrize(
    ("needed", "size", "width"),
    [(75, (200, 100), 75), (76, (200, 100), 100), (76, (100, 100), 100), (76, (90, 100), 76)],
)
def test_a_width_that_saves_little_is_not_taken(needed, size, width):
    """A square then, if the pictures have the room for one."""
    assert needed_width({"a": (0, 0, needed, 100)}, {"a": size}, 100, 0.0) == width


def test_camera_projects_to_the_same_place(make):
    view = CaptureView(make.capture(make.root), 20)
    points = torch.tensor([[[0.1, 1.2, 0.0], [-0.2, 0.7, 0.3]]])
    full, _ = view.capture.camera.project(points)
    cropped, _ = view.cameras["main"].project(points)
    crop = view.crops["main"]
    scale = torch.tensor([view.width / crop.width, view.height / crop.height])
    expected = (full - torch.tensor([crop.left, crop.top])) * scale
    torch.testing.assert_close(cropped, expected, atol=1e-4, rtol=1e-4)
    assert (view.cameras["main"].width, view.cameras["main"].height) == (view.width, 20)


def test_a_capture_of_the_right_height_keeps_its_rows(make):
    capture = make.capture(make.root, width=60, height=48)
    view = CaptureView(capture, 48)
    crop = view.crops["main"]
    assert (crop.top, crop.height, crop.width) == (0, 48, view.width) and view.width < 60
    columns = slice(crop.left, crop.left + crop.width)
    image, mask = make.frame(3, 60, 48)
    np.testing.assert_array_equal(
        view.image(Sample(3, "main")), image.transpose(2, 0, 1)[..., columns]
    )
    np.testing.assert_array_equal(view.mask(Sample(3, "main")), mask[:, columns])
    shifted = capture.camera.K[0].clone()
    shifted[0, 2] -= crop.left
    torch.testing.assert_close(view.cameras["main"].K[0], shifted)


def test_a_capture_that_is_too_large_to_store_is_read_where_it_lies(make, monkeypatch):
    capture = make.capture(make.root)
    stored = CaptureView(capture, 16).image(Sample(4, "main"))
    monkeypatch.setattr("avatar_kit.capture.view.STORE_BYTES", 1000)
    before = sorted(cache_dir("frames").rglob("*.npy"))
    view = CaptureView(capture, 24)
    assert view.image(Sample(4, "main")).shape == (3, 24, view.width)
    np.testing.assert_array_equal(CaptureView(capture, 16).image(Sample(4, "main")), stored)
    assert sorted(cache_dir("frames").rglob("*.npy")) == before


def test_frames_are_decoded_once(make, monkeypatch):
    capture = make.capture(make.root)
    first = CaptureView(capture, 16)
    before = first.image(AT), first.mask(AT)
    monkeypatch.setattr(type(capture), "images", lambda *_, **__: pytest.fail("decoded again"))
    monkeypatch.setattr(type(capture), "masks", lambda *_, **__: pytest.fail("decoded again"))
    again = CaptureView(capture, 16)
    np.testing.assert_array_equal(again.image(AT), before[0])
    np.testing.assert_array_equal(again.mask(AT), before[1])
    assert again.image(AT).dtype == np.uint8 and again.image(AT).shape == (3, 16, again.width)
    assert not [p for p in cache_dir("frames").rglob("*") if "partial" in p.name]


def test_pictures_are_free_to_change(make):
    view = CaptureView(make.capture(make.root), 16)
    view.image(AT)[:] = 0
    assert view.image(AT).any()


def test_empty_masks(make, monkeypatch):
    capture = make.capture(make.root)
    blank = np.zeros((48, 64), np.uint8)
    monkeypatch.setattr(type(capture), "masks", lambda *_, **__: iter([blank] * 12))
    with pytest.raises(UserError, match="every mask is empty; prepare the capture again"):
        CaptureView(capture, 16)


def masks_of(make, monkeypatch, *masks):
    capture = make.capture(make.root)
    given_ = [np.full((48, 64), value, np.uint8) for value in masks]
    seen = iter([*given_, *[SOMEBODY] * (len(capture) - len(given_))])
    monkeypatch.setattr(type(capture), "masks", lambda *_, **__: seen)
    return capture


SOMEBODY = np.pad(np.full((20, 20), 255, np.uint8), ((10, 18), (10, 34)))


def test_masks_that_cover_everything_are_refused(make, monkeypatch):
    capture = masks_of(make, monkeypatch, *[255] * 9)
    with pytest.raises(UserError, match=r"9 of 12 masks cover all .* must be white on the person"):
        CaptureView(capture, 16)
    assert not list(cache_dir("frames").rglob("masks.json"))


def test_some_empty_and_full_masks_are_said_each_time(make, monkeypatch, caplog):
    capture = masks_of(make, monkeypatch, 0, 255, 0)
    for _ in range(2):
        caplog.clear()
        CaptureView(capture, 16)
        said = [record.getMessage() for record in caplog.records]
        assert any("2 of 12 masks show nobody (frames 0, 2)" in line for line in said)
        assert any("1 of 12 masks cover all of the picture (frames 1)" in line for line in said)


@settings(max_examples=30, deadline=None)
@given(
    left=st.integers(-10, 20),
    top=st.integers(-10, 20),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_crop_repeats_the_border(left, top, width, height, seed):
    image = np.random.default_rng(seed).integers(0, 256, (18, 25, 3), dtype=np.uint8)
    rows = np.arange(top, top + height).clip(0, 17)
    columns = np.arange(left, left + width).clip(0, 24)
    found = crop_resize(image, Crop(left, top, width, height), width, height)
    np.testing.assert_array_equal(found, image[np.ix_(rows, columns)])


def test_shrinking_keeps_the_mean():
    image = np.random.default_rng(0).integers(0, 256, (120, 80), dtype=np.uint8)
    small = crop_resize(image, Crop(0, 0, 80, 120), 20, 30)
    blocks = image.reshape(30, 4, 20, 4).mean((1, 3))
    assert small.mean() == pytest.approx(image.mean(), abs=0.7)
    assert np.corrcoef(small.ravel(), blocks.ravel())[0, 1] > 0.9


@settings(max_examples=60, deadline=None)
@given(
    box=st.tuples(st.integers(0, 90), st.integers(0, 60), st.integers(1, 60), st.integers(1, 60)),
    height=st.integers(16, 200),
    margin=st.floats(0, 0.3),
    multiple=st.sampled_from([1, 4, 16]),
)
def test_the_crop_holds_the_person_and_keeps_square_pixels(box, height, margin, multiple):
    x, y, wide, tall = box
    person, size = (x, y, x + wide, y + tall), (160, 130)
    width = needed_width({"a": person}, {"a": size}, height, margin, multiple)
    crop = crop_around(person, size, (width, height), margin)
    assert width <= height
    assert crop.left <= x and crop.left + crop.width >= x + wide - 1
    assert crop.top <= y and crop.top + crop.height >= y + tall
    # whole pixels: half a pixel of the picture at most
    assert abs(crop.width * height / crop.height - width) <= 0.5 * height / crop.height + 1e-6


def test_union_box():
    masks = np.zeros((2, 10, 12), np.uint8)
    masks[0, 3:5, 2:4] = 255
    masks[1, 7, 9] = 255
    assert union_box(masks) == (2, 3, 10, 8)
    assert union_box(masks * 0) is None


def test_decoded_frames_that_are_deleted_are_decoded_again(capture_folder, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))
    view = CaptureView(open_capture(capture_folder), 64)
    before = view.image(Sample(0, next(iter(view.cameras)))).copy()
    shutil.rmtree(tmp_path)
    assert (view.image(Sample(0, next(iter(view.cameras)))) == before).all()  # still open
    again = CaptureView(open_capture(capture_folder), 64)
    assert (again.image(Sample(0, next(iter(view.cameras)))) == before).all()

    written = CaptureView._write_store

    def deleted(self, path, camera):
        written(self, path, camera)
        shutil.rmtree(tmp_path)

    shutil.rmtree(tmp_path)
    monkeypatch.setattr(CaptureView, "_write_store", deleted)
    with pytest.raises(UserError, match="deleted 3 times while it was written"):
        CaptureView(open_capture(capture_folder), 64).image(Sample(0, next(iter(view.cameras))))
