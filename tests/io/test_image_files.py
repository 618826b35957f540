import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io import read_image, write_image
from avatar_kit.io.image import encode_image


@settings(max_examples=15, deadline=None)
@given(shape=st.sampled_from([(5, 7), (5, 7, 3), (1, 1, 4)]), seed=st.integers(0, 99))
def test_png_is_lossless(tmp_path_factory, shape, seed):
    path = tmp_path_factory.mktemp("png") / "a.png"
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    write_image(path, image)
    mode = {2: "L", 3: "RGBA" if shape[-1] == 4 else "RGB"}[len(shape)]
    np.testing.assert_array_equal(read_image(path, mode=mode), image)


def test_jpeg_keeps_colours(tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, 16:] = (200, 30, 90)
    write_image(tmp_path / "a.jpg", image)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - image).max() <= 6


def test_missing_picture(tmp_path):
    with pytest.raises(UserError, match=r"a\.png: no such picture"):
        read_image(tmp_path / "a.png")


def test_damaged_picture(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"a\.png: cannot be read as a picture"):
        read_image(path)


def test_unknown_suffix(tmp_path):
    with pytest.raises(UserError, match=r"cannot write '\.webp'; use \.png or \.jpg"):
        write_image(tmp_path / "a.webp", np.zeros((2, 2, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_not_a_picture():
    with pytest.raises(ValueError, match="uint8"):
        encode_image(np.zeros((2, 2, 3)), ".png")
