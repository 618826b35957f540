"""Random crop and rescale: pictures and cameras stay in register."""

import pytest
import torch
from avatar_kit_anr.config import CropConfig
from avatar_kit_anr.cropping import cropped, person_window, random_window

from avatar_kit.engine.device import seed_step
from avatar_kit.errors import UserError


def test_no_crop_is_the_batch_itself(batch):
    frames = batch([0, 1])
    assert cropped(frames, CropConfig(size=None)) is frames


@pytest.mark.parametrize("step", range(6))
def test_the_camera_follows_the_picture(batch, step):
    """The mask that is cropped is the silhouette that the new camera sees."""
    seed_step(0, step)
    new = cropped(batch([1, 4, 7]), CropConfig(size=48, scale=(0.75, 1.5), person=1.0))
    assert new.image.shape == (3, 3, 48, 48) and new.context.camera.width == 48
    seen = new.context.fragments.mask
    differs = ((seen - new.mask).abs() > 0.5).float().mean()
    assert seen.mean() > 0.15 and differs < 0.02


def test_pictures_and_plate_stay_in_register(batch, build, small_config):
    """Outside the person the scene behind the new camera is the cropped picture."""
    method = build(small_config())
    seed_step(0, 3)
    new = cropped(batch([0, 2]), CropConfig(size=48, scale=(0.8, 1.4), person=0.0))
    scene = method.avatar.renderer.scene(new.context.camera)
    outside = (new.mask == 0).expand_as(scene)
    assert (scene - new.image)[outside].abs().max() < 0.02


def test_pictures_smaller_than_the_crop_keep_their_size(batch):
    seed_step(0, 1)
    new = cropped(batch([0, 5]), CropConfig(size=512, scale=(0.5, 2.0)))
    assert new.image.shape == (2, 3, 64, 64) and new.context.camera.width == 64


def test_windows_lie_inside_at_the_scale_asked_for():
    mask = torch.zeros(64, 64)
    mask[60:, 60:] = 1
    for step in range(50):
        seed_step(1, step)
        left, top, side = random_window(mask, 40, CropConfig(scale=(0.5, 1.25)))
        assert 32 <= side <= 64
        assert 0 <= left <= 64 - side and 0 <= top <= 64 - side


def test_windows_are_placed_around_the_person():
    mask = torch.zeros(64, 64)
    mask[10:14, 50:54] = 1
    left, top = person_window(mask, 16)
    assert left <= 50 and left + 16 >= 54 and top <= 10 and top + 16 >= 14
    left, top = person_window(torch.zeros(64, 64), 16)
    assert 0 <= left <= 48 and 0 <= top <= 48


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"crop": {"scale": (1.5, 1.0)}}, "the smaller first"),
        (
            {"renderer": {"widths": (4,) * 6}},
            "widths halves 6 times: pictures of 48 pixels are too small",
        ),
    ],
)
def test_sizes_that_cannot_be(small_config, overrides, says):
    with pytest.raises(UserError, match=says):
        small_config(**overrides)
