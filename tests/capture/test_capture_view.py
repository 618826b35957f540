import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.capture import CaptureView
from avatar_kit.capture.view import crop_resize, square_around, union_box
from avatar_kit.errors import UserError
from avatar_kit.io.cache import cache_dir


def test_box_covers_the_person_in_every_split(make):
    view = CaptureView(make.capture(make.root), 32, margin=0.0)
    left, top, side = view.crop  # the person spans x 12..39, y 12..36
    assert (left, side) == (12.0, 27.0)
    assert top == 10.0
    assert CaptureView(view.capture, 16, margin=0.0).crop == view.crop, "the same at every size"


def test_camera_projects_to_the_same_place(make):
    view = CaptureView(make.capture(make.root), 20)
    points = torch.tensor([[[0.1, 1.2, 0.0], [-0.2, 0.7, 0.3]]])
    full, _ = view.capture.camera.project(points)
    cropped, _ = view.camera.project(points)
    left, top, side = view.crop
    expected = (full - torch.tensor([left, top])) * 20 / side
    torch.testing.assert_close(cropped, expected, atol=1e-4, rtol=1e-4)
    assert (view.camera.width, view.camera.height) == (20, 20)


def test_a_capture_of_the_right_size_is_taken_whole(make):
    capture = make.capture(make.root, width=48, height=48)
    view = CaptureView(capture, 48)
    assert view.crop == (0.0, 0.0, 48.0)
    image, mask = make.frame(3, 48, 48)
    np.testing.assert_array_equal(view.image(3), image.transpose(2, 0, 1))
    np.testing.assert_array_equal(view.mask(3), mask)
    torch.testing.assert_close(view.camera.K, capture.camera.K)


def test_frames_are_decoded_once(make, monkeypatch):
    capture = make.capture(make.root)
    first = CaptureView(capture, 16)
    before = first.image(2), first.mask(2)
    monkeypatch.setattr(type(capture), "images", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(type(capture), "masks", lambda *_: pytest.fail("decoded again"))
    again = CaptureView(capture, 16)
    np.testing.assert_array_equal(again.image(2), before[0])
    np.testing.assert_array_equal(again.mask(2), before[1])
    assert again.image(2).dtype == np.uint8 and again.image(2).shape == (3, 16, 16)
    assert not [p for p in cache_dir("frames").rglob("*") if "partial" in p.name]


def test_pictures_are_free_to_change(make):
    view = CaptureView(make.capture(make.root), 16)
    view.image(0)[:] = 0
    assert view.image(0).any()


def test_empty_masks(make, monkeypatch):
    capture = make.capture(make.root)
    blank = np.zeros((48, 64), np.uint8)
    monkeypatch.setattr(type(capture), "masks", lambda *_: iter([blank] * 12))
    with pytest.raises(UserError, match="every mask is empty; prepare the capture again"):
        CaptureView(capture, 16)


@settings(max_examples=30, deadline=None)
@given(
    left=st.integers(-10, 20),
    top=st.integers(-10, 20),
    side=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_crop_repeats_the_border(left, top, side, seed):
    image = np.random.default_rng(seed).integers(0, 256, (18, 25, 3), dtype=np.uint8)
    rows = np.arange(top, top + side).clip(0, 17)
    columns = np.arange(left, left + side).clip(0, 24)
    np.testing.assert_array_equal(
        crop_resize(image, left, top, side, side), image[np.ix_(rows, columns)]
    )


def test_shrinking_keeps_the_mean():
    image = np.random.default_rng(0).integers(0, 256, (120, 120), dtype=np.uint8)
    small = crop_resize(image, 0, 0, 120, 30)
    blocks = image.reshape(30, 4, 30, 4).mean((1, 3))
    assert small.mean() == pytest.approx(image.mean(), abs=0.7)
    assert np.corrcoef(small.ravel(), blocks.ravel())[0, 1] > 0.9


def test_union_box():
    masks = np.zeros((2, 10, 12), np.uint8)
    masks[0, 3:5, 2:4] = 255
    masks[1, 7, 9] = 255
    assert union_box(masks) == (2, 3, 10, 8)
    assert union_box(masks * 0) is None


def test_square_is_centred_with_margin():
    assert square_around((10, 20, 30, 120), 0.1) == (-40.0, 10.0, 120.0)
